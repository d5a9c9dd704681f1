"""What the trees see: the embedding on its discriminant axes, and the text features."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from torch import Tensor, nn

Array = np.ndarray


@dataclass(frozen=True)
class Projection:
    """weight (width, axes) and bias (axes,), float32. Fisher 1936, its within-class scatter drawn a tenth towards a sphere."""

    weight: Array
    bias: Array

    def inputs(self, embedding: Array, text_features: Array) -> Array:
        """float32 (n, axes + text features)."""
        return np.concatenate([embedding @ self.weight + self.bias, text_features], axis=1).astype(np.float32)

    def save(self, folder: Path) -> None:
        np.savez(folder / "projection.npz", weight=self.weight, bias=self.bias)


def load_projection(folder: Path) -> Projection:
    arrays = np.load(folder / "projection.npz")
    return Projection(arrays["weight"], arrays["bias"])


def fit_projection(embedding: Array, labels: Array, axes: int) -> Projection:
    """The `axes` (at most labels − 1) directions that tell the labels apart best."""
    analysis = LinearDiscriminantAnalysis(solver="eigen", shrinkage=0.1).fit(embedding, labels)
    weight = analysis.scalings_[:, : min(axes, len(analysis.classes_) - 1)].astype(np.float32)
    return Projection(weight, (-(embedding.mean(0) @ weight)).astype(np.float32))


class Projected(nn.Module):
    """embedding (batch, width), text features (batch, 10) → what the trees see (batch, axes + 10)."""

    def __init__(self, projection: Projection) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.from_numpy(projection.weight)), nn.Parameter(torch.from_numpy(projection.bias))

    def forward(self, embedding: Tensor, text_features: Tensor) -> Tensor:
        return torch.cat([embedding @ self.weight + self.bias, text_features], dim=1)
