"""Fine-tuning of a space's top layers on the trunk's cached hidden states, so that an epoch costs only the layers that learn."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from replymesh_training.config import TuneConfig
from replymesh_training.minilm import EncoderConfig, Weights, load_stack
from replymesh_training.spaces import TunedTop
from replymesh_training.tokens import batches_by_length

FAST_BFLOAT16 = torch.cpu._is_avx512_bf16_supported()
"""Halves the time of a step where the processor has bfloat16; where it has not, it would take ten times as long."""


@dataclass(frozen=True)
class Ragged:
    """Rows of different length in one array: `values` (all tokens, width), row i at offsets[i] … offsets[i + 1]."""

    values: np.ndarray
    offsets: np.ndarray
    rows: np.ndarray | None = None
    """Which rows, in this order; all of them when None."""

    def take(self, rows: np.ndarray) -> Ragged:
        return Ragged(self.values, self.offsets, rows if self.rows is None else self.rows[rows])

    def lengths(self) -> np.ndarray:
        every = np.diff(self.offsets)
        return every if self.rows is None else every[self.rows]

    def batch(self, rows: Sequence[int] | np.ndarray) -> tuple[Tensor, Tensor]:
        """hidden float32 (rows, longest, width) and attention mask int64 (rows, longest)."""
        lengths = self.lengths()[rows]
        hidden = torch.zeros(len(rows), int(lengths.max()), self.values.shape[1])
        mask = torch.zeros(hidden.shape[:2], dtype=torch.int64)
        for place, row in enumerate(rows if self.rows is None else self.rows[rows]):
            length = int(lengths[place])
            hidden[place, :length] = torch.from_numpy(self.values[self.offsets[row] : self.offsets[row + 1]].astype(np.float32))
            mask[place, :length] = 1
        return hidden, mask


def pooled_rows(top: TunedTop, hidden: Ragged, batch_size: int) -> np.ndarray:
    """float32 (rows, width): the pooled vector of every row."""
    out = np.zeros((len(hidden.lengths()), hidden.values.shape[1]), np.float32)
    with torch.inference_mode():
        for rows in batches_by_length(hidden.lengths().tolist(), batch_size):
            out[rows] = top.pooled(*hidden.batch(rows)).numpy()
    return out


def centroid_head(pooled: np.ndarray, labels: np.ndarray, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Weight (classes, width) and bias (classes,) of a head that starts as the nearest class centroid of unit vectors. Snell et al. 2017."""
    unit = pooled / np.maximum(np.linalg.norm(pooled, axis=1, keepdims=True), 1e-9)
    centroids = np.stack([unit[labels == label].mean(0) for label in range(classes)])
    weight = centroids * (10 / float(np.linalg.norm(pooled, axis=1).mean()))  # logits of about ±10 at the start
    return weight, -0.5 * 10 * (centroids**2).sum(1)


def schedule(step: int, steps: int, warmup: int) -> float:
    """Linear warm-up, then cosine to zero."""
    return step / warmup if step < warmup else 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))


def _optimizer(top: TunedTop, config: TuneConfig, steps: int) -> tuple[torch.optim.AdamW, torch.optim.lr_scheduler.LambdaLR]:
    groups = [
        {"params": [p for p in top.stack.parameters() if p.ndim > 1], "lr": config.top_learning_rate, "weight_decay": config.weight_decay},
        {"params": [p for p in top.stack.parameters() if p.ndim < 2], "lr": config.top_learning_rate, "weight_decay": 0.0},
        {"params": list(top.head.parameters()), "lr": config.head_learning_rate, "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups)
    warmup = max(1, round(steps * config.warmup_share))
    return optimizer, torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: schedule(step + 1, steps, warmup))


def without_some(mask: Tensor, share: float) -> Tensor:
    """The attention mask with a share of its tokens hidden, never the first: a cheap stand-in for masked word pieces, since the states below are cached."""
    if share == 0:
        return mask
    kept = torch.rand(mask.shape) >= share
    kept[:, 0] = True
    return mask * kept


def tune_top(
    hidden: Ragged, labels: np.ndarray, classes: int, checkpoint: Weights, encoder: EncoderConfig, config: TuneConfig,
    drop_probability: float, seed: int, report: Callable[[str], None],
) -> TunedTop:  # fmt: skip
    """The top layers, started from the checkpoint's, and a head, tuned on rows of hidden states and their labels (n,).

    Dropout acts on the pooled vector with the rate that Monte Carlo sampling uses. Same seed and threads, same weights.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    top = TunedTop(encoder, classes)
    load_stack(top.stack, checkpoint, encoder.lower_layers)
    weight, bias = centroid_head(pooled_rows(top, hidden, config.batch_size), labels, classes)
    with torch.no_grad():
        top.head.weight.copy_(torch.from_numpy(weight))
        top.head.bias.copy_(torch.from_numpy(bias))
    lengths = hidden.lengths()
    steps = config.epochs * math.ceil(len(labels) / config.batch_size)
    optimizer, schedule = _optimizer(top, config, steps)
    targets = torch.from_numpy(labels)
    for epoch in range(config.epochs):
        batches = list(batches_by_length((lengths + rng.random(len(lengths)) * 2).tolist(), config.batch_size))
        losses = []
        for place in rng.permutation(len(batches)):
            rows = batches[place]
            states, mask = hidden.batch(rows)
            with torch.autocast("cpu", torch.bfloat16, enabled=FAST_BFLOAT16):
                pooled = top.pooled(states, without_some(mask, config.token_dropout))
            logits = top.head(nn.functional.dropout(pooled.float(), drop_probability))
            loss = nn.functional.cross_entropy(logits, targets[rows], label_smoothing=config.label_smoothing)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(top.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
        report(f"epoch {epoch + 1} of {config.epochs}: loss {np.mean(losses):.4f}")
    return top.eval()
