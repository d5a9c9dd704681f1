"""Fits on held-out rows: temperatures, pool weights, prediction sets, the out-of-scope score. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize, minimize_scalar
from scipy.special import expit, log_softmax, logit, logsumexp, softmax

Array = np.ndarray


def _refuse_absent_classes(classes: int, labels: Array) -> None:
    absent = sorted(set(range(classes)) - set(labels.tolist()))
    if absent:
        raise ValueError(f"no held-out row has the classes {absent}; each needs at least one")


def softmax_at(logits: Array, temperature: float) -> Array:
    """softmax(logits / temperature) over the last axis, float64."""
    return np.asarray(softmax(np.asarray(logits, np.float64) / temperature, axis=-1))


def _loss(log_probabilities: Array, labels: Array) -> float:
    """Mean cross-entropy in nats with a label's target at (n + 1) / (n + 2) instead of 1: n rows without an error make nothing certain. Platt 1999."""
    rows, missed = np.arange(len(labels)), 1 / (len(labels) + 2)
    others = log_probabilities.copy()
    others[rows, labels] = -np.inf
    return float(-((1 - missed) * log_probabilities[rows, labels] + missed * logsumexp(others, axis=1)).mean())


def _least(loss: Callable[[float], float]) -> float:
    """The temperature in [0.05, 20] that loses least."""
    found = minimize_scalar(lambda log: loss(float(np.exp(log))), bounds=(np.log(0.05), np.log(20)), method="bounded", options={"xatol": 1e-4})
    return float(np.exp(found.x))


def fit_temperature(logits: Array, labels: Array) -> float:
    """Temperature in [0.05, 20] that minimises the loss. logits: (n, classes); labels: (n,). ValueError if a class is absent. Guo et al. 2017."""
    _refuse_absent_classes(logits.shape[1], labels)
    return _least(lambda temperature: _loss(log_softmax(np.asarray(logits, np.float64) / temperature, axis=1), labels))


def fit_monte_carlo_temperature(logits: Array, labels: Array) -> float:
    """As `fit_temperature`, for the mean of the samples' probabilities. logits: (n, samples, classes)."""
    _refuse_absent_classes(logits.shape[2], labels)
    samples = np.asarray(logits, np.float64)
    return _least(lambda temperature: _loss(logsumexp(log_softmax(samples / temperature, axis=2), axis=1) - np.log(samples.shape[1]), labels))


def pool(members: Sequence[Array], temperatures: Sequence[float], weights: Sequence[float]) -> Array:
    """Log-linear pool, (n, classes): p ∝ exp(Σ weight · log softmax(logits / temperature)). Heskes 1998."""
    votes = [weight * log_softmax(np.asarray(logits, np.float64) / temperature, axis=1)
             for logits, temperature, weight in zip(members, temperatures, weights, strict=True)]  # fmt: skip
    return np.asarray(softmax(np.sum(votes, axis=0), axis=1))


def fit_pool_weights(members: Sequence[Array], temperatures: Sequence[float], labels: Array) -> list[float]:
    """Weights ≥ 0 that minimise the pool's loss; their sum is free, so that it also sets the pool's temperature."""
    _refuse_absent_classes(members[0].shape[1], labels)
    votes = np.stack([log_softmax(np.asarray(m, np.float64) / t, axis=1) for m, t in zip(members, temperatures, strict=True)])

    def loss(weights: Array) -> float:
        return _loss(log_softmax(np.tensordot(weights, votes, axes=1), axis=1), labels)

    start = np.full(len(members), 1 / len(members))
    return [float(w) for w in minimize(loss, start, method="L-BFGS-B", bounds=[(0, 10)] * len(members)).x]


def fit_least_probability(probabilities: Array, labels: Array, coverage: float) -> float:
    """Probability from which a label belongs into the prediction set; above 0. ValueError when the rows are too few for the coverage.

    Split-conformal quantile of 1 − p(true label), the least ambiguous sets. Sadinle et al. 2019.
    """
    count = len(labels)
    place = int(np.ceil((count + 1) * coverage))
    if place > count:
        raise ValueError(f"coverage {coverage} needs at least {int(np.ceil(coverage / (1 - coverage)))} held-out rows, there are {count}")
    of_label = probabilities[np.arange(count), labels]
    return float(max(np.sort(of_label)[count - place], 1e-9))


def prediction_sets(probabilities: Array, least: float) -> list[list[int]]:
    """Labels of at least that probability, most likely first; the first one always."""
    order = np.argsort(-probabilities, axis=1, kind="stable")
    sizes = np.maximum(1, (probabilities >= least).sum(1))
    return [row[:size].tolist() for row, size in zip(order, sizes, strict=True)]


@dataclass(frozen=True)
class Confidence:
    """confidence = σ(bias + slope · logit(p of the first label) − mutual_information · MI − disagreement · D), the entropies in nats."""

    bias: float = 0.0
    slope: float = 1.0
    mutual_information: float = 0.0
    disagreement: float = 0.0

    def score(self, first: Array, mutual: Array, disagreement: Array) -> Array:
        z = logit(np.clip(first, 1e-9, 1 - 1e-9))
        return np.asarray(expit(self.bias + self.slope * z - self.mutual_information * mutual - self.disagreement * disagreement))


def fit_confidence(first: Array, mutual: Array, disagreement: Array, right: Array) -> Confidence:
    """Logistic regression of being right, weights kept from turning their meaning; lightly drawn to the plain probability. Platt 1999."""
    z = logit(np.clip(first, 1e-9, 1 - 1e-9))
    target = np.where(right, 1 - 1 / (right.sum() + 2), 1 / ((~right).sum() + 2))

    def loss(w: Array) -> float:
        s = w[0] + w[1] * z - w[2] * mutual - w[3] * disagreement
        return float((np.logaddexp(0, s) - target * s).mean() + 1e-3 * (w[0] ** 2 + (w[1] - 1) ** 2 + 0.01 * (w[2] ** 2 + w[3] ** 2)))

    bounds = [(-10, 10), (0.1, 10), (0, 50), (0, 50)]
    return Confidence(*(float(v) for v in minimize(loss, np.array([0.0, 1.0, 0.0, 0.0]), method="L-BFGS-B", bounds=bounds).x))


@dataclass(frozen=True)
class ScopeScore:
    """score = σ((energy + distance_weight · distance − location) / scale); out of scope from `threshold` on."""

    location: float
    scale: float
    threshold: float
    distance_weight: float = 0.0

    def score(self, energies: Array, distances: Array) -> Array:
        return np.asarray(expit((energies + self.distance_weight * distances - self.location) / self.scale))


def fit_scope_score(inside: Array, outside: Array, distance_weight: float, in_scope_kept: float) -> ScopeScore:
    """Logistic fit of energy + distance_weight · distance, both kinds weighing the same; the threshold keeps `in_scope_kept` of the in-scope rows below it.

    ValueError when the values do not tell the two kinds apart in the expected direction.
    """
    values = np.concatenate([inside, outside]).astype(np.float64)
    is_out = np.concatenate([np.zeros(len(inside)), np.ones(len(outside))])
    weights = np.where(is_out == 1, 0.5 / len(outside), 0.5 / len(inside))
    centre, spread = float(values.mean()), float(values.std()) or 1.0

    def loss(parameters: Array) -> float:
        z = parameters[0] * (values - centre) / spread + parameters[1]
        return float((weights * (np.logaddexp(0, z) - is_out * z)).sum() + 1e-4 * parameters[0] ** 2)

    slope, offset = minimize(loss, np.array([1.0, 0.0]), method="BFGS").x
    if slope <= 0:
        raise ValueError("out-of-scope rows score below in-scope rows; the model cannot tell them apart")
    fitted = ScopeScore(float(centre - offset / slope * spread), float(spread / slope), 0.5)
    kept = float(np.quantile(inside, in_scope_kept, method="higher"))
    score = float(fitted.score(np.array([np.nextafter(kept, np.inf)]), np.zeros(1))[0])
    return ScopeScore(fitted.location, fitted.scale, min(max(score, 1e-6), 1 - 1e-6), distance_weight)
