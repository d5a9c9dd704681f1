"""What held-out rows look like as they are served: what later traffic is compared with (`SpaceReference` of the contract)."""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from replymesh_training import bundle, card, manifest, parity
from replymesh_training.config import RunConfig
from replymesh_training.data import DataError
from replymesh_training.evaluate import Calibration, Votes
from replymesh_training.features import TEXT_FEATURES, text_features
from replymesh_training.own_members import Report
from replymesh_training.rows import space_rows, texts_of

Array = np.ndarray

TOGETHER = 32
"""Texts of about one length in one batch; no answer depends on the others."""


@dataclass(frozen=True)
class Answers:
    """What a space says of rows: places of the first labels (n,), confidences (n,), whether each is out of scope (n,)."""

    first: Array
    confidence: Array
    outside: Array


def answers_of(votes: Votes, fitted: Calibration) -> Answers:
    """As served."""
    outside = np.zeros(len(votes.labels), bool) if fitted.scope is None else fitted.scope.of(votes) >= fitted.scope.score.threshold
    return Answers(fitted.pool.probabilities(votes.members).argmax(1), fitted.sureness(votes), outside)


def quantiles(values: Array, places: Array) -> Array:
    """The smallest value that at least this share of the values does not exceed: the inverse of the empirical distribution. Hyndman and Fan 1996, type 1."""
    return np.asarray(np.quantile(values, places, method="inverted_cdf"))


def edges_of(values: Array) -> list[float]:
    """Where bins begin: the deciles, each once. Where these are all the least value, that and what is above it. (n,) → rising."""
    least = values.min()
    above = values[values > least]
    deciles = sorted({float(v) for v in quantiles(values, np.arange(1, 10) / 10) if v > least})
    if deciles:
        return deciles
    return [float(above.min())] if len(above) else [float(least) + 0.01]


def histogram(feature: str, values: Array) -> dict[str, Any]:
    """One feature's entry."""
    edges = edges_of(values)
    counts = np.bincount(np.searchsorted(edges, values, side="right"), minlength=len(edges) + 1)
    return {"feature": feature, "edges": edges, "counts": [str(count) for count in counts]}


def reference_of(texts: Sequence[str], answers: Answers, classes: int) -> dict[str, Any]:
    """The reference of a space in the manifest's form. ValueError without rows."""
    if not texts:
        raise ValueError("a reference needs rows")
    features = np.stack([text_features(text) for text in texts]).astype(np.float64)
    thousandths = np.floor(np.asarray(answers.confidence, np.float64) * 1000) / 1000
    found: dict[str, Any] = {
        "rows": str(len(texts)),
        "textFeatures": [histogram(name, features[:, place]) for place, name in enumerate(TEXT_FEATURES)],
        "intentCounts": [str(count) for count in np.bincount(answers.first, minlength=classes)],
        "confidenceQuantiles": quantiles(thousandths, np.arange(101) / 100).tolist(),
    }
    outside = int(answers.outside.sum())
    return found | ({"outOfScope": str(outside)} if outside else {})


def held_out(held: Mapping[str, Any], refit: bool) -> list[str]:
    """Names of the sets that what is served was not trained on: a space that was fitted anew has seen the rows that it was calibrated on."""
    return [name for name in ("valid", "test") if name in held and not (refit and name == "valid")]


Mask = Callable[[Sequence[str]], Sequence[str]]


def mask_command(command: str) -> Mask:
    """Masks texts by a command that takes a JSON list and gives one. DataError when it fails."""

    def mask(texts: Sequence[str]) -> Sequence[str]:
        done = subprocess.run(shlex.split(command), input=json.dumps(list(texts)), capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise DataError(f"--mask {command} failed:\n{done.stderr.strip()}")
        masked: list[str] = json.loads(done.stdout)
        return masked

    return mask


def add_references(base: Path, data: Path, config: RunConfig, work: Path, report: Report, mask: Mask = list) -> dict[str, Any]:
    """The bundle with the references of its public spaces, by its own graphs, into the empty folder `work`; the manifest.

    mask: what the mesh does to a message before the models read it, so that later traffic is compared with the like.
    """
    content = manifest.read(base)
    known = {space.name: space for space in config.spaces}
    for space in content["spaces"]:
        if space["name"] not in known:
            continue
        of = known[space["name"]]
        rows = space_rows(data, of.source, config.most_train, config.most_foreign, config.seed)
        texts = texts_of([row for name in held_out(rows.held, of.refit) for row in rows.held[name]])
        texts = list(mask(texts))
        report(f"{of.name}: {len(texts)} held-out rows")
        votes = parity.votes_of(parity.open_runner(base, content, space, TOGETHER), space, texts)
        space["reference"] = reference_of(texts, answers_of(votes, parity.calibration_of(space)), len(space["labels"]))
    content["version"] = bundle.VERSION
    bundle.copy_files(base, work, content)
    (work / "MODEL_CARD.md").write_text(card.model_card(content), "utf-8")
    content["files"] = manifest.bundle_files(work)
    manifest.write(work, content)
    return content
