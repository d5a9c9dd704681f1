"""The encoder in plain PyTorch: a BERT stack cut in two, lower layers that every label space shares and a top that a space may own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

Weights = dict[str, np.ndarray]
"""Arrays by the names of a Hugging Face BERT checkpoint."""

MASKED_SCORE = -1e4
"""Added to the attention score of a padded position: exp underflows to exactly 0 in float32, so padding changes nothing."""


@dataclass(frozen=True)
class EncoderConfig:
    """Sizes of the encoder; the defaults are those of all-MiniLM-L6-v2 (Wang et al. 2020)."""

    vocabulary: int = 30522
    positions: int = 512
    width: int = 384
    heads: int = 12
    inner_width: int = 1536
    layers: int = 6
    lower_layers: int = 4  # shared by all spaces; the rest is the top
    norm_eps: ClassVar[float] = 1e-12
    """Of all layer norms; BERT's. A checkpoint of another family says so by `CheckpointConfig`."""

    def __post_init__(self) -> None:
        if self.width % self.heads:
            raise ValueError(f"width must be a multiple of heads, {self.width} is none of {self.heads}")
        if self.width % 4:
            raise ValueError(f"width must be a multiple of 4 (dropout masks come in words of four), it is {self.width}")
        if not 0 < self.lower_layers < self.layers:
            raise ValueError(f"lower_layers must be between 1 and {self.layers - 1}, it is {self.lower_layers}")


class Embeddings(nn.Module):
    """Word, position and (always zero) token-type embeddings, summed and normalised: int64 (batch, tokens) → (batch, tokens, width)."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.word = nn.Embedding(config.vocabulary, config.width)
        self.position = nn.Parameter(torch.zeros(config.positions, config.width))
        self.norm = nn.LayerNorm(config.width, eps=config.norm_eps)

    def forward(self, input_ids: Tensor) -> Tensor:
        hidden: Tensor = self.norm(self.word(input_ids) + self.position[: input_ids.shape[1]])
        return hidden


class Layer(nn.Module):
    """One post-norm transformer layer (Vaswani et al. 2017; Devlin et al. 2019) without dropout."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.head_width = config.width // config.heads
        self.query_key_value = nn.Linear(config.width, 3 * config.width)
        self.attended = nn.Linear(config.width, config.width)
        self.attended_norm = nn.LayerNorm(config.width, eps=config.norm_eps)
        self.inner = nn.Linear(config.width, config.inner_width)
        self.outer = nn.Linear(config.inner_width, config.width)
        self.outer_norm = nn.LayerNorm(config.width, eps=config.norm_eps)

    def forward(self, hidden: Tensor, bias: Tensor) -> Tensor:
        """hidden: (batch, tokens, width); bias: (batch, 1, 1, tokens), added to the attention scores."""

        def split(x: Tensor) -> Tensor:
            by_head: Tensor = x.unflatten(-1, (self.heads, self.head_width))
            return by_head.transpose(1, 2)

        query, key, value = (split(x) for x in self.query_key_value(hidden).chunk(3, dim=-1))
        scores = query @ key.transpose(-1, -2) * self.head_width**-0.5 + bias
        mixed = (scores.softmax(-1) @ value).transpose(1, 2).flatten(2)
        hidden = self.attended_norm(hidden + self.attended(mixed))
        out: Tensor = self.outer_norm(hidden + self.outer(nn.functional.gelu(self.inner(hidden))))
        return out


class Stack(nn.Module):
    """Layers in a row: (batch, tokens, width), attention mask (batch, tokens) → (batch, tokens, width)."""

    def __init__(self, config: EncoderConfig, layers: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Layer(config) for _ in range(layers))

    def forward(self, hidden: Tensor, attention_mask: Tensor) -> Tensor:
        bias = ((1 - attention_mask.to(hidden.dtype)) * MASKED_SCORE)[:, None, None, :]
        for layer in self.layers:
            hidden = layer(hidden, bias)
        return hidden


def mean_pool(hidden: Tensor, attention_mask: Tensor) -> Tensor:
    """Mean over the tokens that are no padding: (batch, tokens, width) → (batch, width). Reimers and Gurevych 2019."""
    weights = attention_mask.to(hidden.dtype)[:, :, None]
    return (hidden * weights).sum(1) / weights.sum(1).clamp(min=1e-9)


class Trunk(nn.Module):
    """input_ids, attention_mask → hidden after the lower layers, and the unit-length embedding of the whole frozen encoder."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.embeddings = Embeddings(config)
        self.lower = Stack(config, config.lower_layers)
        self.top = Stack(config, config.layers - config.lower_layers)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, Tensor]:
        hidden = self.lower(self.embeddings(input_ids), attention_mask)
        pooled = mean_pool(self.top(hidden, attention_mask), attention_mask)
        return hidden, nn.functional.normalize(pooled, dim=-1)


_QUERY_KEY_VALUE = ("attention.self.query", "attention.self.key", "attention.self.value")

_LAYER_NAMES = {
    "attended": "attention.output.dense",
    "attended_norm": "attention.output.LayerNorm",
    "inner": "intermediate.dense",
    "outer": "output.dense",
    "outer_norm": "output.LayerNorm",
}


def load_stack(stack: Stack, weights: Weights, first: int) -> None:
    """Fill a stack from the checkpoint's layers `first`, `first` + 1, … KeyError when one is not there."""
    state = {
        f"layers.{index}.{ours}.{kind}": torch.tensor(weights[f"encoder.layer.{first + index}.{theirs}.{kind}"])
        for index in range(len(stack.layers))
        for ours, theirs in _LAYER_NAMES.items()
        for kind in ("weight", "bias")
    }
    for index in range(len(stack.layers)):
        for kind in ("weight", "bias"):
            parts = [weights[f"encoder.layer.{first + index}.{name}.{kind}"] for name in _QUERY_KEY_VALUE]
            state[f"layers.{index}.query_key_value.{kind}"] = torch.tensor(np.concatenate(parts))
    stack.load_state_dict(state)


def build_trunk(weights: Weights, config: EncoderConfig) -> Trunk:
    """The trunk with the checkpoint's weights, in evaluation mode. The token-type embedding of type 0 is folded into the positions."""
    trunk = Trunk(config)
    with torch.no_grad():
        trunk.embeddings.word.weight.copy_(torch.tensor(weights["embeddings.word_embeddings.weight"]))
        positions = weights["embeddings.position_embeddings.weight"] + weights["embeddings.token_type_embeddings.weight"][0]
        trunk.embeddings.position.copy_(torch.tensor(positions))
        trunk.embeddings.norm.weight.copy_(torch.tensor(weights["embeddings.LayerNorm.weight"]))
        trunk.embeddings.norm.bias.copy_(torch.tensor(weights["embeddings.LayerNorm.bias"]))
    load_stack(trunk.lower, weights, 0)
    load_stack(trunk.top, weights, config.lower_layers)
    return trunk.eval()


def random_weights(config: EncoderConfig, seed: int) -> Weights:
    """A checkpoint of the same architecture with small random weights, for quick runs and tests."""
    rng = np.random.default_rng(seed)

    def normal(*shape: int) -> np.ndarray:
        return (rng.standard_normal(shape) * 0.05).astype(np.float32)

    width, inner = config.width, config.inner_width
    one, zero = np.ones(width, np.float32), np.zeros(width, np.float32)
    weights: Weights = {
        "embeddings.word_embeddings.weight": normal(config.vocabulary, width),
        "embeddings.position_embeddings.weight": normal(config.positions, width),
        "embeddings.token_type_embeddings.weight": normal(2, width),
        "embeddings.LayerNorm.weight": one,
        "embeddings.LayerNorm.bias": zero,
    }
    shapes = {"inner": (inner, width), "outer": (width, inner)}
    for index in range(config.layers):
        for theirs in _QUERY_KEY_VALUE:
            weights[f"encoder.layer.{index}.{theirs}.weight"] = normal(width, width)
            weights[f"encoder.layer.{index}.{theirs}.bias"] = normal(width)
        for ours, theirs in _LAYER_NAMES.items():
            name = f"encoder.layer.{index}.{theirs}"
            if ours.endswith("norm"):
                weights[f"{name}.weight"], weights[f"{name}.bias"] = one, zero
            else:
                shape = shapes.get(ours, (width, width))
                weights[f"{name}.weight"], weights[f"{name}.bias"] = normal(*shape), normal(shape[0])
    return weights
