"""What is pooled, and that nothing votes on rows that it was fitted on."""

import numpy as np

from replymesh_training.ensemble import LEAST_GAIN, fit_pool, temperatures_of, those_that_earn
from replymesh_training.folds import fold_of

RNG = np.random.default_rng(2)
LABELS = np.arange(1500) % 5


def votes(strength: float, seed: int) -> np.ndarray:
    """Logits that favour the true label by `strength` under noise of their own."""
    noise = np.random.default_rng(seed).normal(size=(len(LABELS), 5))
    return (noise + strength * np.eye(5)[LABELS]).astype(np.float32)


def test_a_member_that_adds_nothing_goes_and_one_that_errs_differently_stays() -> None:
    first = votes(2.5, 1)
    members = {"first": first, "echo": first * 1.7, "other": votes(2.0, 2), "noise": votes(0.0, 3)}
    kept, gone = those_that_earn(members, LABELS, temperatures_of(members, LABELS), list(members))
    assert "other" in kept and "noise" in gone
    assert len({"first", "echo"} & set(kept)) == 1
    assert all(gain < LEAST_GAIN for gain in gone.values())


def test_a_pool_is_better_than_its_best_member() -> None:
    members = {"first": votes(2.5, 1), "other": votes(2.0, 2)}
    temperatures = temperatures_of(members, LABELS)
    alone = [fit_pool(members, LABELS, temperatures, [name]).nll(members, LABELS) for name in members]
    assert fit_pool(members, LABELS, temperatures, list(members)).nll(members, LABELS) < min(alone)


def test_what_comes_of_one_row_stays_in_one_fold_and_labels_are_spread() -> None:
    labels, groups = np.repeat(np.arange(400) % 8, 3), np.repeat(np.arange(400), 3)
    folds = fold_of(labels, groups, 4, 7)
    assert all(len(set(folds[groups == group])) == 1 for group in range(400))
    for label in range(8):
        counts = np.bincount(folds[labels == label], minlength=4)
        assert counts.max() - counts.min() <= 3
