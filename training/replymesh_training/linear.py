"""Logistic regression on the embedding and the hashed n-grams."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn

from replymesh_training.config import LinearConfig
from replymesh_training.features import BUCKETS, TextFeatures

Array = np.ndarray


def inverse_document_frequencies(features: TextFeatures) -> Array:
    """float32 (buckets,): ln((1 + n) / (1 + rows that hold the bucket)) + 1. Spärck Jones 1972, smoothed."""
    held = np.bincount(features.buckets[features.counts > 0], minlength=BUCKETS)
    return np.asarray(np.log((1 + len(features.counts)) / (1 + held)) + 1, np.float32)


def weighted(features: TextFeatures, idf: Array) -> Array:
    """float32 (n, longest): (1 + ln count) · idf, rows of unit length, 0 where filled up."""
    counts = features.counts
    values = np.where(counts > 0, (1 + np.log(np.maximum(counts, 1))) * idf[features.buckets], 0)
    return np.asarray(values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-6), np.float32)


def inputs_of(embedding: Array, features: TextFeatures, idf: Array, scale: float) -> sparse.csr_matrix:
    """float32 (n, width + buckets): the embedding × scale, then the n-grams."""
    values, rows = weighted(features, idf), np.repeat(np.arange(len(embedding)), features.buckets.shape[1])
    grams = sparse.csr_matrix((values.ravel(), (rows, features.buckets.ravel())), shape=(len(embedding), BUCKETS))
    return sparse.hstack([sparse.csr_matrix(embedding * scale), grams], format="csr").astype(np.float32)


@dataclass(frozen=True)
class LinearModel:
    """weight (width + buckets, labels) float32, the embedding's scale folded in; bias (labels,); idf (buckets,)."""

    weight: Array
    bias: Array
    idf: Array

    def logits(self, embedding: Array, features: TextFeatures) -> Array:
        return np.asarray(inputs_of(embedding, features, self.idf, 1.0) @ self.weight + self.bias, np.float32)

    def save(self, folder: Path) -> None:
        np.savez(folder / "linear.npz", weight=self.weight, bias=self.bias, idf=self.idf)


def load_linear(folder: Path) -> LinearModel:
    arrays = np.load(folder / "linear.npz")
    return LinearModel(arrays["weight"], arrays["bias"], arrays["idf"])


def fit_linear(embedding: Array, features: TextFeatures, labels: Array, inverse_penalty: float, config: LinearConfig) -> LinearModel:
    """The multinomial regression. Two labels get symmetric logits."""
    idf = inverse_document_frequencies(features)
    model = LogisticRegression(C=inverse_penalty, max_iter=300, tol=1e-3)
    model.fit(inputs_of(embedding, features, idf, config.embedding_scale), labels)
    weight, bias = model.coef_, model.intercept_
    if len(model.classes_) == 2:
        weight, bias = np.concatenate([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2
    weight = weight.T.astype(np.float32)
    weight[: embedding.shape[1]] *= config.embedding_scale
    return LinearModel(weight, bias.astype(np.float32), idf)


class LinearHead(nn.Module):
    """embedding (batch, width), n-gram buckets int64 and counts (batch, longest) → logits (batch, labels). The n-grams' weights have 8 bits."""

    def __init__(self, model: LinearModel) -> None:
        super().__init__()
        width = len(model.weight) - BUCKETS
        grams = model.weight[width:]
        steps = np.maximum(np.abs(grams).max(0) / 127, 1e-12).astype(np.float32)
        self.weight, self.bias = nn.Parameter(torch.from_numpy(model.weight[:width].copy())), nn.Parameter(torch.from_numpy(model.bias))
        self.register_buffer("levels", torch.from_numpy(np.rint(grams / steps).astype(np.int8)))
        self.register_buffer("steps", torch.from_numpy(steps))
        self.register_buffer("idf", torch.from_numpy(model.idf))

    levels: Tensor
    steps: Tensor
    idf: Tensor

    def forward(self, embedding: Tensor, buckets: Tensor, counts: Tensor) -> Tensor:
        values = (1 + counts.clamp(min=1).log()) * self.idf[buckets] * (counts > 0).to(torch.float32)
        # Sums as products of matrices: their order does not depend on how many rows there are.
        length = (values[:, None, :] @ values[:, :, None]).squeeze(-1).sqrt().clamp(min=1e-6)
        grams = (values[:, None, :] @ self.levels[buckets].to(torch.float32)).squeeze(1) * self.steps / length
        return embedding @ self.weight + grams + self.bias


