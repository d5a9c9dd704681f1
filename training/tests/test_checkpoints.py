"""Small checkpoints with random weights in Hugging Face's names, against the published forward passes written out plainly."""

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file
from tokenizers import Tokenizer, models

from replymesh_training.byte_encoder import ByteEncoder, logits_of, train_tokenizer
from replymesh_training.checkpoints import CheckpointError, open_byte_start, open_checkpoint, sinusoids
from replymesh_training.minilm import build_trunk
from replymesh_training.tokens import load_tokenizer

WIDTH, HEADS, INNER, LAYERS, WORDS, PLACES = 16, 4, 24, 3, 400, 40
ROBERTA_PARTS = dict(
    q="attention.self.query", k="attention.self.key", v="attention.self.value", o="attention.output.dense", n1="attention.output.LayerNorm",
    i="intermediate.dense", f="output.dense", n2="output.LayerNorm",
)  # fmt: skip
DISTILBERT_PARTS = dict(
    q="attention.q_lin", k="attention.k_lin", v="attention.v_lin", o="attention.out_lin", n1="sa_layer_norm", i="ffn.lin1", f="ffn.lin2", n2="output_layer_norm"
)
FAMILIES = {
    "bert": ("encoder.layer", ROBERTA_PARTS, 1e-12, 0),
    "distilbert": ("transformer.layer", DISTILBERT_PARTS, 1e-12, 0),
    "roberta": ("encoder.layer", ROBERTA_PARTS, 1e-5, 2),
}


def config_of(family: str) -> dict[str, object]:
    if family == "distilbert":
        own = {"dim": WIDTH, "n_heads": HEADS, "hidden_dim": INNER, "n_layers": LAYERS, "activation": "gelu", "sinusoidal_pos_embds": False}
    else:
        own = {"hidden_size": WIDTH, "num_attention_heads": HEADS, "intermediate_size": INNER, "num_hidden_layers": LAYERS, "hidden_act": "gelu"}
        own["layer_norm_eps"] = FAMILIES[family][2]
    return {"model_type": family, "vocab_size": WORDS, "max_position_embeddings": PLACES, "pad_token_id": 1 if family == "roberta" else 0, **own}


def arrays_of(family: str) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(5)
    layer, parts, _, _ = FAMILIES[family]

    def normal(*shape: int) -> np.ndarray:
        return (rng.standard_normal(shape) * 0.3).astype(np.float32)

    found = {"word_embeddings.weight": normal(WORDS, WIDTH), "position_embeddings.weight": normal(PLACES, WIDTH)}
    if family != "distilbert":
        found["token_type_embeddings.weight"] = normal(1 if family == "roberta" else 2, WIDTH)
    found |= {"LayerNorm.weight": 1 + normal(WIDTH), "LayerNorm.bias": normal(WIDTH)}
    arrays = {f"{family}.embeddings.{name}": array for name, array in found.items()}
    sizes = {"i": (INNER, WIDTH), "f": (WIDTH, INNER)}
    for index in range(LAYERS):
        for part, name in parts.items():
            shape = (WIDTH,) if part in ("n1", "n2") else sizes.get(part, (WIDTH, WIDTH))
            arrays[f"{family}.{layer}.{index}.{name}.weight"] = normal(*shape)
            arrays[f"{family}.{layer}.{index}.{name}.bias"] = normal(shape[0])
    return arrays | {"classifier.dense.weight": normal(3, 3)}


def write(folder: Path, family: str, config: dict[str, object] | None = None, arrays: dict[str, np.ndarray] | None = None) -> Path:
    (folder / "config.json").write_text(json.dumps(config or config_of(family)), "utf-8")
    save_file(arrays if arrays is not None else arrays_of(family), folder / "model.safetensors")
    words = Tokenizer(models.WordPiece({"[UNK]": 0}, unk_token="[UNK]"))
    tokenizer = train_tokenizer(["where is my order", "i want a refund"], 300) if family == "roberta" else words
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def reference(family: str, arrays: dict[str, np.ndarray], ids: np.ndarray, layers: int = LAYERS) -> np.ndarray:
    """Hidden states (tokens, width) of one text in float64, as the papers have it."""
    layer, parts, eps, first = FAMILIES[family]
    a = {name.removeprefix(f"{family}."): array.astype(np.float64) for name, array in arrays.items()}

    def norm(x: np.ndarray, name: str) -> np.ndarray:
        x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + eps)
        return x * a[f"{name}.weight"] + a[f"{name}.bias"]

    def linear(x: np.ndarray, name: str) -> np.ndarray:
        return x @ a[f"{name}.weight"].T + a[f"{name}.bias"]

    # RoBERTa's positions start behind the padding's.
    x = a["embeddings.word_embeddings.weight"][ids] + a["embeddings.position_embeddings.weight"][first : first + len(ids)]
    if family != "distilbert":
        x = x + a["embeddings.token_type_embeddings.weight"][0]
    x = norm(x, "embeddings.LayerNorm")
    for index in range(layers):
        at = {part: f"{layer}.{index}.{name}" for part, name in parts.items()}
        heads = []
        for head in np.split(np.arange(WIDTH), HEADS):
            q, k, v = (linear(x, at[part])[:, head] for part in "qkv")
            scores = np.exp(q @ k.T / math.sqrt(WIDTH // HEADS))
            heads.append(scores / scores.sum(1, keepdims=True) @ v)
        x = norm(x + linear(np.concatenate(heads, 1), at["o"]), at["n1"])
        inner = linear(x, at["i"])
        gelu = inner * 0.5 * (1 + np.vectorize(math.erf)(inner / math.sqrt(2)))
        x = norm(x + linear(gelu, at["f"]), at["n2"])
    return x


@pytest.mark.parametrize("family", ["bert", "distilbert"])
def test_slot_one_gives_the_states_of_the_published_model(family: str, tmp_path: Path) -> None:
    found = open_checkpoint(write(tmp_path, family), "--checkpoint", 2)
    trunk = build_trunk(found.weights, found.config)
    ids, other = np.array([5, 17, 300, 8, 2]), np.array([9, 3, 4])
    batch, mask = np.stack([ids, np.pad(other, (0, 2))]), np.array([[1] * 5, [1, 1, 1, 0, 0]])
    with torch.inference_mode():
        hidden, embedding = (t.numpy() for t in trunk(torch.from_numpy(batch), torch.from_numpy(mask)))
    for row, own in enumerate((ids, other)):
        assert np.abs(hidden[row, : len(own)] - reference(family, arrays_of(family), own, 2)).max() < 1e-5
        pooled = reference(family, arrays_of(family), own).mean(0)
        assert np.abs(embedding[row] - pooled / np.linalg.norm(pooled)).max() < 1e-5


def test_slot_two_gives_the_states_of_the_published_roberta(tmp_path: Path) -> None:
    start = open_byte_start(write(tmp_path, "roberta"), 32)
    model = ByteEncoder(start.checkpoint.config, 3).eval()
    start.fill(model)
    rows = [[0, 44, 99, 7, 2], [0, 2]]
    found = logits_of(model, rows)
    head, bias = (p.detach().numpy() for p in (model.head.weight, model.head.bias))
    for row, ids in enumerate(rows):
        pooled = reference("roberta", arrays_of("roberta"), np.array(ids)).mean(0)
        assert np.abs(found[row] - (pooled @ head.T + bias)).max() < 1e-5


def test_slot_two_keeps_its_own_tokenizer(tmp_path: Path) -> None:
    start = open_byte_start(write(tmp_path, "roberta"), 32)
    start.write_tokenizer(tmp_path / "out.json")
    ids = load_tokenizer(tmp_path / "out.json").encode("where is my refund").ids
    assert ids == Tokenizer.from_file(str(tmp_path / "tokenizer.json")).encode("where is my refund").ids


def test_names_without_the_prefix_are_read_too(tmp_path: Path) -> None:
    arrays = {name.removeprefix("distilbert."): array for name, array in arrays_of("distilbert").items()}
    found = open_checkpoint(write(tmp_path, "distilbert", arrays=arrays), "--checkpoint", 2)
    assert np.array_equal(found.weights["encoder.layer.1.output.dense.bias"], arrays["transformer.layer.1.ffn.lin2.bias"])


def test_sinusoidal_positions_that_were_not_saved_are_made(tmp_path: Path) -> None:
    arrays = arrays_of("distilbert")
    del arrays["distilbert.embeddings.position_embeddings.weight"]
    found = open_checkpoint(write(tmp_path, "distilbert", config_of("distilbert") | {"sinusoidal_pos_embds": True}, arrays), "--checkpoint", 2)
    made = found.weights["embeddings.position_embeddings.weight"]
    assert np.array_equal(made, sinusoids(PLACES, WIDTH))
    assert made[3, :3] == pytest.approx([math.sin(3), math.cos(3), math.sin(3 / 10_000 ** (2 / WIDTH))])


Change = Callable[[dict[str, object], dict[str, np.ndarray]], object]
QUERY = "distilbert.transformer.layer.1.attention.q_lin.weight"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda c, a: c.update(model_type="gpt2"), r'config\.json: "model_type" is "gpt2"; --checkpoint takes bert or distilbert'),
        (lambda c, a: c.update(model_type="roberta"), r'"model_type" is "roberta"; --checkpoint takes bert or distilbert'),
        (lambda c, a: c.update(dim="wide"), r'config\.json: "dim" must be a whole number from 1, it is "wide"'),
        (lambda c, a: c.update(activation="relu"), r'activation "relu" is not known here'),
        (lambda c, a: c.update(n_layers=2), r"2 layers, of which 2 would be shared"),
        (lambda c, a: c.update(n_heads=5), r"config\.json: width must be a multiple of heads"),
        (lambda c, a: c.update(pad_token_id=1), r'"pad_token_id" is 1; --checkpoint takes checkpoints that pad with 0'),
        (lambda c, a: a.pop(QUERY), r'model\.safetensors: tensor "transformer\.layer\.1\.attention\.q_lin\.weight" is missing; take'),
        (lambda c, a: a.update({QUERY: a[QUERY][:8]}), r'q_lin\.weight" has shape \(8, 16\), config\.json says \(16, 16\); take both'),
        (lambda c, a: a.update({QUERY: a[QUERY] * np.float32("nan")}), r'q_lin\.weight" holds what is no finite number'),
        (lambda c, a: c.update(vocab_size=401), r"word_embeddings\.weight\" has shape \(400, 16\), config\.json says \(401, 16\)"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(change: Change, says: str, tmp_path: Path) -> None:
    config, arrays = config_of("distilbert"), arrays_of("distilbert")
    change(config, arrays)
    with pytest.raises(CheckpointError, match=says):
        open_checkpoint(write(tmp_path, "distilbert", config, arrays), "--checkpoint", 2)


def test_files_that_are_missing_or_broken_are_named(tmp_path: Path) -> None:
    write(tmp_path, "roberta")
    with pytest.raises(CheckpointError, match=r"config\.json: room for 38 tokens, texts have up to 256"):
        open_byte_start(tmp_path, 256)
    (tmp_path / "tokenizer.json").unlink()
    with pytest.raises(CheckpointError, match=r"tokenizer\.json: no such file; save"):
        open_byte_start(tmp_path, 32)
    (tmp_path / "model.safetensors").write_bytes(b"no tensors")
    with pytest.raises(CheckpointError, match=r"model\.safetensors: cannot be read"):
        open_byte_start(tmp_path, 32)
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"model\.safetensors: no such file; save the model"):
        open_byte_start(tmp_path, 32)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(CheckpointError, match=r"config\.json: no JSON"):
        open_byte_start(tmp_path, 32)
