"""Dropout masks from a seeded generator, bit for bit as docs/reference/dropout.md says."""

from __future__ import annotations

import hashlib

import numpy as np

_WORD = 0xFFFFFFFF


def seed_of(tenant: str, text: str, bundle_digest: str) -> bytes:
    """The 32-byte seed of one text."""
    return hashlib.sha256(b"\0".join((tenant.encode(), text.encode(), bundle_digest.encode("ascii")))).digest()


def first_state(seed: bytes) -> tuple[int, int, int, int]:
    """The generator's four words from the first 16 bytes of a seed; never all zero. ValueError below 16 bytes."""
    if len(seed) < 16:
        raise ValueError(f"a seed needs at least 16 bytes, it has {len(seed)}")
    s0, s1, s2, s3 = (int.from_bytes(seed[at : at + 4], "little") for at in (0, 4, 8, 12))
    if not (s0 or s1 or s2 or s3):
        s0 = 1
    return s0, s1, s2, s3


def random_words(state: tuple[int, int, int, int], count: int) -> np.ndarray:
    """`count` words of xoshiro128** 1.1 as uint32. Blackman and Vigna 2018."""
    s0, s1, s2, s3 = state
    words = np.empty(count, dtype="<u4")
    for index in range(count):
        x = s1 * 5 & _WORD
        words[index] = ((x << 7 | x >> 25) & _WORD) * 9 & _WORD
        t = s1 << 9 & _WORD
        s2 ^= s0
        s3 ^= s1
        s1 ^= s2
        s0 ^= s3
        s2 ^= t
        s3 = (s3 << 11 | s3 >> 21) & _WORD
    return words


def dropout_mask(seed: bytes, samples: int, width: int, drop_below: int) -> np.ndarray:
    """uint8 (samples, width), 1 where a unit is kept. ValueError when the width is no multiple of 4."""
    if width % 4:
        raise ValueError(f"width must be a multiple of 4, it is {width}")
    stream = random_words(first_state(seed), samples * width // 4).view(np.uint8)
    return (stream >= drop_below).astype(np.uint8).reshape(samples, width)


def training_masks(texts: list[str], samples: int, width: int, drop_below: int) -> np.ndarray:
    """uint8 (texts, samples, width) for the tenant `training` and the empty digest."""
    return np.stack([dropout_mask(seed_of("training", text, ""), samples, width, drop_below) for text in texts])
