"""How well a space of few examples does: a set is sub-sampled, trained on, and asked about its whole test split."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from replymesh_training.checks import refuse_unknown_labels, same_text
from replymesh_training.data import label_indices, read_rows
from replymesh_training.metrics import accuracy, calibration_error
from replymesh_training.own_members import OwnConfig, Report, calibrated, fit_and_hold_out, spoken
from replymesh_training.own_space import rows_of
from replymesh_training.rows import in_scope, texts_of
from replymesh_training.stages import Encoder

Array = np.ndarray


def drawn(labels: Array, examples: int, seed: int) -> Array:
    """Sorted places of `examples` rows of each label, or of all that it has."""
    rng = np.random.default_rng(seed)
    return np.sort(np.concatenate([rng.permutation(np.flatnonzero(labels == label))[:examples] for label in np.unique(labels)]))


@dataclass(frozen=True)
class Outcome:
    """One seed's figures."""

    seed: int
    rows: int
    seconds: float  # of fitting, folds and all, without the encoder's pass
    accuracy: float
    ece: float
    held_accuracy: float
    members: dict[str, float]  # accuracy of each alone


def few_shot(data: Path, base: Path, max_tokens: int, examples: int, seeds: int, encoder: Encoder | None, config: OwnConfig, report: Report) -> list[Outcome]:
    """One outcome a seed. data: folder with train.csv and test.csv. DataError."""
    train, test = in_scope(read_rows(data / "train.csv")), in_scope(read_rows(data / "test.csv"))
    labels = sorted({row.label for row in train})
    refuse_unknown_labels(str(data / "test.csv"), test, labels)
    targets = label_indices(train, labels)
    samples = [drawn(targets, examples, seed) for seed in range(seeds)]
    used = np.unique(np.concatenate(samples))
    texts, asked = [train[i].text for i in used], texts_of(test)
    outcomes = []
    with tempfile.TemporaryDirectory() as folder:
        report(f"encoding {len(used)} training and {len(asked)} test rows")
        named = len(used) + np.arange(len(labels))
        known = rows_of([*texts, *map(spoken, labels)], np.concatenate([targets[used], np.arange(len(labels))]), base, max_tokens, Path(folder) / "train")
        held_out = rows_of(asked, label_indices(test, labels), base, max_tokens, Path(folder) / "test")
        for seed, sample in enumerate(samples):
            places, started = np.searchsorted(used, sample), time.monotonic()
            own, own_texts = known.take(np.concatenate([places, named])), [texts[i] for i in places]
            groups = same_text([train[i] for i in sample])
            fitted, held, _ = fit_and_hold_out(own, own_texts, groups, labels, encoder, config, lambda line: None)
            fit = calibrated(held, None, config)
            seconds = time.monotonic() - started
            answers = fitted.votes(held_out, asked, config)
            p = fit.pool.probabilities(answers.members)
            right = p.argmax(1) == answers.labels
            alone = {name: float((logits.argmax(1) == answers.labels).mean()) for name, logits in answers.members.items()}
            held_accuracy = accuracy(fit.pool.probabilities(held.members), held.labels)
            outcomes.append(Outcome(seed, len(sample), seconds, float(right.mean()), calibration_error(p.max(1), right), held_accuracy, alone))
            report(f"seed {seed}: accuracy {outcomes[-1].accuracy:.4f}, ECE {outcomes[-1].ece:.4f}, {seconds:.0f} s")
    return outcomes


def summary(outcomes: Sequence[Outcome], examples: int, fine_tuned: bool) -> dict[str, Any]:
    """The outcomes and their means, for JSON."""
    means = {name: float(np.mean([getattr(one, name) for one in outcomes])) for name in ("accuracy", "ece", "held_accuracy", "seconds")}
    return {"examples": examples, "fine_tuned": fine_tuned, **means, "seeds": [asdict(one) for one in outcomes]}
