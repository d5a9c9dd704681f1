"""Dropout masks from a seeded generator, bit for bit as docs/reference/dropout.md says."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np


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


def random_words(states: np.ndarray, count: int) -> np.ndarray:
    """uint32 (n, count): `count` words of xoshiro128** 1.1 for each of the n states, uint32 (n, 4). Blackman and Vigna 2018."""
    s0, s1, s2, s3 = (states[:, i].astype(np.uint32) for i in range(4))
    words = np.empty((len(states), count), dtype="<u4")
    for index in range(count):
        x = s1 * np.uint32(5)
        words[:, index] = ((x << np.uint32(7)) | (x >> np.uint32(25))) * np.uint32(9)
        t = s1 << np.uint32(9)
        s2 = s2 ^ s0
        s3 = s3 ^ s1
        s1 = s1 ^ s2
        s0 = s0 ^ s3
        s2 = s2 ^ t
        s3 = (s3 << np.uint32(11)) | (s3 >> np.uint32(21))
    return words


def dropout_masks(seeds: Sequence[bytes], samples: int, width: int, drop_below: int) -> np.ndarray:
    """uint8 (n, samples, width), 1 where a unit is kept. ValueError when the width is no multiple of 4."""
    if width % 4:
        raise ValueError(f"width must be a multiple of 4, it is {width}")
    states = np.array([first_state(seed) for seed in seeds], np.uint32)
    stream = random_words(states, samples * width // 4).view(np.uint8)
    return (stream >= drop_below).astype(np.uint8).reshape(len(seeds), samples, width)


def training_masks(texts: Sequence[str], samples: int, width: int, drop_below: int) -> np.ndarray:
    """uint8 (texts, samples, width) for the tenant `training` and the empty digest."""
    return dropout_masks([seed_of("training", text, "") for text in texts], samples, width, drop_below)
