"""How far a text is from everything that a space was trained on: the k-nearest-neighbour distance on the frozen embedding. Sun et al. 2022."""

from __future__ import annotations

from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

Array = np.ndarray


def levels_of(embedding: Array) -> tuple[Array, Array]:
    """int8 (n, width) and float32 (n,): unit vectors with 7 bits and a sign, and each one's step."""
    steps = np.maximum(np.abs(embedding).max(1) / 127, 1e-12).astype(np.float32)
    return np.rint(embedding / steps[:, None]).astype(np.int8), steps


def spread(embedding: Array, labels: Array, most: int, seed: int) -> Array:
    """Indices of at most `most` rows, as even over the labels as can be."""
    if len(labels) <= most:
        return np.arange(len(labels))
    order = np.random.default_rng(seed).permutation(len(labels))
    rank = np.empty(len(labels), np.int64)
    for label in np.unique(labels):
        own = order[labels[order] == label]
        rank[own] = np.arange(len(own))
    return np.sort(order[np.argsort(rank[order], kind="stable")][:most])


class Neighbours(nn.Module):
    """embedding (batch, width), unit length → distance (batch, 1): 1 − the mean similarity of the k nearest training rows."""

    def __init__(self, embedding: Array, nearest: int) -> None:
        super().__init__()
        levels, steps = levels_of(embedding)
        self.register_buffer("levels", torch.from_numpy(levels.T.copy()))
        self.register_buffer("steps", torch.from_numpy(steps))
        self.nearest = nearest

    levels: Tensor
    steps: Tensor

    def forward(self, embedding: Tensor) -> Tensor:
        similarity = (embedding @ self.levels.to(torch.float32)) * self.steps
        # Added one after the other: a mean over an axis adds in another order when the batch is another one.
        total = cast(Tensor, sum(similarity.topk(self.nearest, dim=1).values.split(1, dim=1)))
        return 1 - total / self.nearest
