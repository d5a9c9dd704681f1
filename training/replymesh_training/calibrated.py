"""Everything that is fitted for a space on rows that its models were not trained on, and its figures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from replymesh_training import checks
from replymesh_training.config import META
from replymesh_training.evaluate import Calibration, Votes, ablation, apart_from_copies, calibrate, figures, join
from replymesh_training.making import Making
from replymesh_training.meta import fit_meta, meta_logits
from replymesh_training.metrics import accuracy, auroc
from replymesh_training.rows import OUT_OF_SCOPE, texts_of

LEAST_APART = 2500
"""Held-out rows from which the pool is fitted on one half of them alone."""


def natural_votes(m: Making) -> Votes | None:
    """Out-of-fold votes of the natural wordings among the training rows, where a space has some: its held-out rows are made from templates."""
    count = m.rows.natural
    if not count:
        return None
    logits = {name: votes[-count:] for name, votes in m.fold_votes.items()}
    distance = logits.pop("distance")
    if m.space.meta:
        # A meta-learner of its own: the served one was fitted on these very votes.
        rest = {name: votes[:-count] for name, votes in m.fold_votes.items()}
        sizes = replace(m.run.config.meta, candidates=m.candidates)
        apart = fit_meta(m.meta_pool, rest["distance"], rest, m.train.labels[:-count], sizes, m.run.config.seed)
        logits[META] = meta_logits(apart, m.meta_pool, distance, logits, m.candidates)
    return Votes({name: logits[name] for name in m.space.voters}, m.train.labels[-count:], None, distance)


def calibrated(m: Making, shipped: Making) -> tuple[Calibration, dict[str, float]]:
    """Everything fitted on the held-out rows of `m`, and the figures; those of test rows are what `shipped` says, `m` itself or its refit."""
    natural = natural_votes(m)
    held = [m.votes[key] for key in ("valid", "valid_varied") if key in m.votes]
    even, odd = (join([v.take(np.arange(first, len(v.labels), 2)) for v in held]) for first in (0, 1))
    # A set's own out-of-scope rows say best what its users ask beside the matter; other sets may overlap with it.
    own = [m.votes[key] for key in m.rows.foreign if key == f"{OUT_OF_SCOPE}_valid"]
    foreign = own or [m.votes[key] for key in m.rows.foreign if key.endswith("_valid")]
    # Rows are few: the pool, some numbers, is fitted on all of them; the prediction sets, which promise coverage, on rows apart where there are enough.
    whole = join(held)
    enough = len(odd.labels) * (1 - m.run.config.calibration.coverage) >= 10
    fit = even if enough and len(whole.labels) > LEAST_APART else whole
    voters = [*m.earned[0], META] if m.space.meta else m.earned[0]
    fitted = calibrate(fit, odd if enough else whole, voters, foreign, m.space.sharp, m.run.config.calibration, natural)
    pooled = whole if natural is None else join([whole, natural])
    found: dict[str, float] = {}
    test = shipped.votes["test"]
    for key in m.rows.held:
        found |= figures(key, test if key == "test" else m.votes[key], fitted)
    near = checks.near_to(texts_of(shipped.rows.held["test"]), texts_of(shipped.rows.train))
    found |= apart_from_copies("test", test, near, fitted)
    found |= ablation("valid", whole, pooled, fitted) | ablation("test", test, pooled, fitted)
    found |= {f"left_out.{name}.gain": gain for name, gain in (m.earned[1] | dict(fitted.left_out)).items()}
    if fitted.scope is not None:
        for key, votes in shipped.votes.items():
            if key in m.rows.foreign and key.endswith("_test"):
                scores = np.concatenate([fitted.scope.of(test), fitted.scope.of(votes)])
                kind = key.removesuffix("_test")
                found[f"test.auroc_out_of_scope_{kind}"] = auroc(scores, np.arange(len(scores)) >= len(test.labels))
                found[f"test.out_of_scope_caught_{kind}"] = fitted.scope.caught(votes)
    exact, labels = shipped.votes["test_fp32"], test.labels
    p, q = fitted.pool.probabilities(test.members), fitted.pool.probabilities(exact.members)
    found["int8.accuracy_difference"] = accuracy(p, labels) - accuracy(q, labels)
    found["int8.mean_probability_difference"] = float(np.abs(p - q).max(1).mean())
    found["int8.largest_probability_difference"] = float(np.abs(p - q).max())
    return fitted, found
