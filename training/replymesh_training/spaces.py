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


class TunedSpace(nn.Module):
    """Tuned top and Monte Carlo samples in one graph.

    dropout_mask: uint8 (batch, samples, width), 1 where a unit is kept; kept units are scaled by 256 / (256 − drop_below).
    Outputs: logits of the tuned top (batch, labels) and of the samples (batch, samples, labels).
    """

    def __init__(self, top: TunedTop, drop_below: int) -> None:
        super().__init__()
        self.top = top
        self.scale = 256 / (256 - drop_below)

    def forward(self, hidden: Tensor, attention_mask: Tensor, dropout_mask: Tensor) -> tuple[Tensor, Tensor]:
        pooled = self.top.pooled(hidden, attention_mask)
        sampled = pooled[:, None, :] * (dropout_mask.to(torch.float32) * self.scale)
        return self.top.head(pooled), self.top.head(sampled)
