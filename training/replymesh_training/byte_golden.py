"""Golden digests of byte-level token ids, to which serving is held: `python -m replymesh_training.byte_golden`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from replymesh_training import variations
from replymesh_training.bundle import BYTE_TOKENIZER_CONFIG
from replymesh_training.byte_encoder import train_tokenizer
from replymesh_training.rows import NATURAL
from replymesh_training.tokens import encode

GOLDEN = NATURAL / "byte-golden.json"
VOCABULARY = 512
LIMITS = (64, 16_384)
"""Token limits that each text is read at: most long texts are cut, and hardly any."""
SPECIAL = [
    "<s>",
    "a</s> b",
    " <mask> <pad>",
    "<unk><|endoftext|>",
    "don't we'll I'M",
    "a\u0085b\u2028c\ufeffd",
    "\u1680 x\u3000\u3000y",
    "½Ⅷ²٣",
    "e\u0301\u200d🏽",
]
"""Where libraries are known to part: special tokens said by a customer, contractions, spaces that are none everywhere, numbers that are no digits."""


def make_tokenizer() -> Tokenizer:
    return train_tokenizer(variations.texts_of("natural-train.csv"), VOCABULARY)


def digest(tokenizer: Tokenizer, texts: Sequence[str]) -> str:
    """SHA-256 over, for each limit and text, little-endian int32: how many ids, the ids."""
    seen = hashlib.sha256()
    for limit in LIMITS:
        for ids in encode(tokenizer, texts, limit):
            seen.update(np.array([len(ids), *ids], "<i4").tobytes())
    return seen.hexdigest()


def golden(tokenizer: Tokenizer) -> dict[str, Any]:
    """The tokenizer itself, its ids of `SPECIAL` texts, and rows and digest of every block of `variations`."""
    return {
        "limits": LIMITS,
        "special": [{"text": text, "ids": encode(tokenizer, [text], LIMITS[0])[0]} for text in SPECIAL],
        "blocks": [{"name": name, "rows": len(texts), "sha256": digest(tokenizer, texts)} for name, texts in variations.blocks()],
        "config": BYTE_TOKENIZER_CONFIG,
        "tokenizer": json.loads(tokenizer.to_str()),
    }


def content(tokenizer: Tokenizer) -> str:
    """The golden file as it should be: one line a part."""
    parts = [f" {json.dumps(key)}: {json.dumps(value, separators=(',', ':'))}" for key, value in golden(tokenizer).items()]
    return "{\n" + ",\n".join(parts) + "\n}\n"


if __name__ == "__main__":
    GOLDEN.write_text(content(make_tokenizer()), "utf-8")
