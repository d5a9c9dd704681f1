"""The members of a space: each fitted on rows, and what each says of rows that it was not fitted on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
import xgboost
from sklearn.ensemble import RandomForestClassifier
from tokenizers import Tokenizer

from replymesh_training.byte_encoder import ByteEncoder, encoder_config, logits_of, train_byte_encoder
from replymesh_training.checkpoints import ByteStart
from replymesh_training.config import RunConfig, SpaceConfig, TreesConfig
from replymesh_training.features import TextFeatures
from replymesh_training.finetune import Ragged
from replymesh_training.graphs import LEAST_SHARE
from replymesh_training.linear import LinearModel, fit_linear
from replymesh_training.minilm import EncoderConfig
from replymesh_training.neighbours import Neighbours, spread
from replymesh_training.projection import Projection, fit_projection
from replymesh_training.stages import Encoder, load_top, make_top, top_logits
from replymesh_training.tokens import encode

Array = np.ndarray


@dataclass(frozen=True)
class Rows:
    """Everything that members read of some rows."""

    hidden: Ragged
    embedding: Array
    features: TextFeatures
    byte_ids: Sequence[Sequence[int]]
    labels: Array

    def take(self, rows: Array) -> Rows:
        ids = [self.byte_ids[r] for r in rows]
        return Rows(self.hidden.take(rows), self.embedding[rows], self.features.take(rows), ids, self.labels[rows])


@dataclass(frozen=True)
class Forests:
    """Both forests over the projection."""

    projection: Projection
    forest: RandomForestClassifier
    boost: xgboost.XGBClassifier

    def logits(self, rows: Rows, classes: int) -> dict[str, Array]:
        seen = self.projection.inputs(rows.embedding, rows.features.values)
        margins = self.boost.predict(seen, output_margin=True)
        if classes == 2:
            margins = np.stack([-margins / 2, margins / 2], axis=1)
        shares = np.log(np.maximum(self.forest.predict_proba(seen), LEAST_SHARE))
        return {"random_forest": shares.astype(np.float32), "xgboost": margins.astype(np.float32)}


def fit_forests(rows: Rows, config: TreesConfig, seed: int) -> Forests:
    """Breiman 2001; Chen and Guestrin 2016."""
    projection = fit_projection(rows.embedding, rows.labels, config.axes)
    seen = projection.inputs(rows.embedding, rows.features.values)
    forest = RandomForestClassifier(
        config.forest_trees, max_depth=config.forest_depth, min_samples_leaf=config.forest_least_leaf, n_jobs=torch.get_num_threads(), random_state=seed
    )
    boost = xgboost.XGBClassifier(
        n_estimators=config.boost_rounds, max_depth=config.boost_depth, learning_rate=config.boost_rate, subsample=0.8, colsample_bynode=0.3,
        n_jobs=torch.get_num_threads(), random_state=seed, tree_method="hist",
    )  # fmt: skip
    return Forests(projection, forest.fit(seen, rows.labels), boost.fit(seen, rows.labels))


def distances(known: Array, labels: Array, embedding: Array, config: RunConfig) -> Array:
    """float32 (n, 1): distance of each embedding to those of the known rows."""
    kept = spread(known, labels, config.most_neighbours, config.seed)
    with torch.inference_mode():
        parts = [Neighbours(known[kept], config.nearest)(torch.from_numpy(part)).numpy() for part in np.array_split(embedding, max(1, len(embedding) // 512))]
    return np.concatenate(parts)


def byte_sizes(tokenizer: Tokenizer, config: RunConfig, start: ByteStart | None) -> EncoderConfig:
    return start.checkpoint.config if start else encoder_config(config.byte, tokenizer.get_vocab_size(), config.byte.max_tokens)


def fit_byte_encoder(rows: Rows, teacher: Array, tokenizer: Tokenizer, config: RunConfig, start: ByteStart | None, report: object) -> ByteEncoder:
    sizes, fill = byte_sizes(tokenizer, config, start), start.fill if start else None
    return train_byte_encoder(rows.byte_ids, rows.labels, teacher, sizes, config.byte, config.seed, report, fill)  # type: ignore[arg-type]


def byte_ids(tokenizer: Tokenizer, texts: Sequence[str], config: RunConfig) -> list[list[int]]:
    return encode(tokenizer, texts, config.byte.max_tokens)


def fit_regression(rows: Rows, space: SpaceConfig, config: RunConfig) -> LinearModel:
    return fit_linear(rows.embedding, rows.features, rows.labels, space.inverse_penalty, config.linear)


def fold_tops(folder: Path, rows: Rows, folds: Array, classes: int, encoder: Encoder, space: SpaceConfig, config: RunConfig, report: object) -> None:
    """fold<k>.pt: the top that was tuned without fold k, one fit each."""
    for fold in range(config.folds):
        own = rows.take(np.flatnonzero(folds != fold))
        once = replace(space.tune, averaged=1)
        make_top(folder, own.hidden, own.labels, classes, encoder, once, config.monte_carlo.drop_probability, config.seed, report)  # type: ignore[arg-type]
        (folder / "top.pt").rename(folder / f"fold{fold}.pt")


def fold_votes(
    tops: Path, rows: Rows, folds: Array, classes: int, tokenizer: Tokenizer, encoder: Encoder, space: SpaceConfig, config: RunConfig,
    start: ByteStart | None, report: object,
) -> dict[str, Array]:  # fmt: skip
    """Out-of-fold logits (n, labels) of each member of the space, and `distance` (n, 1)."""
    out = {name: np.zeros((len(folds), classes), np.float32) for name in space.members} | {"distance": np.zeros((len(folds), 1), np.float32)}
    for fold in range(config.folds):
        inside, outside = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        fitted, asked = rows.take(inside), rows.take(outside)
        found = {"distance": distances(fitted.embedding, fitted.labels, asked.embedding, config)}
        top = load_top(tops / f"fold{fold}.pt", encoder, classes)
        found["minilm"] = top_logits(top, asked.hidden)
        if "logistic_regression" in space.members:
            found["logistic_regression"] = fit_regression(fitted, space, config).logits(asked.embedding, asked.features)
        if {"random_forest", "xgboost"} & set(space.members):
            found |= fit_forests(fitted, config.trees, config.seed).logits(asked, classes)
        if "roberta" in space.members:
            # The teacher of a fold has not seen that fold either.
            student = fit_byte_encoder(fitted, top_logits(top, fitted.hidden), tokenizer, config, start, report)
            found["roberta"] = logits_of(student, asked.byte_ids)
        for name in out:
            out[name][outside] = found[name]
    return out
