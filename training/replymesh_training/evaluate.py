"""Calibration and figures of a label space, from the logits of its shipped graphs. Pure: arrays in, numbers out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from replymesh_training import metrics
from replymesh_training.calibrate import (
    EnergyScore,
    fit_conformal_threshold,
    fit_energy_score,
    fit_monte_carlo_temperature,
    fit_pool_weights,
    fit_temperature,
    pool,
    prediction_sets,
)
from replymesh_training.config import CalibrationConfig

Array = np.ndarray


@dataclass(frozen=True)
class Votes:
    """What a space's graphs said of a set of rows. members: name → (n, labels); samples: (n, samples, labels) or none."""

    members: Mapping[str, Array]
    labels: Array
    samples: Array | None = None

    def take(self, rows: Array) -> Votes:
        members = {name: logits[rows] for name, logits in self.members.items()}
        return Votes(members, self.labels[rows], None if self.samples is None else self.samples[rows])


def join(votes: Sequence[Votes]) -> Votes:
    """All rows of several sets, one after the other."""
    members = {name: np.concatenate([v.members[name] for v in votes]) for name in votes[0].members}
    samples = [v.samples for v in votes if v.samples is not None]
    return Votes(members, np.concatenate([v.labels for v in votes]), np.concatenate(samples) if samples else None)


@dataclass(frozen=True)
class Pool:
    """Temperatures and weights by member."""

    temperatures: Mapping[str, float]
    weights: Mapping[str, float]

    def probabilities(self, members: Mapping[str, Array]) -> Array:
        """(n, labels): the members' pooled vote."""
        names = list(self.weights)
        return pool([members[n] for n in names], [self.temperatures[n] for n in names], [self.weights[n] for n in names])


def fit_pool(votes: Votes) -> Pool:
    """Each member's temperature first, then the weights."""
    names = list(votes.members)
    temperatures = [fit_temperature(votes.members[name], votes.labels) for name in names]
    weights = fit_pool_weights([votes.members[name] for name in names], temperatures, votes.labels)
    return Pool(dict(zip(names, temperatures, strict=True)), dict(zip(names, weights, strict=True)))


@dataclass(frozen=True)
class Scope:
    """The out-of-scope score and the member whose energy it reads."""

    member: str
    score: EnergyScore


def fit_scope(in_scope: Mapping[str, Array], out_of_scope: Mapping[str, Array], config: CalibrationConfig) -> Scope:
    """The member whose energy tells held-out in-scope rows from foreign ones best, and the score fitted on both."""
    is_out = np.repeat([False, True], [len(next(iter(in_scope.values()))), len(next(iter(out_of_scope.values())))])

    def quality(name: str) -> float:
        return metrics.auroc(metrics.energy(np.concatenate([in_scope[name], out_of_scope[name]])), is_out)

    best = max(in_scope, key=quality)
    return Scope(best, fit_energy_score(metrics.energy(in_scope[best]), metrics.energy(out_of_scope[best]), config.in_scope_kept))


@dataclass(frozen=True)
class Calibration:
    """Everything that was fitted for a space; what it does not have is None."""

    pool: Pool
    monte_carlo_temperature: float | None = None
    conformal_threshold: float | None = None
    scope: Scope | None = None


def calibrate(fit: Votes, conformal: Votes, in_scope: Votes, foreign: Mapping[str, Array], config: CalibrationConfig) -> Calibration:
    """All fits of a space with Monte Carlo samples, each on its own held-out rows. ValueError without samples."""
    if fit.samples is None:
        raise ValueError("the space has no Monte Carlo samples")
    fitted = fit_pool(fit)
    return Calibration(
        pool=fitted,
        monte_carlo_temperature=fit_monte_carlo_temperature(fit.samples, fit.labels),
        conformal_threshold=fit_conformal_threshold(fitted.probabilities(conformal.members), conformal.labels, config.coverage),
        scope=fit_scope(in_scope.members, foreign, config),
    )


def _auroc_or_nothing(name: str, scores: Array, positive: Array) -> dict[str, float]:
    return {name: metrics.auroc(scores, positive)} if 0 < positive.sum() < len(positive) else {}


def figures(prefix: str, votes: Votes, fitted: Calibration) -> dict[str, float]:
    """Figures of one set of rows, their names with the prefix in front."""
    p, labels = fitted.pool.probabilities(votes.members), votes.labels
    wrong = p.argmax(1) != labels
    found = {
        "rows": float(len(labels)),
        "mistakes": float(wrong.sum()),
        "accuracy": metrics.accuracy(p, labels),
        "macro_f1": metrics.macro_f1(p, labels),
        "nll": metrics.negative_log_likelihood(p, labels),
        "ece": metrics.expected_calibration_error(p, labels),
    }
    found |= {f"{name}.accuracy": metrics.accuracy(logits, labels) for name, logits in votes.members.items()}
    found |= _auroc_or_nothing("auroc_misclassification", 1 - p.max(1), wrong)
    if votes.samples is not None and fitted.monte_carlo_temperature is not None:
        _, _, mutual = metrics.monte_carlo_entropies(votes.samples, fitted.monte_carlo_temperature)
        found |= _auroc_or_nothing("auroc_misclassification_mutual_information", mutual, wrong)
    if fitted.conformal_threshold is not None:
        sets = prediction_sets(p, fitted.conformal_threshold)
        found["conformal_coverage"] = float(np.mean([label in chosen for label, chosen in zip(labels, sets, strict=True)]))
        found["conformal_mean_size"] = float(np.mean([len(chosen) for chosen in sets]))
    if fitted.scope is not None:
        found["in_scope_kept"] = 1 - caught(fitted.scope, votes.members)
    return {f"{prefix}.{name}": value for name, value in found.items()}


def caught(scope: Scope, members: Mapping[str, Array]) -> float:
    """Share of the rows that the score calls out of scope."""
    return float((scope.score.score(metrics.energy(members[scope.member])) >= scope.score.threshold).mean())


def scope_figures(prefix: str, scope: Scope, in_scope: Mapping[str, Array], foreign: Mapping[str, Array]) -> dict[str, float]:
    """AUROC of the energy between in-scope and foreign rows, and the share of foreign rows called out of scope."""
    inside, outside = metrics.energy(in_scope[scope.member]), metrics.energy(foreign[scope.member])
    is_out = np.repeat([False, True], [len(inside), len(outside)])
    return {f"{prefix}.auroc": metrics.auroc(np.concatenate([inside, outside]), is_out), f"{prefix}.caught": caught(scope, foreign)}
