"""Golden digests of the text features, to which serving is held: `python -m replymesh_training.feature_golden`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from replymesh_training import variations
from replymesh_training.features import ngrams, text_features
from replymesh_training.rows import NATURAL

GOLDEN = NATURAL / "feature-golden.json"


def digest(texts: Sequence[str]) -> str:
    """SHA-256 over, for each text, little-endian: how many buckets, the buckets (int32), their counts and the ten values (float32)."""
    seen = hashlib.sha256()
    for text in texts:
        grams = ngrams(text)
        seen.update(np.array([len(grams), *grams], "<i4").tobytes())
        seen.update(np.array(list(grams.values()), "<f4").tobytes())
        seen.update(text_features(text).astype("<f4").tobytes())
    return seen.hexdigest()


def golden() -> dict[str, Any]:
    """Rows and digest of every block of `variations`."""
    return {"blocks": [{"name": name, "rows": len(texts), "sha256": digest(texts)} for name, texts in variations.blocks()]}


def content() -> str:
    """The golden file as it should be."""
    return json.dumps(golden(), indent=1) + "\n"


if __name__ == "__main__":
    GOLDEN.write_text(content(), "utf-8")
