"""Own spaces on a tiny trunk with random weights: the n-grams carry the labels, the path is the real one."""

import itertools
import json
from dataclasses import replace
from pathlib import Path

import pytest
import tokenizers
import torch

from replymesh_training import manifest, minilm, own_space, stages
from replymesh_training.cosine import CosineConfig, contrastive_loss
from replymesh_training.data import DataError
from replymesh_training.own_members import OwnConfig, spoken

WORDS = {"refund": ["refund", "money back", "repay me"], "order": ["parcel", "order", "shipment"], "account": ["password", "login", "account"]}
FRAMES = ["where is my {}", "I want my {} today", "what about the {}", "please help with {} now", "{} does not work", "tell me more of {}"]
TEXTS = [(frame.format(word), label) for (label, words), frame in itertools.product(WORDS.items(), FRAMES) for word in words]
CONFIG = OwnConfig(folds=3, cosine=CosineConfig(epochs=1, least_steps=2, batch_size=16))
SIZES = minilm.EncoderConfig(vocabulary=200, positions=64, width=16, heads=2, inner_width=32, layers=2, lower_layers=1)


def encoder(seed: int = 1) -> stages.Encoder:
    return stages.Encoder(minilm.random_weights(SIZES, seed), SIZES)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle with a trunk and no space."""
    checkpoint, folder = tmp_path_factory.mktemp("checkpoint"), tmp_path_factory.mktemp("bundle")
    words = sorted({word for text, _ in TEXTS for word in text.lower().split()})
    vocabulary = {word: place for place, word in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *words])}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = tokenizers.normalizers.Lowercase(), tokenizers.pre_tokenizers.Whitespace()
    tokenizer.post_processor = tokenizers.processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    tokenizer.save(str(checkpoint / "tokenizer.json"))
    (checkpoint / "tokenizer_config.json").write_text("{}")
    stages.make_trunk(folder, encoder(), checkpoint, [text for text, _ in TEXTS[:8]], 64)
    (folder / "trunk.fp32.onnx").unlink()
    manifest.write(
        folder,
        {
            "format": manifest.FORMAT, "name": "tiny", "version": "1.0.9", "createTime": "2026-01-01T00:00:00Z", "files": manifest.bundle_files(folder),
            "tokenizer": {"file": "tokenizer.json", "configFile": "tokenizer_config.json", "maxTokens": 64, "padTokenId": 0},
            "trunk": [{"name": "trunk", "file": "trunk.onnx", "inputs": ["input_ids", "attention_mask"], "outputs": ["hidden", "embedding"]}],
            "embeddingTensor": "embedding", "embeddingWidth": 16, "spaces": [],
        },
    )  # fmt: skip
    return folder


def csv(path: Path, rows: list[tuple[str, str]]) -> Path:
    path.write_text("text,label\n" + "".join(f"{text},{label}\n" for text, label in rows), encoding="utf-8")
    return path


def made(request: own_space.Request, config: OwnConfig = CONFIG, start: stages.Encoder | None = None) -> dict:
    return own_space.make_space(request, config, start, "the checkpoint", lambda line: None)


def test_a_space_joins_a_bundle_that_stays_whole_and_is_replaced_when_it_is_trained_again(base: Path, tmp_path: Path) -> None:
    rows = csv(tmp_path / "theirs.csv", TEXTS)
    made(own_space.Request("theirs", rows, base, tmp_path / "first"))
    content = manifest.read(tmp_path / "first")
    (space,) = content["spaces"]
    assert (content["version"], space["labels"]) == ("1.0.10", ["account", "order", "refund"])
    assert "monteCarlo" not in space and {m["name"] for m in space["members"]} == {"logistic_regression"}
    assert space["metrics"]["held.accuracy"] > 0.8 and space["metrics"]["served.label_agreement"] > 0.95
    assert {"held.nll", "held.ece", "held.conformal_coverage"} <= set(space["metrics"])
    assert content["features"]["ngramBuckets"] == 8192
    assert "Label space `theirs`" in (tmp_path / "first" / "MODEL_CARD.md").read_text("utf-8")
    made(own_space.Request("theirs", rows, tmp_path / "first", tmp_path / "second"))
    assert [s["name"] for s in manifest.read(tmp_path / "second")["spaces"]] == ["theirs"]


def test_a_tuned_space_brings_its_own_top_and_its_dropout(base: Path, tmp_path: Path) -> None:
    held = csv(tmp_path / "held.csv", [("my refund is late again", "refund"), ("the parcel was broken", "order")])
    config = replace(CONFIG, fine_tune=True)
    made(own_space.Request("theirs", csv(tmp_path / "theirs.csv", TEXTS), base, tmp_path / "out", held), config, encoder())
    (space,) = manifest.read(tmp_path / "out")["spaces"]
    assert [stage["name"] for stage in space["stages"]] == ["top", "heads"]
    assert space["monteCarlo"]["samples"] == 30
    assert space["metrics"]["test.rows"] == 2


def test_rows_that_belong_to_no_label_teach_the_score_and_are_no_label(base: Path, tmp_path: Path) -> None:
    outside = [(f"the weather in {city} is fine", "out_of_scope") for city in ("Rome", "Oslo", "Lima", "Kyiv")]
    made(own_space.Request("theirs", csv(tmp_path / "theirs.csv", TEXTS + outside), base, tmp_path / "out"))
    (space,) = manifest.read(tmp_path / "out")["spaces"]
    assert "out_of_scope" not in space["labels"] and space["outOfScope"]["scale"] > 0


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([*TEXTS, ("only one", "rare")], r'label "rare" has 1 texts of its own'),
        ([*TEXTS, ("Same words", "rare"), ("same words!", "rare")], r'label "rare" has 1 texts'),
        ([("a", "x"), ("b", "x"), ("c", "out_of_scope")], r"1 labels beside out_of_scope"),
    ],
)
def test_rows_that_cannot_make_a_space_are_refused_and_nothing_is_written(base: Path, tmp_path: Path, rows: list, says: str) -> None:
    with pytest.raises(DataError, match=says):
        made(own_space.Request("theirs", csv(tmp_path / "theirs.csv", rows), base, tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_a_held_out_row_that_is_also_trained_on_is_refused(base: Path, tmp_path: Path) -> None:
    held = csv(tmp_path / "held.csv", [("new words", "order"), (TEXTS[0][0].upper(), TEXTS[0][1])])
    with pytest.raises(DataError, match=r"held.csv:3: the text of .*theirs.csv:2"):
        made(own_space.Request("theirs", csv(tmp_path / "theirs.csv", TEXTS), base, tmp_path / "out", held))


def test_a_checkpoint_that_the_trunk_was_not_made_of_is_refused(base: Path, tmp_path: Path) -> None:
    request = own_space.Request("theirs", csv(tmp_path / "theirs.csv", TEXTS), base, tmp_path / "out")
    with pytest.raises(DataError, match="give the checkpoint that the trunk was made of"):
        # Small random layers hardly change what passes through; these do.
        made(request, CONFIG, replace(encoder(), weights={name: array * 20 for name, array in minilm.random_weights(SIZES, 2).items()}))
    wide = replace(SIZES, width=24)
    with pytest.raises(DataError, match="its width is 24, the trunk's is 16"):
        made(request, CONFIG, stages.Encoder(minilm.random_weights(wide, 1), wide))


def test_folders_that_would_be_lost_are_refused(base: Path, tmp_path: Path) -> None:
    rows = csv(tmp_path / "theirs.csv", TEXTS)
    with pytest.raises(DataError, match="is the bundle that is built upon"):
        made(own_space.Request("theirs", rows, base, base))
    with pytest.raises(DataError, match="is there and is no bundle"):
        made(own_space.Request("theirs", rows, base, tmp_path))
    with pytest.raises(DataError, match="every message is read in that space"):
        made(own_space.Request("sentiment", rows, base, tmp_path / "out"))


def test_a_damaged_base_is_refused_with_the_file_that_differs(base: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    for file in base.iterdir():
        (broken / file.name).write_bytes(file.read_bytes())
    (broken / "tokenizer_config.json").write_text(json.dumps({"changed": True}))
    with pytest.raises(DataError, match=r"tokenizer_config.json: is not there or not as manifest.json says"):
        made(own_space.Request("theirs", csv(tmp_path / "theirs.csv", TEXTS), broken, tmp_path / "out"))


def test_the_words_of_a_label_are_read_from_its_name() -> None:
    assert [spoken(label) for label in ("card_arrival", "CardArrival", "order.track-now", "17", "_")] == [
        "card arrival", "card arrival", "order track now", "17", "_",
    ]  # fmt: skip


def test_the_contrastive_loss_is_least_when_texts_of_a_label_point_the_same_way() -> None:
    labels = torch.tensor([0, 0, 1, 1])
    together = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    assert contrastive_loss(together, labels, 0.1) < contrastive_loss(together[[0, 2, 1, 3]], labels, 0.1)


def test_a_random_sample_alone_calibrates_where_it_is_large_enough_and_is_never_trained_on(base: Path, tmp_path: Path) -> None:
    rows, lines = csv(tmp_path / "theirs.csv", TEXTS), []
    sample = csv(tmp_path / "calibration.csv", [*TEXTS[::4], ("the weather in Rome is fine", "out_of_scope")])
    for name, least in (("with", len(TEXTS[::4])), ("without", len(TEXTS[::4]) + 1)):
        request = own_space.Request("theirs", rows, base, tmp_path / name, calibration=sample)
        own_space.make_space(request, replace(CONFIG, least_random=least), None, "the checkpoint", lines.append)
    with_sample, without = (manifest.read(tmp_path / name)["spaces"][0] for name in ("with", "without"))
    assert [(d["name"], d["rows"]) for d in with_sample["data"]] == [
        ("theirs.csv", str(len(TEXTS) - len(TEXTS[::4]))), ("calibration.csv", str(len(TEXTS[::4]))),
    ]  # fmt: skip
    assert with_sample["metrics"]["held.rows"] == len(TEXTS[::4]) and without["metrics"]["held.rows"] == len(TEXTS)
    assert [d["name"] for d in without["data"]] == ["theirs.csv"]
    assert any("until then they are left out" in line for line in lines)


def test_a_random_sample_with_a_label_that_nothing_teaches_is_refused(base: Path, tmp_path: Path) -> None:
    sample = csv(tmp_path / "calibration.csv", [("one more", "rare")])
    request = own_space.Request("theirs", csv(tmp_path / "theirs.csv", TEXTS), base, tmp_path / "out", calibration=sample)
    with pytest.raises(DataError, match="rare"):
        made(request, replace(CONFIG, least_random=1))
