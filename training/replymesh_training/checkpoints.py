"""Checkpoints in Hugging Face layout (config.json, model.safetensors, tokenizer.json) of BERT, DistilBERT and RoBERTa, read into the stacks of this project.

All three are post-norm transformers that differ in their names, their positions and the epsilon of their layer norms (Devlin et al. 2019, Sanh et al. 2019,
Liu et al. 2019). Every array is brought to the names of BERT, which `minilm.load_stack` reads.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.numpy import load_file

from replymesh_training.byte_encoder import FIRST_POSITION, PAD_ID, ByteEncoder
from replymesh_training.minilm import EncoderConfig, Weights, load_stack
from replymesh_training.tokens import load_tokenizer, write_serving_tokenizer


class CheckpointError(ValueError):
    """A checkpoint that cannot be used; the message names file, field or tensor, and the cure."""


@dataclass(frozen=True)
class CheckpointConfig(EncoderConfig):
    """Sizes of a checkpoint whose layer norms have another epsilon than BERT's."""

    norm_eps: float = 1e-5  # type: ignore[misc]


@dataclass(frozen=True)
class Layout:
    """How a family names what BERT has: fields of config.json, the arrays' prefix and each part of a layer."""

    prefix: str
    layer: str
    fields: Mapping[str, str]
    parts: Mapping[str, str]


_FIELDS = ("vocab_size", "max_position_embeddings", "hidden_size", "num_attention_heads", "intermediate_size", "num_hidden_layers")
_PARTS = (
    "attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense", "attention.output.LayerNorm",
    "intermediate.dense", "output.dense", "output.LayerNorm",
)  # fmt: skip
_DISTILBERT_FIELDS = ("vocab_size", "max_position_embeddings", "dim", "n_heads", "hidden_dim", "n_layers")
_DISTILBERT_PARTS = (
    "attention.q_lin", "attention.k_lin", "attention.v_lin", "attention.out_lin", "sa_layer_norm", "ffn.lin1", "ffn.lin2", "output_layer_norm",
)  # fmt: skip

LAYOUTS = {
    "bert": Layout("bert.", "encoder.layer", dict(zip(_FIELDS, _FIELDS, strict=True)), dict(zip(_PARTS, _PARTS, strict=True))),
    "distilbert": Layout(
        "distilbert.", "transformer.layer", dict(zip(_FIELDS, _DISTILBERT_FIELDS, strict=True)), dict(zip(_PARTS, _DISTILBERT_PARTS, strict=True))
    ),
    "roberta": Layout("roberta.", "encoder.layer", dict(zip(_FIELDS, _FIELDS, strict=True)), dict(zip(_PARTS, _PARTS, strict=True))),
}
"""By `model_type` of config.json. MiniLM is a BERT."""

SLOTS = {"--checkpoint": ("bert", "distilbert"), "--byte-checkpoint": ("roberta",)}
PAD_IDS = {"--checkpoint": 0, "--byte-checkpoint": PAD_ID}


@dataclass(frozen=True)
class Checkpoint:
    """Arrays by the names of BERT, float32, and their sizes."""

    weights: Weights
    config: EncoderConfig


def _config(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise CheckpointError(f"{path}: no such file; give a folder with config.json, model.safetensors and tokenizer.json") from None
    except ValueError as error:
        raise CheckpointError(f"{path}: no JSON ({error}); fetch the checkpoint again") from None
    if not isinstance(found, dict):
        raise CheckpointError(f"{path}: no JSON object; fetch the checkpoint again")
    return found


def _arrays(path: Path, prefix: str) -> Weights:
    """Without the family's prefix, which checkpoints with a head on top have and others lack."""
    try:
        found = load_file(path)
    except FileNotFoundError:
        raise CheckpointError(f"{path}: no such file; save the model with save_pretrained(safe_serialization=True)") from None
    except (SafetensorError, TypeError, KeyError, AttributeError) as error:
        raise CheckpointError(f"{path}: cannot be read as float arrays ({error}); save the model again in float32") from None
    return {name.removeprefix(prefix): array for name, array in found.items()}


def _sizes(path: Path, found: Mapping[str, Any], layout: Layout, lower_layers: int, kind: str) -> EncoderConfig:
    numbers = []
    for name in layout.fields.values():
        value = found.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise CheckpointError(f'{path}: "{name}" must be a whole number from 1, it is {json.dumps(value)}; fetch the checkpoint again')
        numbers.append(value)
    act = found.get("activation" if kind == "distilbert" else "hidden_act", "gelu")
    if act != "gelu":
        raise CheckpointError(f'{path}: activation "{act}" is not known here; take a checkpoint with "gelu"')
    if found.get("position_embedding_type", "absolute") != "absolute":
        raise CheckpointError(f'{path}: "position_embedding_type" must be "absolute"; take another checkpoint')
    # DistilBERT has no such field; its layers are built with BERT's value.
    eps = 1e-12 if kind == "distilbert" else float(found.get("layer_norm_eps", 1e-12))
    vocabulary, positions, width, heads, inner, layers = numbers
    if layers <= lower_layers:
        raise CheckpointError(f"{path}: {layers} layers, of which {lower_layers} would be shared and none left for the top; take a deeper checkpoint")
    try:
        sizes = EncoderConfig(vocabulary, positions, width, heads, inner, layers, lower_layers)
        return sizes if eps == sizes.norm_eps else CheckpointConfig(**asdict(sizes), norm_eps=eps)
    except ValueError as error:
        raise CheckpointError(f"{path}: {error}; take another checkpoint") from None


def sinusoids(positions: int, width: int) -> np.ndarray:
    """float32 (positions, width): sine at even places, cosine at odd ones. Vaswani et al. 2017."""
    place = np.arange(width)
    angles = np.arange(positions)[:, None] / 10_000 ** (2 * (place // 2) / width)
    return np.where(place % 2 == 0, np.sin(angles), np.cos(angles)).astype(np.float32)


def open_checkpoint(folder: Path, slot: str, lower_layers: int) -> Checkpoint:
    """The checkpoint of a folder. slot: the flag it was given with, one of `SLOTS`. CheckpointError."""
    path, file = folder / "config.json", folder / "model.safetensors"
    found = _config(path)
    kind = found.get("model_type")
    if kind not in SLOTS[slot]:
        raise CheckpointError(f'{path}: "model_type" is {json.dumps(kind)}; {slot} takes {" or ".join(SLOTS[slot])}')
    if found.get("pad_token_id", PAD_IDS[slot]) != PAD_IDS[slot]:
        raise CheckpointError(f'{path}: "pad_token_id" is {found["pad_token_id"]}; {slot} takes checkpoints that pad with {PAD_IDS[slot]}')
    layout = LAYOUTS[kind]
    sizes = _sizes(path, found, layout, lower_layers, kind)
    arrays = _arrays(file, layout.prefix)
    if kind == "distilbert":
        arrays["embeddings.token_type_embeddings.weight"] = np.zeros((1, sizes.width), np.float32)
        if found.get("sinusoidal_pos_embds"):
            arrays.setdefault("embeddings.position_embeddings.weight", sinusoids(sizes.positions, sizes.width))
    weights: Weights = {}

    def take(name: str, theirs: str, *shape: int | None) -> None:
        array = arrays.get(theirs)
        if array is None:
            raise CheckpointError(f'{file}: tensor "{theirs}" is missing; take a checkpoint of the whole model, of the "model_type" that config.json says')
        if array.ndim != len(shape) or any(size not in (None, own) for size, own in zip(shape, array.shape, strict=True)):
            wanted = ", ".join("any" if size is None else str(size) for size in shape)
            raise CheckpointError(f'{file}: tensor "{theirs}" has shape {array.shape}, config.json says ({wanted}); take both files of one checkpoint')
        if array.dtype.kind != "f" or not np.isfinite(array).all():
            raise CheckpointError(f'{file}: tensor "{theirs}" holds what is no finite number; save the model again in float32')
        weights[name] = array.astype(np.float32)

    width, inner = sizes.width, sizes.inner_width
    shapes: dict[str, tuple[int | None, ...]] = {
        "word_embeddings.weight": (sizes.vocabulary, width), "position_embeddings.weight": (sizes.positions, width),
        "token_type_embeddings.weight": (None, width), "LayerNorm.weight": (width,), "LayerNorm.bias": (width,),
    }  # fmt: skip
    for name, shape in shapes.items():
        take(f"embeddings.{name}", f"embeddings.{name}", *shape)
    outputs = {"intermediate.dense": (inner, width), "output.dense": (width, inner)}
    for index in range(sizes.layers):
        for ours, theirs in layout.parts.items():
            matrix = (width,) if ours.endswith("LayerNorm") else outputs.get(ours, (width, width))
            take(f"encoder.layer.{index}.{ours}.weight", f"{layout.layer}.{index}.{theirs}.weight", *matrix)
            take(f"encoder.layer.{index}.{ours}.bias", f"{layout.layer}.{index}.{theirs}.bias", matrix[0])
    return Checkpoint(weights, sizes)


@dataclass(frozen=True)
class ByteStart:
    """What the byte-level encoder starts from in the place of nothing."""

    folder: Path
    checkpoint: Checkpoint

    def write_tokenizer(self, target: Path) -> None:
        """Its own tokenizer, as serving reads it."""
        write_serving_tokenizer(self.folder / "tokenizer.json", target)
        said, known = load_tokenizer(target).get_vocab_size(), self.checkpoint.config.vocabulary
        if said > known:
            raise CheckpointError(f"{self.folder / 'tokenizer.json'}: {said} tokens, the model knows {known}; take both files of one checkpoint")

    def fill(self, model: ByteEncoder) -> None:
        """Every weight but the head's. The embedding of token type 0 is folded into the positions."""
        weights = self.checkpoint.weights
        with torch.no_grad():
            model.word.weight.copy_(torch.from_numpy(weights["embeddings.word_embeddings.weight"]))
            positions = weights["embeddings.position_embeddings.weight"] + weights["embeddings.token_type_embeddings.weight"][0]
            model.position.copy_(torch.from_numpy(positions))
            model.norm.weight.copy_(torch.from_numpy(weights["embeddings.LayerNorm.weight"]))
            model.norm.bias.copy_(torch.from_numpy(weights["embeddings.LayerNorm.bias"]))
        load_stack(model.stack, weights, 0)


def open_byte_start(folder: Path, max_tokens: int) -> ByteStart:
    """A RoBERTa with its tokenizer. max_tokens: as many as a text may have. CheckpointError."""
    checkpoint = open_checkpoint(folder, "--byte-checkpoint", 1)
    room = checkpoint.config.positions - FIRST_POSITION
    if room < max_tokens:
        raise CheckpointError(f"{folder / 'config.json'}: room for {room} tokens, texts have up to {max_tokens}; take a checkpoint with more positions")
    if not (folder / "tokenizer.json").is_file():
        raise CheckpointError(f"{folder / 'tokenizer.json'}: no such file; save the fast tokenizer with save_pretrained")
    return ByteStart(folder, checkpoint)
