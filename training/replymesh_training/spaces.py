"""The graphs of a label space: what serving runs after the trunk."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from replymesh_training.minilm import EncoderConfig, Stack, mean_pool


class TunedTop(nn.Module):
    """A space's own top layers and linear head: hidden (batch, tokens, width) → pooled (batch, width) → logits (batch, labels)."""

    def __init__(self, config: EncoderConfig, labels: int) -> None:
        super().__init__()
        self.stack = Stack(config, config.layers - config.lower_layers)
        self.head = nn.Linear(config.width, labels)

    def pooled(self, hidden: Tensor, attention_mask: Tensor) -> Tensor:
        return mean_pool(self.stack(hidden, attention_mask), attention_mask)


class Linear(nn.Module):
    """Logistic regression on the embedding: (batch, width) → logits (batch, labels)."""

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(weight), nn.Parameter(bias)

    def forward(self, embedding: Tensor) -> Tensor:
        return embedding @ self.weight + self.bias


class TunedSpace(nn.Module):
    """Tuned top, logistic regression and Monte Carlo samples in one graph.

    dropout_mask: uint8 (batch, samples, width), 1 where a unit is kept; kept units are scaled by 256 / (256 − drop_below).
    Outputs: logits of the tuned top, of the regression (batch, labels), of the samples (batch, samples, labels).
    """

    def __init__(self, top: TunedTop, linear: Linear, drop_below: int) -> None:
        super().__init__()
        self.top, self.linear = top, linear
        self.scale = 256 / (256 - drop_below)

    def forward(self, hidden: Tensor, attention_mask: Tensor, embedding: Tensor, dropout_mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        pooled = self.top.pooled(hidden, attention_mask)
        sampled = pooled[:, None, :] * (dropout_mask.to(torch.float32) * self.scale)
        return self.top.head(pooled), self.linear(embedding), self.top.head(sampled)


class PlainTunedSpace(nn.Module):
    """Tuned top and logistic regression without Monte Carlo samples; outputs both members' logits (batch, labels)."""

    def __init__(self, top: TunedTop, linear: Linear) -> None:
        super().__init__()
        self.top, self.linear = top, linear

    def forward(self, hidden: Tensor, attention_mask: Tensor, embedding: Tensor) -> tuple[Tensor, Tensor]:
        return self.top.head(self.top.pooled(hidden, attention_mask)), self.linear(embedding)
