"""Putting a bundle together: manifest entries from what was fitted, files in place, swapped in whole."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from replymesh_training import card, features, manifest
from replymesh_training.byte_encoder import PAD_ID
from replymesh_training.config import META, RunConfig
from replymesh_training.data import read_rows, sha256_of
from replymesh_training.evaluate import Calibration
from replymesh_training.rated_sentences import fetch, rated_sentences
from replymesh_training.rows import NATURAL, Source, in_scope

VERSION = "2.4.0"

KINDS = {
    "minilm": "MODEL_KIND_DISTILBERT",
    "roberta": "MODEL_KIND_ROBERTA",
    "logistic_regression": "MODEL_KIND_LOGISTIC_REGRESSION",
    "random_forest": "MODEL_KIND_RANDOM_FOREST",
    "xgboost": "MODEL_KIND_XGBOOST",
    META: "MODEL_KIND_LIGHTGBM",
}
"""MiniLM is a distilled BERT with WordPiece tokens, which is what the kind says."""

BEHAVIOURAL = ("tier", "escalations_total", "open_interactions", "mean_satisfaction")
"""Fields of `BehaviouralFeatures` that the priority reads."""

BYTE_TOKENIZER_CONFIG = {"tokenizer_class": "RobertaTokenizer", "bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}

SOURCES = {
    "bitext-support": ("CDLA-Sharing-1.0", "Bitext, customer-support-intent-detection-training-dataset, 2022"),
    "uci-sentiment": ("CC BY 4.0", "Kotzias et al. 2015, UCI Sentiment Labelled Sentences"),
    "clinc150": ("CC BY 3.0", "Larson et al. 2019, oos-eval data_full.json"),
    "banking77": ("CC BY 4.0", "Casanueva et al. 2020, PolyAI task-specific-datasets"),
    "rated-sentences": ("MIT", "Hutto and Gilbert 2014, sentences with ratings in the source distribution of vaderSentiment"),
    "pii-synthetic": ("MIT", "Microsoft, presidio-research synth_dataset_v2"),
    "made-names": ("Apache-2.0", "Made by template for Replymesh, with names of Faker (MIT)"),
    "natural-wording": ("Apache-2.0", "Written for Replymesh"),
}
"""Licence and attribution by data set."""


def provenance(name: str, path: Path, rows: int) -> dict[str, str]:
    """One file's entry. rows: as many of it as training or calibration read."""
    license_name, attribution = SOURCES[name]
    entry = {"name": f"{name}/{path.name}", "license": license_name, "attribution": attribution}
    return entry | {"rows": str(rows), "sha256": sha256_of(path)}


def provenance_of(data: Path, source: Source, config: RunConfig) -> list[dict[str, str]]:
    """Every file that training or calibration of a space read."""
    folder = data / source.folder
    names = ["train", "valid"] if source.valid_share is None else ["train"]
    found = [provenance(source.folder, folder / f"{name}.csv", len(in_scope(read_rows(folder / f"{name}.csv")))) for name in names]
    if source.natural_repeats:
        path = NATURAL / "natural-train.csv"
        found.append(provenance("natural-wording", path, len(read_rows(path))))
    if source.rated:
        found.append(provenance("rated-sentences", fetch(), len(rated_sentences(fetch()))))
    for name in source.neutral:
        path = data / name / "train.csv"
        found.append(provenance(name, path, min(source.neutral_rows, len(in_scope(read_rows(path))))))
    for name in source.foreign:
        path = data / name / "train.csv"
        found.append(provenance(name, path, min(config.most_foreign, len(in_scope(read_rows(path))))))
    return found


def feature_spec() -> dict[str, Any]:
    """The features that stages may read, as the manifest lists them."""
    return {
        "ngramBuckets": features.BUCKETS, "text": list(features.TEXT_FEATURES), "semantic": ["embedding", "hidden"], "behavioural": list(BEHAVIOURAL),
    }  # fmt: skip


def space_entry(
    name: str, labels: Sequence[str], graphs: Sequence[tuple[str, Sequence[str], Sequence[str]]], fitted: Calibration,
    metrics: Mapping[str, float], data: Sequence[Mapping[str, str]], config: RunConfig, width: int,
) -> dict[str, Any]:  # fmt: skip
    """One label space of the manifest; what was not fitted is left out. graphs: name, inputs and outputs of each."""
    entry: dict[str, Any] = {
        "name": name,
        "labels": list(labels),
        "stages": [
            {"name": stage, "file": f"spaces/{name}/{stage}.onnx", "inputs": list(inputs), "outputs": list(outputs)} for stage, inputs, outputs in graphs
        ],
        "members": [
            {
                "name": member,
                "kind": KINDS[member],
                "logitsTensor": f"{name}.{member}.logits",
                "temperature": fitted.pool.temperatures[member],
                "weight": fitted.pool.weights.get(member, 0.0),
            }
            for member in fitted.pool.temperatures
        ],
    }
    stochastic = any(f"{name}.mc.logits" in outputs for _, _, outputs in graphs)
    mask = {"maskTensor": f"{name}.dropout_mask", "width": width, "dropBelow": config.monte_carlo.drop_below, "logitsTensor": f"{name}.mc.logits"}
    samples = 1 if fitted.monte_carlo_temperature is None else config.monte_carlo.samples
    if stochastic:
        entry["monteCarlo"] = mask | {"samples": samples, "temperature": fitted.monte_carlo_temperature or 1.0}
    if fitted.confidence is not None:
        c = fitted.confidence
        entry["confidence"] = {"bias": c.bias, "slope": c.slope, "mutualInformation": c.mutual_information, "disagreement": c.disagreement}
    if fitted.scope is not None:
        score = fitted.scope.score
        entry["outOfScope"] = {
            "logitsTensor": f"{name}.{fitted.scope.member}.logits", "location": score.location, "scale": score.scale, "threshold": score.threshold,
        }  # fmt: skip
        if score.distance_weight:
            entry["outOfScope"] |= {"distanceTensor": f"{name}.distance", "distanceWeight": score.distance_weight}
    if fitted.least_probability is not None:
        entry["conformal"] = {"coverage": config.calibration.coverage, "leastProbability": fitted.least_probability}
    return entry | {"metrics": {key: float(metrics[key]) for key in sorted(metrics)}, "data": [dict(item) for item in data]}


def assemble(
    folder: Path, trunk: Path, byte_tokenizer: Path, spaces: Mapping[str, Any], config: RunConfig, width: int, finished: str,
) -> dict[str, Any]:  # fmt: skip
    """Files, card and manifest into an empty folder; the manifest. finished: RFC 3339 time of training's end."""
    for name in ("trunk.onnx", "tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(trunk / name, folder / name)
    shutil.copyfile(byte_tokenizer / "byte_tokenizer.json", folder / "byte_tokenizer.json")
    (folder / "byte_tokenizer_config.json").write_text(json.dumps(BYTE_TOKENIZER_CONFIG) + "\n", "utf-8")
    for name, space in spaces.items():
        (folder / "spaces" / name).mkdir(parents=True)
        for stage in space.entry["stages"]:
            shutil.copyfile(space.folder / f"{stage['name']}.onnx", folder / stage["file"])
    content: dict[str, Any] = {
        "format": manifest.FORMAT,
        "name": "quick" if config.quick else "replymesh-ensemble",
        "version": VERSION,
        "createTime": finished,
        "files": [],
        "tokenizer": {"file": "tokenizer.json", "configFile": "tokenizer_config.json", "maxTokens": config.max_tokens, "padTokenId": 0},
        "byteTokenizer": {
            "file": "byte_tokenizer.json", "configFile": "byte_tokenizer_config.json", "maxTokens": config.byte.max_tokens, "padTokenId": PAD_ID,
        },
        "features": feature_spec(),
        "trunk": [{"name": "trunk", "file": "trunk.onnx", "inputs": ["input_ids", "attention_mask"], "outputs": ["hidden", "embedding"]}],
        "embeddingTensor": "embedding",
        "embeddingWidth": width,
        "spaces": [space.entry for space in spaces.values()],
    }  # fmt: skip
    (folder / "MODEL_CARD.md").write_text(card.model_card(content), "utf-8")
    content["files"] = manifest.bundle_files(folder)
    manifest.write(folder, content)
    return content


def copy_files(base: Path, folder: Path, content: Mapping[str, Any]) -> None:
    """All of a bundle's files but its card and manifest, into an empty folder."""
    for file in content["files"]:
        if file["path"] != "MODEL_CARD.md":
            (folder / file["path"]).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(base / file["path"], folder / file["path"])


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
