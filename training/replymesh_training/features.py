"""Features of a text beside its tokens, number for number as docs/reference/features.md says and serving computes them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

BUCKETS = 8192
"""Buckets that n-grams are hashed into. Tried on Banking77 with 2¹² to 2¹⁵: 2¹³ did best on held-out rows."""
MAX_WORDS = 256
CHARACTER_GRAMS = (2, 3, 4)

_WORD = re.compile(rb"[a-z0-9_\x80-\xff]+")
_NEGATIONS = frozenset((b"not", b"no", b"never", b"cannot", b"cant", b"dont", b"didnt", b"doesnt", b"isnt", b"wasnt", b"wont", b"t"))
_QUESTION_WORDS = frozenset((b"what", b"where", b"when", b"why", b"who", b"which", b"how", b"can", b"could", b"do", b"does", b"is", b"are"))

TEXT_FEATURES = (
    "length",  # bytes of UTF-8, 1 at 400 and more
    "words",  # 1 at 64 and more
    "question_marks",  # 1 at 4 and more
    "exclamation_marks",  # 1 at 4 and more
    "capitals",  # share of the bytes
    "digits",  # share of the bytes
    "masks",  # masked personal data, 1 at 4 and more
    "word_length",  # mean bytes of a word, 1 at 16 and more
    "negations",  # 1 at 4 and more
    "asks",  # 1 when the first word is a question word
)


def fnv1a(data: bytes) -> int:
    """32-bit FNV-1a. Fowler, Noll and Vo 1991."""
    value = 0x811C9DC5
    for byte in data:
        value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
    return value


def words_of(text: str) -> list[bytes]:
    """The first 256 words: runs of ASCII letters in lower case, digits, underscores and bytes above 127 of the UTF-8."""
    return _WORD.findall(text.encode().lower())[:MAX_WORDS]


def ngrams(text: str) -> dict[int, int]:
    """Bucket → how often, in the order of first sight: words, pairs of words, and the 2 to 4 bytes long pieces of each word with a space around it."""
    words = words_of(text)
    grams = [b"w" + word for word in words] + [b"w" + a + b" " + b for a, b in zip(words, words[1:], strict=False)]
    for word in words:
        spaced = b" " + word + b" "
        grams += [b"c" + spaced[at : at + size] for size in CHARACTER_GRAMS for at in range(len(spaced) - size + 1)]
    counts: dict[int, int] = {}
    for gram in grams:
        bucket = fnv1a(gram) % BUCKETS
        counts[bucket] = counts.get(bucket, 0) + 1
    return counts


def text_features(text: str) -> np.ndarray:
    """float32 (10,), each from 0 to 1, in the order of `TEXT_FEATURES`."""
    data, words = text.encode(), words_of(text)
    size = max(1, len(data))

    def capped(value: float, most: int) -> float:
        return min(value, most) / most

    values = [
        capped(len(data), 400),
        capped(len(words), 64),
        capped(data.count(b"?"), 4),
        capped(data.count(b"!"), 4),
        sum(65 <= byte <= 90 for byte in data) / size,
        sum(48 <= byte <= 57 for byte in data) / size,
        capped(data.count(b"{{"), 4),
        capped(sum(map(len, words)) / max(1, len(words)), 16),
        capped(sum(word in _NEGATIONS for word in words), 4),
        float(bool(words) and words[0] in _QUESTION_WORDS),
    ]
    return np.array(values, np.float32)


@dataclass(frozen=True)
class TextFeatures:
    """Features of several texts as the graphs read them."""

    buckets: np.ndarray  # int64 (n, longest), filled up with 0
    counts: np.ndarray  # float32 (n, longest), 0 where filled up
    values: np.ndarray  # float32 (n, 10)

    def take(self, rows: np.ndarray) -> TextFeatures:
        return TextFeatures(self.buckets[rows], self.counts[rows], self.values[rows])


NGRAM_STEP = 64
"""Rows are filled up to a multiple of this many n-grams."""


def features_of(texts: Sequence[str]) -> TextFeatures:
    """All features of the texts."""
    rows = [ngrams(text) for text in texts]
    longest = max(1, *(len(row) for row in rows)) if rows else 1
    width = -(-longest // NGRAM_STEP) * NGRAM_STEP
    buckets, counts = np.zeros((len(rows), width), np.int64), np.zeros((len(rows), width), np.float32)
    for place, row in enumerate(rows):
        buckets[place, : len(row)], counts[place, : len(row)] = list(row), list(row.values())
    return TextFeatures(buckets, counts, np.stack([text_features(text) for text in texts]))
