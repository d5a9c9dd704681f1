"""Putting a bundle together: manifest entries from what was fitted, files in place, swapped in whole."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from replymesh_training import card, manifest
from replymesh_training.config import RunConfig
from replymesh_training.evaluate import Calibration

VERSION = "1.0.0"
LARGEST_MEAN_SET = 2.0

KINDS = {"minilm": "MODEL_KIND_DISTILBERT", "logistic_regression": "MODEL_KIND_LOGISTIC_REGRESSION"}
"""MiniLM is a distilled BERT with WordPiece tokens, which is what the kind says."""

SOURCES = {
    "bitext-support": ("CDLA-Sharing-1.0", "Bitext, customer-support-intent-detection-training-dataset, 2022"),
    "uci-sentiment": ("CC BY 4.0", "Kotzias et al. 2015, UCI Sentiment Labelled Sentences"),
    "clinc150": ("CC BY 3.0", "Larson et al. 2019, oos-eval data_full.json; calibration of the out-of-scope score only"),
    "banking77": ("CC BY 4.0", "Casanueva et al. 2020, PolyAI task-specific-datasets; calibration of the out-of-scope score only"),
    "natural-wording": ("Apache-2.0", "Written for Replymesh"),
}
"""Licence and attribution by data set."""


def provenance(name: str, path: Path, rows: int) -> dict[str, str]:
    """One file's entry. rows: as many of it as training or calibration read."""
    license_name, attribution = SOURCES[name]
    entry = {"name": f"{name}/{path.name}", "license": license_name, "attribution": attribution}
    return entry | {"rows": str(rows), "sha256": manifest.sha256_of(path)}


def space_entry(
    name: str, labels: Sequence[str], inputs: Sequence[str], outputs: Sequence[str], fitted: Calibration,
    metrics: Mapping[str, float], data: Sequence[Mapping[str, str]], config: RunConfig, width: int,
) -> dict[str, Any]:  # fmt: skip
    """One label space of the manifest; what was not fitted is left out."""
    entry: dict[str, Any] = {
        "name": name,
        "labels": list(labels),
        "stages": [{"name": name, "file": f"spaces/{name}/space.onnx", "inputs": list(inputs), "outputs": list(outputs)}],
        "members": [
            {
                "name": member,
                "kind": KINDS[member],
                "logitsTensor": f"{name}.{member}.logits",
                "temperature": fitted.pool.temperatures[member],
                "weight": weight,
            }
            for member, weight in fitted.pool.weights.items()
        ],
    }
    if fitted.monte_carlo_temperature is not None:
        entry["monteCarlo"] = {
            "maskTensor": f"{name}.dropout_mask",
            "logitsTensor": f"{name}.mc.logits",
            "width": width,
            "samples": config.monte_carlo.samples,
            "dropBelow": config.monte_carlo.drop_below,
            "temperature": fitted.monte_carlo_temperature,
        }
    if fitted.scope is not None:
        score = fitted.scope.score
        entry["outOfScope"] = {
            "logitsTensor": f"{name}.{fitted.scope.member}.logits",
            "location": float(score.location),
            "scale": float(score.scale),
            "threshold": float(score.threshold),
        }
    # Sets that hold many labels of a message that the pool is sure of would mislead: they are left out.
    if fitted.conformal_threshold is not None and metrics["valid.conformal_mean_size"] <= LARGEST_MEAN_SET:
        entry["conformal"] = {"coverage": config.calibration.coverage, "threshold": fitted.conformal_threshold}
    return entry | {"metrics": {key: float(metrics[key]) for key in sorted(metrics)}, "data": [dict(item) for item in data]}


def assemble(
    folder: Path, trunk: Path, spaces: Mapping[str, Path], entries: Sequence[Mapping[str, Any]], config: RunConfig, width: int, finished: str,
) -> dict[str, Any]:  # fmt: skip
    """Files, card and manifest into an empty folder; the manifest. finished: RFC 3339 time of training's end."""
    for name in ("trunk.onnx", "tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(trunk / name, folder / name)
    for name, source in spaces.items():
        (folder / "spaces" / name).mkdir(parents=True)
        shutil.copyfile(source / "space.onnx", folder / "spaces" / name / "space.onnx")
    content: dict[str, Any] = {
        "format": manifest.FORMAT,
        "name": "quick" if config.quick else "support-minilm",
        "version": VERSION,
        "createTime": finished,
        "files": [],
        "tokenizer": {"file": "tokenizer.json", "configFile": "tokenizer_config.json", "maxTokens": config.max_tokens, "padTokenId": 0},
        "trunk": [{"name": "trunk", "file": "trunk.onnx", "inputs": ["input_ids", "attention_mask"], "outputs": ["hidden", "embedding"]}],
        "embeddingTensor": "embedding",
        "embeddingWidth": width,
        "spaces": list(entries),
    }
    (folder / "MODEL_CARD.md").write_text(card.model_card(content), "utf-8")
    content["files"] = manifest.bundle_files(folder)
    manifest.write(folder, content)
    return content


def swap_in(made: Path, target: Path) -> None:
    """Put a finished bundle where the old one is; the target is never half-written, and missing only between two renames."""
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh, old = target.with_name(f".{target.name}.new"), target.with_name(f".{target.name}.old")
    for leftover in (fresh, old):
        shutil.rmtree(leftover, ignore_errors=True)
    shutil.copytree(made, fresh)
    if target.exists():
        target.rename(old)
    fresh.rename(target)
    shutil.rmtree(old, ignore_errors=True)
