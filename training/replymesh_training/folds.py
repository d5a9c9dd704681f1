"""Folds for out-of-fold predictions: what a model says of rows that it was not trained on. Wolpert 1992."""

from __future__ import annotations

import numpy as np


def fold_of(labels: np.ndarray, groups: np.ndarray, folds: int, seed: int) -> np.ndarray:
    """int64 (n,): the fold of each row, 0 … folds − 1. Rows of a group share one; each label is spread evenly by its groups."""
    rng = np.random.default_rng(seed)
    first = np.unique(groups, return_index=True)[1]
    of_group = np.zeros(int(groups.max()) + 1, np.int64)
    for label in np.unique(labels):
        own = groups[first[labels[first] == label]]
        of_group[rng.permutation(own)] = (np.arange(len(own)) + rng.integers(folds)) % folds
    return np.asarray(of_group[groups])
