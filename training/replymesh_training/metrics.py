"""Figures of merit. Pure, on arrays; probabilities have shape (n, classes), labels (n,)."""

from __future__ import annotations

import numpy as np
from scipy.special import logsumexp, softmax
from scipy.stats import rankdata

Array = np.ndarray


def accuracy(probabilities: Array, labels: Array) -> float:
    """Share of rows whose most probable label is the true one."""
    return float((probabilities.argmax(1) == labels).mean())


def macro_f1(probabilities: Array, labels: Array) -> float:
    """Mean over the labels that occur of their F1; a label never predicted counts as 0."""
    predicted = probabilities.argmax(1)
    scores = []
    for label in np.unique(labels):
        hits = int(((predicted == label) & (labels == label)).sum())
        scores.append(2 * hits / int((predicted == label).sum() + (labels == label).sum()))
    return float(np.mean(scores))


def negative_log_likelihood(probabilities: Array, labels: Array) -> float:
    """Mean −ln p(true label), in nats; probabilities are kept above 1e-12."""
    return float(-np.log(np.maximum(probabilities[np.arange(len(labels)), labels], 1e-12)).mean())


def calibration_error(confidence: Array, right: Array, bins: int = 15) -> float:
    """Mean |share right − mean confidence| over equal-width bins of the confidence, weighted by rows. Guo et al. 2017."""
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = [abs(float(right[place == b].mean() - confidence[place == b].mean())) * int((place == b).sum()) for b in np.unique(place)]
    return float(sum(gaps) / len(right))


def auroc(scores: Array, positive: Array) -> float:
    """Chance that a positive row scores above a negative one, ties half. ValueError when either kind is absent. Fawcett 2006."""
    positive = np.asarray(positive, dtype=bool)
    ups, downs = int(positive.sum()), int((~positive).sum())
    if not ups or not downs:
        raise ValueError("AUROC needs positive and negative rows")
    ranks = rankdata(scores)
    return float((ranks[positive].sum() - ups * (ups + 1) / 2) / (ups * downs))


def energy(logits: Array) -> Array:
    """(n,): −logsumexp of each row's logits; high for what the model does not know. Liu et al. 2020."""
    return np.asarray(-logsumexp(logits, axis=-1))


def entropy(probabilities: Array) -> Array:
    """Shannon entropy over the last axis, in nats; 0 · ln 0 is 0."""
    return np.asarray(-(probabilities * np.log(np.where(probabilities > 0, probabilities, 1))).sum(-1))


def monte_carlo_entropies(logits: Array, temperature: float) -> tuple[Array, Array, Array]:
    """Predictive entropy, expected entropy and mutual information, (n,) each, in nats, from logits (n, samples, classes). Houlsby et al. 2011."""
    probabilities = softmax(np.asarray(logits, dtype=np.float64) / temperature, axis=-1)
    predictive, expected = entropy(probabilities.mean(1)), entropy(probabilities).mean(1)
    return predictive, expected, predictive - expected
