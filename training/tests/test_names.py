"""The tagger of names: words, spans, figures, and the graph that is served."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from replymesh_training import export, names, names_bundle, words_golden
from replymesh_training.data import DataError, Row
from replymesh_training.names_text import KINDS, Maker, Tagged, of_row, read_annotated
from replymesh_training.tokens import load_tokenizer
from replymesh_training.words import SHAPE_IDS, shape_id, words_of

SHIPPED = Path(__file__).parents[2] / "models" / "default"
TOKENIZER = load_tokenizer(SHIPPED / "tokenizer.json")


def test_words_are_the_golden_ones() -> None:
    assert json.loads(words_golden.FILE.read_text("utf-8")) == words_golden.golden()


def test_shape_ids_are_apart_and_in_range() -> None:
    written = [shape_id(word, before, False) for word in ("ada", "Ada", "ADA", "A", "AdA", "12", "a1", "東", "-") for before in range(3)]
    assert len(set(written)) == len(written) and max(written) < SHAPE_IDS and min(written) > 0


def test_every_made_span_is_whole_words() -> None:
    maker = Maker(3)
    for row in (maker.carried() for _ in range(300)):
        edges = {0, len(row.text)} | {edge for word in words_of(row.text) for edge in (word.start, word.end)}
        for start, end, kind in row.spans:
            assert kind in KINDS and row.text[start:end].strip() == row.text[start:end] != ""
            assert start in edges and end in edges


def test_targets_and_spans_are_each_other() -> None:
    row = Tagged("Hi, I am Ada Lovelace-King of Berlin.", ((9, 26, "PERSON"), (30, 36, "PLACE")))
    seen = names.read(TOKENIZER, row.text, 64)
    chosen = [max(0, target) for target in names.targets(row, seen)]
    assert names.spans_of(row.text, seen, chosen) == list(row.spans)


def test_signs_at_the_ends_name_nothing() -> None:
    seen = names.read(TOKENIZER, "(Ada).", 64)
    assert names.spans_of("(Ada).", seen, [1] * len(seen.ids)) == [(1, 4, "PERSON")]


def test_annotated_sentences_are_masked_by_form(tmp_path: Path) -> None:
    spans = [{"type": "PERSON", "start": 5, "end": 8, "value": "Ada"}, {"type": "EMAIL_ADDRESS", "start": 10, "end": 15, "value": "a@b.c"}]
    (tmp_path / "s.jsonl").write_text(json.dumps({"text": "I am Ada, a@b.c!", "spans": spans}) + "\n", "utf-8")
    assert read_annotated(tmp_path / "s.jsonl") == [("I am <PERSON>, <EMAIL_ADDRESS>!", Tagged("I am Ada, {{EMAIL_1}}!", ((5, 8, "PERSON"),)))]


def test_rows_of_intent_sets_say_where_their_names_are() -> None:
    assert of_row(Row("bill from Mr. Smith", "check_invoice", "person_name", "Mr. Smith")).spans == ((10, 19, "PERSON"),)
    assert of_row(Row("cancel order 1234", "cancel_order", "order_id", "1234")).spans == ()


def test_figures_count_a_span_as_found_when_all_of_it_is_masked() -> None:
    rows = [Tagged("Ada King", ((0, 8, "PERSON"),)), Tagged("in Rome", ((3, 7, "PLACE"),)), Tagged("nobody", ())]
    found = names_bundle.figures(rows, [[(0, 3, "PERSON")], [(3, 7, "ORGANIZATION")], [(0, 6, "PERSON")]])
    assert (found["test.PERSON.recall"], found["test.PERSON.precision"], found["test.PLACE.recall"]) == (0, 0.5, 1)


def test_the_graph_answers_as_the_module_and_heeds_no_padding(tmp_path: Path) -> None:
    tagger = names.Tagger(8, names.NamesConfig(width=16)).eval()
    with torch.no_grad():
        export.save(names.graph(tagger), tmp_path / "names.onnx")
        hidden, shapes = torch.randn(1, 5, 8), torch.tensor([[0, 1, 2, 3, 0]])
        expected = tagger(hidden, torch.ones(1, 5, dtype=torch.int64), shapes).numpy()
    session = onnxruntime.InferenceSession(tmp_path / "names.onnx")
    padded = {
        "hidden": np.concatenate([hidden.numpy(), np.full((1, 3, 8), 7, np.float32)], 1),
        "attention_mask": np.array([[1, 1, 1, 1, 1, 0, 0, 0]]),
        "word_shapes": np.concatenate([shapes.numpy(), np.zeros((1, 3), np.int64)], 1),
    }
    np.testing.assert_allclose(session.run(None, padded)[0][:, :5], expected, atol=1e-5)


def test_without_the_annotated_sentences_it_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="pii-synthetic"):
        names_bundle.rows_of(tmp_path, names_bundle.Rows(), 0)
