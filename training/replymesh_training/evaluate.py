"""Calibration and figures of a label space, from the logits of its shipped graphs. Pure: arrays in, numbers out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import log_softmax

from replymesh_training import metrics
from replymesh_training.calibrate import (
    Confidence,
    ScopeScore,
    fit_confidence,
    fit_least_probability,
    fit_monte_carlo_temperature,
    fit_scope_score,
    prediction_sets,
)
from replymesh_training.config import META, CalibrationConfig
from replymesh_training.ensemble import LEAST_GAIN, Pool, fit_pool, gains, temperatures_of

Array = np.ndarray


@dataclass(frozen=True)
class Votes:
    """What a space's graphs said of a set of rows. members: name → (n, labels); samples: (n, samples, labels); distance: (n, 1)."""

    members: Mapping[str, Array]
    labels: Array
    samples: Array | None = None
    distance: Array | None = None

    def take(self, rows: Array) -> Votes:
        members = {name: logits[rows] for name, logits in self.members.items()}
        return Votes(members, self.labels[rows], *(None if a is None else a[rows] for a in (self.samples, self.distance)))


def join(votes: Sequence[Votes]) -> Votes:
    """All rows of several sets, one after the other."""

    def of(arrays: Sequence[Array | None]) -> Array | None:
        there = [a for a in arrays if a is not None]
        return np.concatenate(there) if len(there) == len(arrays) else None

    members = {name: np.concatenate([v.members[name] for v in votes]) for name in votes[0].members}
    return Votes(members, np.concatenate([v.labels for v in votes]), of([v.samples for v in votes]), of([v.distance for v in votes]))


@dataclass(frozen=True)
class Scope:
    """The out-of-scope score and the member whose energy it reads."""

    member: str
    score: ScopeScore

    def of(self, votes: Votes) -> Array:
        distance = np.zeros(len(votes.labels)) if votes.distance is None else votes.distance[:, 0].astype(np.float64)
        return self.score.score(metrics.energy(np.asarray(votes.members[self.member], np.float64)), distance)

    def caught(self, votes: Votes) -> float:
        """Share of the rows that the score calls out of scope."""
        return float((self.of(votes) >= self.score.threshold).mean())


DISTANCE_WEIGHTS = (0.0, 2.0, 5.0, 10.0, 20.0, 40.0)

LEAST_MISTAKES = 20
"""From how many mistakes on held-out rows a confidence is fitted: fewer tell nothing."""


def fit_scope(inside: Votes, outside: Sequence[Votes], config: CalibrationConfig) -> Scope:
    """The member's energy and weight of the distance that tell held-out rows of the space from foreign ones best; each foreign set counts the same."""

    def values(votes: Votes, member: str, weight: float) -> Array:
        distance = 0 if votes.distance is None else weight * votes.distance[:, 0]
        return np.asarray(metrics.energy(np.asarray(votes.members[member], np.float64)) + distance)

    def quality(member: str, weight: float) -> float:
        own = values(inside, member, weight)
        found = []
        for foreign in outside:
            both = np.concatenate([own, values(foreign, member, weight)])
            found.append(metrics.auroc(both, np.arange(len(both)) >= len(own)))
        return float(np.mean(found))

    weights = DISTANCE_WEIGHTS if inside.distance is not None else (0.0,)
    # The trees' scores are bounded, so that their energy says little; the meta-learner's are no logits at all.
    members = [name for name in inside.members if name in ("minilm", "roberta", "logistic_regression")]
    member, weight = max(((m, w) for m in members for w in weights), key=lambda pair: quality(*pair))
    drawn = np.concatenate([values(foreign, member, weight) for foreign in outside])
    return Scope(member, fit_scope_score(values(inside, member, weight), drawn, weight, config.in_scope_kept))


@dataclass(frozen=True)
class Calibration:
    """Everything that was fitted for a space; what it does not have is None."""

    pool: Pool
    left_out: Mapping[str, float]
    """Members that earned nothing on top of the others, and by what share of the NLL they failed."""
    monte_carlo_temperature: float | None = None
    least_probability: float | None = None
    confidence: Confidence | None = None
    scope: Scope | None = None

    def signals(self, votes: Votes) -> tuple[Array, Array, Array]:
        """Probability of the first label, mutual information and disagreement of the pooled members in nats, (n,) each."""
        first, n = self.pool.probabilities(votes.members).max(1), len(votes.labels)
        mutual = np.zeros(n)
        if votes.samples is not None and self.monte_carlo_temperature is not None:
            mutual = metrics.monte_carlo_entropies(votes.samples, self.monte_carlo_temperature)[2]
        own = [np.exp(log_softmax(np.asarray(votes.members[m], np.float64) / self.pool.temperatures[m], axis=1)) for m in self.pool.weights]
        mean = np.mean(own, axis=0)
        return first, mutual, metrics.entropy(mean) - np.mean([metrics.entropy(p) for p in own], axis=0)

    def sureness(self, votes: Votes) -> Array:
        """The served confidence, (n,)."""
        first, mutual, disagreement = self.signals(votes)
        return first if self.confidence is None else self.confidence.score(first, mutual, disagreement)


def _cross_fitted(signals: tuple[Array, Array, Array], right: Array) -> Array:
    """Confidence of each row, fitted on the other half of the rows."""
    out, halves = np.zeros(len(right)), np.arange(len(right)) % 2
    for half in (0, 1):
        first, mutual, disagreement = (s[halves != half] for s in signals)
        fitted = fit_confidence(first, mutual, disagreement, right[halves != half])
        out[halves == half] = fitted.score(*(s[halves == half] for s in signals))
    return out


def _with_meta(votes: Votes, temperatures: Mapping[str, float], candidates: Sequence[str]) -> tuple[Sequence[str], dict[str, float]]:
    """The candidates, without the meta-learner where it earns nothing beside the others; the others have earned their place on many more rows."""
    if META not in candidates:
        return candidates, {}
    gain = gains(votes.members, votes.labels, temperatures, candidates)[META]
    return (candidates, {}) if gain >= LEAST_GAIN else ([name for name in candidates if name != META], {META: gain})


def calibrate(
    fit: Votes, conformal: Votes, candidates: Sequence[str], foreign: Sequence[Votes], sharp: bool, config: CalibrationConfig, other: Votes | None = None,
) -> Calibration:  # fmt: skip
    """All fits of a space on held-out rows: pool and confidence on `fit`, prediction sets on `conformal`.

    other: out-of-fold votes of rows that the held-out sets lack the like of; they count for the pool and for what is in scope.
    """
    pooled = fit if other is None else join([fit, other])
    temperatures = temperatures_of(pooled.members, pooled.labels)
    kept, gone = _with_meta(pooled, temperatures, candidates)
    found = Calibration(fit_pool(pooled.members, pooled.labels, temperatures, kept), gone)
    if not sharp:
        return found
    samples = None if fit.samples is None else fit_monte_carlo_temperature(fit.samples, fit.labels)
    found = Calibration(found.pool, gone, samples)
    signals, right = found.signals(fit), found.pool.probabilities(fit.members).argmax(1) == fit.labels
    confidence = None
    if (~right).sum() > LEAST_MISTAKES:
        # The mix is served only where it tells mistakes from hits better than the plain probability, on rows that it was not fitted on.
        wins = metrics.auroc(-_cross_fitted(signals, right), ~right) > metrics.auroc(-signals[0], ~right)
        confidence = fit_confidence(*signals, right) if wins else None
    least = fit_least_probability(found.pool.probabilities(conformal.members), conformal.labels, config.coverage)
    inside = [fit, conformal] if other is None else [fit, conformal, other]
    return Calibration(found.pool, gone, samples, least, confidence, fit_scope(join(inside), foreign, config) if foreign else None)


def _auroc_or_nothing(name: str, scores: Array, positive: Array) -> dict[str, float]:
    return {name: metrics.auroc(scores, positive)} if 0 < positive.sum() < len(positive) else {}


def figures(prefix: str, votes: Votes, fitted: Calibration) -> dict[str, float]:
    """Figures of one set of rows, their names with the prefix in front."""
    p, labels, sureness = fitted.pool.probabilities(votes.members), votes.labels, fitted.sureness(votes)
    wrong = p.argmax(1) != labels
    found = {
        "rows": float(len(labels)),
        "mistakes": float(wrong.sum()),
        "accuracy": metrics.accuracy(p, labels),
        "macro_f1": metrics.macro_f1(p, labels),
        "nll": metrics.negative_log_likelihood(p, labels),
        "ece": metrics.calibration_error(sureness, ~wrong),
    }
    found |= {f"{name}.accuracy": metrics.accuracy(logits, labels) for name, logits in votes.members.items()}
    found |= _auroc_or_nothing("auroc_misclassification", 1 - sureness, wrong)
    _, mutual, disagreement = fitted.signals(votes)
    found |= _auroc_or_nothing("auroc_misclassification_max_softmax", 1 - p.max(1), wrong)
    found |= _auroc_or_nothing("auroc_misclassification_mutual_information", mutual, wrong)
    found |= _auroc_or_nothing("auroc_misclassification_disagreement", disagreement, wrong)
    for name, logits in votes.members.items():
        own = np.exp(log_softmax(np.asarray(logits, np.float64) / fitted.pool.temperatures[name], axis=1)).max(1)
        found |= _auroc_or_nothing(f"{name}.auroc_misclassification_of_the_ensemble", 1 - own, wrong)
    if fitted.least_probability is not None:
        sets = prediction_sets(p, fitted.least_probability)
        found["conformal_coverage"] = float(np.mean([label in chosen for label, chosen in zip(labels, sets, strict=True)]))
        found["conformal_mean_size"] = float(np.mean([len(chosen) for chosen in sets]))
    if fitted.scope is not None:
        found["in_scope_kept"] = 1 - fitted.scope.caught(votes)
    return {f"{prefix}.{name}": float(value) for name, value in found.items()}


def apart_from_copies(prefix: str, votes: Votes, near: Array, fitted: Calibration) -> dict[str, float]:
    """How many rows have a near copy among those that were trained on, and the accuracy on the others. near: bool (n,)."""
    found = {f"{prefix}.rows_with_near_copies": float(near.sum())}
    if not near.all():
        found[f"{prefix}.accuracy_without_near_copies"] = metrics.accuracy(fitted.pool.probabilities(votes.members)[~near], votes.labels[~near])
    return found


def ablation(prefix: str, votes: Votes, fit: Votes, fitted: Calibration) -> dict[str, float]:
    """The pool without each of its members, weighed anew on the rows it was fitted on; and with each that was left out."""
    found, names = {}, list(fitted.pool.weights)
    for name in votes.members:
        others = [n for n in names if n != name] if name in names else [*names, name]
        if not others:
            continue
        p = fit_pool(fit.members, fit.labels, fitted.pool.temperatures, others).probabilities(votes.members)
        word = "without" if name in names else "with"
        found[f"{prefix}.{word}_{name}.accuracy"] = metrics.accuracy(p, votes.labels)
        found[f"{prefix}.{word}_{name}.nll"] = metrics.negative_log_likelihood(p, votes.labels)
    return found
