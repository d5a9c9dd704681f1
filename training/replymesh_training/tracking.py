"""One MLflow run for a training: parameters, losses, figures, plots and the bundle, registered under an alias.

Runs go to the folder .cache/mlruns, or to the server that MLFLOW_TRACKING_URI names.
"""

from __future__ import annotations

import importlib.util
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from replymesh_training.config import RunConfig
from replymesh_training.data import sha256_of
from replymesh_training.manifest import MANIFEST
from replymesh_training.plots import confusion_plot, reliability_plot

MODEL = "replymesh"
BUNDLE_TAG = "bundle_digest"
"""Tag of a version: SHA-256 of the bundle's manifest."""
ALIASES = ("challenger", "champion")
MOST_PARAMETER = 500
"""Characters of a parameter, of which MLflow takes no more than 6000."""

_LOSS = re.compile(r"^(?P<what>.*?),? ?epoch (?P<epoch>\d+) of \d+: loss (?P<loss>[\d.]+)$")


def flattened(config: RunConfig) -> dict[str, str]:
    """`byte.layers`, `spaces.0.name` …"""

    def walk(at: str, value: Any) -> dict[str, str]:
        if isinstance(value, Mapping):
            return {k: v for key, own in value.items() for k, v in walk(f"{at}{key}.", own).items()}
        if isinstance(value, Sequence) and not isinstance(value, str) and any(isinstance(own, Mapping) for own in value):
            return {k: v for place, own in enumerate(value) for k, v in walk(f"{at}{place}.", own).items()}
        return {at.rstrip("."): str(value)[:MOST_PARAMETER]}

    return walk("", asdict(config))


class TrackingError(RuntimeError):
    """A run that cannot be logged; the message says what to do."""


def refuse_absent() -> None:
    """TrackingError without MLflow: better before a training than after it."""
    if importlib.util.find_spec("mlflow") is None:
        raise TrackingError("mlflow is not installed; `pip install -r training/requirements.lock`")


@dataclass
class Followed:
    """What a run tells while it goes on: losses from its reports, a space's test rows when it is finished."""

    report: Callable[[str], None]
    losses: list[tuple[str, int, float]] = field(default_factory=list)
    plots: dict[str, str] = field(default_factory=dict)

    def line(self, line: str) -> None:
        """Takes a report's line and passes it on. Fits of one name follow each other, so that their steps are counted on."""
        self.report(line)
        found = _LOSS.match(line)
        if found:
            name = "loss." + (re.sub(r"[^a-z0-9]+", "_", found["what"].lower()).strip("_") or "all")
            step = 1 + sum(known == name for known, _, _ in self.losses)
            self.losses.append((name, step, float(found["loss"])))

    def space(self, name: str, labels: Sequence[str], probabilities: np.ndarray, truth: np.ndarray) -> None:
        """probabilities (n, labels) of the test rows, truth (n,)."""
        self.plots[f"plots/{name}.confusion.svg"] = confusion_plot(labels, truth, probabilities.argmax(1))
        self.plots[f"plots/{name}.reliability.svg"] = reliability_plot(probabilities.max(1), probabilities.argmax(1) == truth)


def log_training(config: RunConfig, content: Mapping[str, Any], bundle: Path, followed: Followed, alias: str = "challenger", folder: Path | None = None) -> str:
    """The registered version. content: the bundle's manifest; folder: where runs are kept when no server is named. TrackingError."""
    if alias not in ALIASES:
        raise ValueError(f"alias must be one of {', '.join(ALIASES)}, it is {alias}")
    # The store in a folder needs no database beside it; MLflow wants to be told that this is meant.
    os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
    from mlflow import MlflowClient  # only where a run is logged: the import takes seconds
    from mlflow.exceptions import MlflowException

    uri = os.environ.get("MLFLOW_TRACKING_URI") or (folder or Path(".cache/mlruns")).absolute().as_uri()
    try:
        return _logged(MlflowClient(uri, uri), config, content, bundle, followed, alias)
    except MlflowException as error:
        # The address may hold a password, so that it is not said.
        raise TrackingError(f"{bundle} is finished, but MLflow refused its run: {error.message}; mend MLFLOW_TRACKING_URI and run again") from None


def _logged(client: Any, config: RunConfig, content: Mapping[str, Any], bundle: Path, followed: Followed, alias: str) -> str:
    experiment = client.get_experiment_by_name(MODEL)
    run = client.create_run(experiment.experiment_id if experiment else client.create_experiment(MODEL), run_name=f"{content['name']} {content['createTime']}")
    key = run.info.run_id
    try:
        for name, value in flattened(config).items():
            client.log_param(key, name, value)
        for name, step, loss in followed.losses:
            client.log_metric(key, name, loss, step=step)
        for space in content["spaces"]:
            for name, value in space["metrics"].items():
                client.log_metric(key, f"{space['name']}.{name}", value)
        for file, plot in followed.plots.items():
            client.log_text(key, plot, file)
        client.log_artifacts(key, str(bundle), "bundle")
    except BaseException:
        client.set_terminated(key, "FAILED")
        raise
    client.set_terminated(key)
    if not client.search_registered_models(f"name = '{MODEL}'"):
        client.create_registered_model(MODEL)
    version = client.create_model_version(MODEL, f"{run.info.artifact_uri}/bundle", key)
    # By it the mesh knows the version when the bundle is promoted.
    client.set_model_version_tag(MODEL, version.version, BUNDLE_TAG, sha256_of(bundle / MANIFEST))
    client.set_registered_model_alias(MODEL, alias, version.version)
    return str(version.version)
