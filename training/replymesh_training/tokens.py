"""Text → token ids → batches, in the way that serving does it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer


def write_serving_tokenizer(source: Path, target: Path) -> None:
    """Copy a tokenizer.json without its truncation and padding: serving cuts and pads by itself, whatever reads the file."""
    content = json.loads(source.read_text("utf-8"))
    content["truncation"] = content["padding"] = None
    target.write_text(json.dumps(content, ensure_ascii=False, separators=(",", ":")), "utf-8")


def load_tokenizer(path: Path) -> Tokenizer:
    """The tokenizer of a bundle. ValueError when the file truncates or pads by itself."""
    tokenizer = Tokenizer.from_file(str(path))
    if tokenizer.truncation is not None or tokenizer.padding is not None:
        raise ValueError(f"{path}: truncation and padding must be null")
    return tokenizer


def encode(tokenizer: Tokenizer, texts: Sequence[str], max_tokens: int) -> list[list[int]]:
    """Token ids of each text with [CLS] and [SEP]; longer ones lose their end, not the closing [SEP]."""
    every = [encoding.ids for encoding in tokenizer.encode_batch(list(texts))]
    return [ids if len(ids) <= max_tokens else [*ids[: max_tokens - 1], ids[-1]] for ids in every]


def pad(rows: Sequence[Sequence[int]], pad_token_id: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """`input_ids` and `attention_mask`, int64 (rows, longest)."""
    longest = max(len(row) for row in rows)
    ids = np.full((len(rows), longest), pad_token_id, dtype=np.int64)
    mask = np.zeros((len(rows), longest), dtype=np.int64)
    for index, row in enumerate(rows):
        ids[index, : len(row)] = row
        mask[index, : len(row)] = 1
    return ids, mask


def batches_by_length(lengths: Sequence[int], size: int) -> Iterator[np.ndarray]:
    """Indices of at most `size` rows of about the same length, each index once."""
    order = np.argsort(np.asarray(lengths), kind="stable")
    for start in range(0, len(order), size):
        yield order[start : start + size]
