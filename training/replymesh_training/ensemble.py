"""Which members of a space are pooled, and how: each has to earn its place. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from replymesh_training import metrics
from replymesh_training.calibrate import fit_pool_weights, fit_temperature, pool

Array = np.ndarray
Members = Mapping[str, Array]
"""Logits (n, labels) by member."""

LEAST_GAIN = 0.01
"""Share of the pool's held-out NLL that a member has to save; what saves less is configured off."""


@dataclass(frozen=True)
class Pool:
    """Temperatures of all members; weights of those that are pooled."""

    temperatures: Mapping[str, float]
    weights: Mapping[str, float]

    def probabilities(self, members: Members) -> Array:
        """float64 (n, labels): the members' pooled vote."""
        names = list(self.weights)
        return pool([members[n] for n in names], [self.temperatures[n] for n in names], [self.weights[n] for n in names])

    def nll(self, members: Members, labels: Array) -> float:
        return metrics.negative_log_likelihood(self.probabilities(members), labels)


def temperatures_of(members: Members, labels: Array) -> dict[str, float]:
    return {name: fit_temperature(logits, labels) for name, logits in members.items()}


def fit_pool(members: Members, labels: Array, temperatures: Mapping[str, float], names: Sequence[str]) -> Pool:
    """The log-linear pool of the named members."""
    weights = fit_pool_weights([members[n] for n in names], [temperatures[n] for n in names], labels)
    return Pool(temperatures, dict(zip(names, weights, strict=True)))


def gains(members: Members, labels: Array, temperatures: Mapping[str, float], names: Sequence[str]) -> dict[str, float]:
    """By how much the NLL grows when a member is left out and the others are weighed anew, as a share of the whole pool's."""
    whole = fit_pool(members, labels, temperatures, names).nll(members, labels)
    if len(names) == 1:
        return {names[0]: float("inf")}
    without = {name: fit_pool(members, labels, temperatures, [n for n in names if n != name]) for name in names}
    return {name: smaller.nll(members, labels) / whole - 1 for name, smaller in without.items()}


def those_that_earn(members: Members, labels: Array, temperatures: Mapping[str, float], names: Sequence[str]) -> tuple[list[str], dict[str, float]]:
    """Backward elimination: the names that stay, and the gain with which each of the others went."""
    kept = list(names)
    gone: dict[str, float] = {}
    while True:
        gain = gains(members, labels, temperatures, kept)
        least = min(kept, key=lambda name: gain[name])
        if gain[least] >= LEAST_GAIN:
            return kept, gone
        gone[least] = gain[least]
        kept.remove(least)
