"""The members of a team's own space: fitted on its rows, and what each says of rows that it was not fitted on."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch

from replymesh_training.calibrate import ScopeScore, fit_least_probability, fit_monte_carlo_temperature, prediction_sets
from replymesh_training.config import LinearConfig, MonteCarloConfig, RunConfig
from replymesh_training.cosine import CosineConfig, tune_cosine
from replymesh_training.data import DataError, stratified_split
from replymesh_training.ensemble import fit_pool, temperatures_of
from replymesh_training.evaluate import Calibration, Scope, Votes, apart_from_copies, figures, fit_scope, join
from replymesh_training.finetune import pooled_rows
from replymesh_training.folds import fold_of
from replymesh_training.linear import LinearModel, fit_linear
from replymesh_training.masks import training_masks
from replymesh_training.members import Rows, distances
from replymesh_training.metrics import energy
from replymesh_training.spaces import TunedTop
from replymesh_training.stages import Encoder

Array = np.ndarray
Report = Callable[[str], None]


def _few_shot_run() -> RunConfig:
    # Half the dropout of the shipped spaces: with ten rows a label, .3 did worse than .1 on rows held out.
    return RunConfig(linear=LinearConfig(embedding_scale=2.0), monte_carlo=MonteCarloConfig(drop_below=26))


@dataclass(frozen=True)
class OwnConfig:
    """How a team's own space is trained. Trees, byte encoder and meta-learner are left out: with few rows they learn too little to be heard."""

    fine_tune: bool = False  # whether the top layers are tuned, too
    few: int = 20  # texts of the middle label up to which folds take the place of held-out rows
    folds: int = 5
    held_share: float = 0.15  # of each label's texts where there are more
    least_random: int = 100  # rows of a random sample from which they alone calibrate; the coverage of prediction sets is then known to ±2 points
    inverse_penalty: float = 4.0  # tried 2 to 20 on ten rows a label of Banking77, judged by its other training rows
    cosine: CosineConfig = field(default_factory=CosineConfig)
    run: RunConfig = field(default_factory=_few_shot_run)

    def __post_init__(self) -> None:
        if self.folds < 2:
            raise ValueError(f"folds must be at least 2, they are {self.folds}")
        if not 0 < self.held_share < 1:
            raise ValueError(f"held_share must be between 0 and 1, it is {self.held_share}")


@dataclass(frozen=True)
class Fitted:
    """The members of one fit, and the rows that distances are measured to."""

    regression: LinearModel
    top: TunedTop | None
    known: Array
    known_labels: Array

    def nearest(self, config: OwnConfig) -> int:
        """Neighbours that a distance is the mean of; all rows where there are fewer."""
        return min(config.run.nearest, len(self.known))

    def votes(self, rows: Rows, texts: Sequence[str], config: OwnConfig) -> Votes:
        """What they say of rows with these texts."""
        members = {"logistic_regression": self.regression.logits(rows.embedding, rows.features)}
        distance = distances(self.known, self.known_labels, rows.embedding, replace(config.run, nearest=self.nearest(config)))
        if self.top is None:
            return Votes(members, rows.labels, None, distance)
        mc = config.run.monte_carlo
        pooled = torch.from_numpy(pooled_rows(self.top, rows.hidden, 64))
        with torch.inference_mode():
            kept = torch.from_numpy(training_masks(texts, mc.samples, pooled.shape[1], mc.drop_below)).to(torch.float32)
            tuned = self.top.head(pooled).numpy()
            samples = self.top.head(pooled[:, None, :] * kept / (1 - mc.drop_probability)).numpy()
        return Votes({"minilm": tuned, **members}, rows.labels, samples, distance)


def fit(rows: Rows, labels: Sequence[str], encoder: Encoder | None, config: OwnConfig, report: Report) -> Fitted:
    """All members on these rows. encoder: where the top layers start; None leaves them alone. DataError when a label has no row."""
    absent = sorted(set(range(len(labels))) - set(rows.labels.tolist()))
    if absent:
        raise DataError(f'label "{labels[absent[0]]}" has too few texts of its own to hold some out; add examples of it')
    regression = fit_linear(rows.embedding, rows.features, rows.labels, config.inverse_penalty, config.run.linear)
    top = None
    if encoder is not None:
        drop, seed = config.run.monte_carlo.drop_probability, config.run.seed
        top = tune_cosine(rows.hidden, rows.labels, len(labels), encoder.weights, encoder.config, config.cosine, drop, seed, report)
    return Fitted(regression, top, rows.embedding, rows.labels)


def spoken(label: str) -> str:
    """The words of a label's name: `card_arrival` and `CardArrival` say "card arrival". The name itself where it has none."""
    words = re.findall(r"[^\W_A-Z]+|[A-Z]+(?![a-z])|[A-Z][^\W_A-Z]*", label)
    return " ".join(words).casefold() or label


def texts_a_label(labels: Array, groups: Array) -> int:
    """Different texts of the middle label."""
    return int(np.median([len(np.unique(groups[labels == label])) for label in np.unique(labels)]))


def fit_and_hold_out(
    rows: Rows, texts: Sequence[str], groups: Array, labels: Sequence[str], encoder: Encoder | None, config: OwnConfig, report: Report
) -> tuple[Fitted, Votes, Array]:
    """The members, what they say of rows that they had not seen, and which rows these are.

    rows: those of the texts, then one for each label's name in the order of `labels`, which is trained on as if it were an example: with ten
    examples a label it is worth half a point on Banking77. Few rows: one fit a fold, then one on all of them. Many: one fit, some rows of each
    label held out. Rows of a group stay together.
    """
    named, targets = np.arange(len(texts), len(rows.labels)), rows.labels[: len(texts)]

    def fit_on(own: Array) -> Fitted:
        return fit(rows.take(np.concatenate([own, named])), labels, encoder, config, report)

    def votes_of(fitted: Fitted, own: Array) -> Votes:
        return fitted.votes(rows.take(own), [texts[i] for i in own], config)

    if texts_a_label(targets, groups) > config.few:
        first = np.unique(groups, return_index=True)[1]
        chosen, _ = stratified_split(targets[first], config.held_share, config.run.seed)
        held = np.isin(groups, groups[first[chosen]])
        fitted = fit_on(np.flatnonzero(~held))
        return fitted, votes_of(fitted, np.flatnonzero(held)), np.flatnonzero(held)
    folds, parts, order = fold_of(targets, groups, config.folds, config.run.seed), [], []
    for fold in range(config.folds):
        inside, outside = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        if not len(outside):
            continue
        report(f"fold {fold + 1} of {config.folds}")
        parts.append(votes_of(fit_on(inside), outside))
        order.append(outside)
    report("all rows")
    return fit_on(np.arange(len(texts))), join(parts), np.concatenate(order)


def scope_from_inside(votes: Votes, in_scope_kept: float) -> Scope:
    """The out-of-scope score where no foreign rows are known: energy and distance count alike, the threshold keeps the share asked for."""
    assert votes.distance is not None
    energies, far = energy(np.asarray(votes.members["logistic_regression"], np.float64)), votes.distance[:, 0].astype(np.float64)
    weight = float(energies.std() / max(far.std(), 1e-9))
    values = energies + weight * far
    kept = float(np.quantile(values, in_scope_kept, method="higher"))
    spread = max(float(values.std()), 1e-6)
    score = ScopeScore(kept, spread, 0.5)
    least = float(score.score(np.array([kept + 1e-6 * spread]), np.zeros(1))[0])
    return Scope("logistic_regression", ScopeScore(kept, spread, least, weight))


def calibrated(held: Votes, outside: Votes | None, config: OwnConfig) -> Calibration:
    """Everything that is fitted on held-out rows. outside: rows that belong to no label. DataError when nothing can be told apart."""
    temperatures = temperatures_of(held.members, held.labels)
    pool = fit_pool(held.members, held.labels, temperatures, list(held.members))
    if not any(weight > 0 for weight in pool.weights.values()):
        raise DataError("the held-out rows of no label can be told from those of the others; check the labels, or add examples")
    samples = None if held.samples is None else fit_monte_carlo_temperature(held.samples, held.labels)
    asked = config.run.calibration
    enough = int(np.ceil((len(held.labels) + 1) * asked.coverage)) <= len(held.labels)
    least = fit_least_probability(pool.probabilities(held.members), held.labels, asked.coverage) if enough else None
    scope = scope_from_inside(held, asked.in_scope_kept) if outside is None else fit_scope(held, [outside], asked)
    return Calibration(pool, {}, samples, least, None, scope)


def held_figures(held: Votes, near: Array, fitted: Calibration, coverage: float) -> dict[str, float]:
    """Figures of the held-out rows. near: bool (n,), rows with a near copy among the others, without which the accuracy is given again."""
    found = figures("held", held, fitted) | apart_from_copies("held", held, near, fitted)
    p = fitted.pool.probabilities(held.members)
    halves = np.arange(len(held.labels)) % 2
    if fitted.least_probability is not None and int(np.ceil(((halves == 0).sum()) * coverage)) < (halves == 1).sum():
        # The sets that are served are fitted on all rows; how often they hold the truth is told by halves that did not fit them.
        covered, sizes = np.zeros(len(halves)), np.zeros(len(halves))
        for half in (0, 1):
            own, other = halves == half, halves != half
            sets = prediction_sets(p[own], fit_least_probability(p[other], held.labels[other], coverage))
            covered[own] = [label in chosen for label, chosen in zip(held.labels[own], sets, strict=True)]
            sizes[own] = [len(chosen) for chosen in sets]
        found["held.conformal_coverage"], found["held.conformal_mean_size"] = float(covered.mean()), float(sizes.mean())
    return found
