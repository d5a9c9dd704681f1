"""A tuned top for few examples: labels are directions, a text belongs to the one that it points along. Snell et al. 2017; Chen et al. 2019."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from replymesh_training.finetune import FAST_BFLOAT16, Ragged, pooled_rows, schedule, without_some
from replymesh_training.minilm import EncoderConfig, Weights, load_stack
from replymesh_training.progress import shown
from replymesh_training.spaces import TunedTop
from replymesh_training.tokens import batches_by_length


@dataclass(frozen=True)
class CosineConfig:
    """Tried on one draw of ten rows a label of Banking77, judged by training rows that were not drawn: rates of 1e-4 to 4e-4, scales of 8 to 20,
    6 to 10 epochs and averaged fits are within half a point of each other once pooled; more dropout costs as much."""

    epochs: int = 8
    least_steps: int = 60  # few rows are seen more often
    batch_size: int = 32
    top_learning_rate: float = 1e-4
    head_learning_rate: float = 2e-3
    weight_decay: float = 0.01
    warmup_share: float = 0.1
    label_smoothing: float = 0.1
    token_dropout: float = 0.1  # share of tokens that a step does not see
    scale: float = 12.0  # logits are the cosine times this
    contrast: float = 0.3  # weight of the contrastive loss
    contrast_temperature: float = 0.1
    averaged: int = 1  # fits of different seeds whose weights are averaged

    def __post_init__(self) -> None:
        for name in ("epochs", "least_steps", "batch_size", "top_learning_rate", "head_learning_rate", "scale", "averaged"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be greater than 0, it is {getattr(self, name)}")
        for name in ("label_smoothing", "token_dropout"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 0 and less than 1, it is {getattr(self, name)}")


class CosineTop(TunedTop):
    """As `TunedTop`, its pooled vectors of unit length; the head's rows have one length, the scale."""

    def pooled(self, hidden: Tensor, attention_mask: Tensor) -> Tensor:
        return nn.functional.normalize(super().pooled(hidden, attention_mask), dim=-1)


def _unit(rows: np.ndarray) -> np.ndarray:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-9))


def contrastive_loss(unit: Tensor, targets: Tensor, temperature: float) -> Tensor:
    """Draws texts of one label together and those of others apart. unit: (n, width) of unit length; targets: (n,). Khosla et al. 2020."""
    itself = torch.eye(len(unit), dtype=torch.bool)
    log_shares = (unit @ unit.T / temperature).masked_fill(itself, -1e9).log_softmax(1)
    alike = (targets[:, None] == targets[None]) & ~itself
    return -((log_shares * alike).sum(1) / alike.sum(1).clamp(min=1)).mean()


def _tuned_once(
    hidden: Ragged, labels: np.ndarray, classes: int, checkpoint: Weights, encoder: EncoderConfig, config: CosineConfig, drop_probability: float,
    seed: int, name: str,
) -> CosineTop:  # fmt: skip
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    top = CosineTop(encoder, classes)
    load_stack(top.stack, checkpoint, encoder.lower_layers)
    start = pooled_rows(top, hidden, config.batch_size)
    directions = nn.Parameter(torch.from_numpy(_unit(np.stack([start[labels == label].mean(0) for label in range(classes)]))))
    optimizer = torch.optim.AdamW(
        [
            {"params": list(top.stack.parameters()), "lr": config.top_learning_rate, "weight_decay": config.weight_decay},
            {"params": [directions], "lr": config.head_learning_rate, "weight_decay": 0.0},
        ]
    )
    a_pass = math.ceil(len(labels) / config.batch_size)
    epochs = max(config.epochs, math.ceil(config.least_steps / a_pass))
    steps = epochs * a_pass
    warmup = max(1, round(steps * config.warmup_share))
    rate = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: schedule(step + 1, steps, warmup))
    targets, lengths = torch.from_numpy(labels), hidden.lengths()

    def batches() -> list[np.ndarray]:
        drawn = list(batches_by_length((lengths + rng.random(len(lengths)) * 4).tolist(), config.batch_size))
        return [drawn[place] for place in rng.permutation(len(drawn))]

    for rows in shown(name, (rows for _ in range(epochs) for rows in batches()), steps):
        # Each text twice, with other tokens hidden, so that every label of a batch has a pair.
        states, mask = (torch.cat([part, part]) for part in hidden.batch(rows))
        wanted = torch.cat([targets[rows], targets[rows]])
        with torch.autocast("cpu", torch.bfloat16, enabled=FAST_BFLOAT16):
            pooled = top.pooled(states, without_some(mask, config.token_dropout)).float()
        seen = nn.functional.dropout(pooled, drop_probability)
        logits = config.scale * seen @ nn.functional.normalize(directions, dim=1).T
        loss = nn.functional.cross_entropy(logits, wanted, label_smoothing=config.label_smoothing)
        loss = loss + config.contrast * contrastive_loss(pooled, wanted, config.contrast_temperature)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(top.parameters(), 1.0)
        optimizer.step()
        rate.step()
    with torch.no_grad():
        top.head.weight.copy_(config.scale * nn.functional.normalize(directions, dim=1))
        top.head.bias.zero_()
    return top


def tune_cosine(
    hidden: Ragged, labels: np.ndarray, classes: int, checkpoint: Weights, encoder: EncoderConfig, config: CosineConfig, drop_probability: float, seed: int,
    report: Callable[[str], None],
) -> CosineTop:  # fmt: skip
    """The top layers, started from the checkpoint's, and a direction for each label, tuned on rows of hidden states and their labels (n,).

    The mean of `config.averaged` fits that start alike and see the rows in other orders (Wortsman et al. 2022). Same seed and threads, same weights.
    """
    mean: dict[str, Tensor] = {}
    for place in range(config.averaged):
        name = f"tuning {place + 1} of {config.averaged}" if config.averaged > 1 else "tuning"
        once = _tuned_once(hidden, labels, classes, checkpoint, encoder, config, drop_probability, seed + place, name)
        report(f"{name}: done")
        mean = {key: mean.get(key, 0) + value / config.averaged for key, value in once.state_dict().items()}
    top = CosineTop(encoder, classes)
    top.load_state_dict(mean)
    return top.eval()
