"""Fits on held-out rows: temperatures, pool weights, prediction sets, the out-of-scope score. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize, minimize_scalar
from scipy.special import expit, log_softmax, logsumexp, softmax

from replymesh_training.metrics import negative_log_likelihood

Array = np.ndarray


def _refuse_absent_classes(classes: int, labels: Array) -> None:
    absent = sorted(set(range(classes)) - set(labels.tolist()))
    if absent:
        raise ValueError(f"no held-out row has the classes {absent}; each needs at least one")


def fit_temperature(logits: Array, labels: Array) -> float:
    """Temperature in [0.05, 20] that minimises the NLL. logits: (n, classes); labels: (n,). ValueError if a class is absent. Guo et al. 2017."""
    _refuse_absent_classes(logits.shape[1], labels)

    def loss(log_temperature: float) -> float:
        return negative_log_likelihood(softmax(logits / np.exp(log_temperature), axis=1), labels)

    return float(np.exp(minimize_scalar(loss, bounds=(np.log(0.05), np.log(20)), method="bounded", options={"xatol": 1e-4}).x))


def fit_monte_carlo_temperature(logits: Array, labels: Array) -> float:
    """As `fit_temperature`, for the mean of the samples' probabilities. logits: (n, samples, classes)."""
    _refuse_absent_classes(logits.shape[2], labels)

    def loss(log_temperature: float) -> float:
        return negative_log_likelihood(softmax(logits / np.exp(log_temperature), axis=2).mean(1), labels)

    return float(np.exp(minimize_scalar(loss, bounds=(np.log(0.05), np.log(20)), method="bounded", options={"xatol": 1e-4}).x))


def pool(members: Sequence[Array], temperatures: Sequence[float], weights: Sequence[float]) -> Array:
    """Log-linear pool, (n, classes): p ∝ exp(Σ weight · log softmax(logits / temperature)). Heskes 1998."""
    votes = [weight * log_softmax(np.asarray(logits, np.float64) / temperature, axis=1)
             for logits, temperature, weight in zip(members, temperatures, weights, strict=True)]  # fmt: skip
    return np.asarray(softmax(np.sum(votes, axis=0), axis=1))


def fit_pool_weights(members: Sequence[Array], temperatures: Sequence[float], labels: Array) -> list[float]:
    """Weights ≥ 0 that minimise the pool's NLL; their sum is free, so that it also sets the pool's temperature."""
    _refuse_absent_classes(members[0].shape[1], labels)
    votes = np.stack([log_softmax(np.asarray(m, np.float64) / t, axis=1) for m, t in zip(members, temperatures, strict=True)])
    rows = np.arange(len(labels))

    def loss(weights: Array) -> float:
        pooled = np.tensordot(weights, votes, axes=1)
        return float((logsumexp(pooled, axis=1) - pooled[rows, labels]).mean())

    start = np.full(len(members), 1 / len(members))
    return [float(w) for w in minimize(loss, start, method="L-BFGS-B", bounds=[(0, 10)] * len(members)).x]


def cumulative_to_label(probabilities: Array, labels: Array) -> Array:
    """(n,): sum of the probabilities from the highest down to the true label's, that one included."""
    order = np.argsort(-probabilities, axis=1, kind="stable")
    sums = np.take_along_axis(probabilities, order, axis=1).cumsum(1)
    rank = (order == labels[:, None]).argmax(1)
    return np.asarray(sums[np.arange(len(labels)), rank])


def fit_conformal_threshold(probabilities: Array, labels: Array, coverage: float) -> float:
    """Split-conformal quantile of the deterministic APS score; at most 1. ValueError when the rows are too few for the coverage.

    Vovk et al. 2005; Romano et al. 2020.
    """
    count = len(labels)
    place = int(np.ceil((count + 1) * coverage))
    if place > count:
        raise ValueError(f"coverage {coverage} needs at least {int(np.ceil(coverage / (1 - coverage)))} held-out rows, there are {count}")
    return float(min(1.0, np.sort(cumulative_to_label(probabilities, labels))[place - 1]))


def prediction_sets(probabilities: Array, threshold: float) -> list[list[int]]:
    """Labels by falling probability until their sum reaches the threshold; at least one each, all of them when it is never reached."""
    order = np.argsort(-probabilities, axis=1, kind="stable")
    before = np.take_along_axis(probabilities, order, axis=1).cumsum(1) - np.take_along_axis(probabilities, order, axis=1)
    sizes = np.maximum(1, (before < threshold - 1e-12).sum(1))
    return [row[:size].tolist() for row, size in zip(order, sizes, strict=True)]


@dataclass(frozen=True)
class EnergyScore:
    """score = 1 / (1 + exp(−(energy − location) / scale)); out of scope from `threshold` on."""

    location: float
    scale: float
    threshold: float

    def score(self, energies: Array) -> Array:
        return np.asarray(expit((energies - self.location) / self.scale))


def fit_energy_score(in_scope: Array, out_of_scope: Array, in_scope_kept: float) -> EnergyScore:
    """Logistic fit of the energies, both kinds weighing the same; the threshold keeps `in_scope_kept` of the in-scope rows below it.

    ValueError when the energies do not tell the two kinds apart in the expected direction.
    """
    energies = np.concatenate([in_scope, out_of_scope]).astype(np.float64)
    is_out = np.concatenate([np.zeros(len(in_scope)), np.ones(len(out_of_scope))])
    weights = np.where(is_out == 1, 0.5 / len(out_of_scope), 0.5 / len(in_scope))
    centre, spread = float(energies.mean()), float(energies.std()) or 1.0

    def loss(parameters: Array) -> float:
        z = parameters[0] * (energies - centre) / spread + parameters[1]
        return float((weights * (np.logaddexp(0, z) - is_out * z)).sum() + 1e-4 * parameters[0] ** 2)

    slope, offset = minimize(loss, np.array([1.0, 0.0]), method="BFGS").x
    if slope <= 0:
        raise ValueError("out-of-scope rows have lower energy than in-scope rows; the model cannot tell them apart")
    fitted = EnergyScore(location=centre - offset / slope * spread, scale=spread / slope, threshold=0.5)
    kept = float(np.quantile(in_scope, in_scope_kept, method="higher"))
    score = float(fitted.score(np.array([np.nextafter(kept, np.inf)]))[0])
    return EnergyScore(fitted.location, fitted.scale, min(max(score, 1e-6), 1 - 1e-6))
