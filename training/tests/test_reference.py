"""References: what of held-out rows is kept for later comparison, and that Python and TypeScript read it alike."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from replymesh_training import reference as references
from replymesh_training.data import DataError
from replymesh_training.reference import Answers, edges_of, held_out, quantiles, reference_of

GOLDEN = Path(__file__).parents[1] / "data" / "reference-golden.json"


def golden() -> dict:
    """Rows made without chance, and their reference."""
    frames = ("where is my refund?", "CANCEL order {{Order Number}} NOW!!", "i did not get it", "please change the address of order 4711", "thanks!")
    texts = [frame + " again" * (i % 7) for i in range(12) for frame in frames]
    first = [(i * i) % 4 for i in range(len(texts))]
    confidence = [round(1 - ((i * 37) % 101) / 150, 6) for i in range(len(texts))]
    outside = [i % 11 == 0 for i in range(len(texts))]
    reference = reference_of(texts, Answers(np.array(first), np.array(confidence), np.array(outside)), 5)
    rows = [{"text": t, "first": f, "confidence": c, "outOfScope": o} for t, f, c, o in zip(texts, first, confidence, outside, strict=True)]
    return {"labels": ["a", "b", "c", "d", "e"], "rows": rows, "reference": reference}


def test_the_reference_that_typescript_reads_is_the_one_that_python_makes() -> None:
    assert json.loads(GOLDEN.read_text("utf-8")) == golden()


def test_bins_hold_every_row_once_and_the_least_value_is_below_the_first_edge() -> None:
    for values in (np.array([0.0, 0.0, 0.0, 0.5]), np.zeros(9), np.ones(3), np.arange(100) / 100):
        edges = edges_of(values)
        assert edges == sorted(set(edges)) and edges[0] > values.min()
    reference = golden()["reference"]
    for histogram in reference["textFeatures"]:
        assert sum(map(int, histogram["counts"])) == 60 and len(histogram["counts"]) == len(histogram["edges"]) + 1


def test_a_quantile_is_the_smallest_value_that_so_many_rows_do_not_exceed() -> None:
    assert quantiles(np.array([3.0, 1.0, 2.0, 4.0]), np.array([0, 0.25, 0.26, 0.5, 1])).tolist() == [1, 1, 2, 2, 4]


def test_rows_that_what_is_served_was_trained_on_are_no_reference() -> None:
    assert held_out({"valid": 1, "test": 1, "natural": 1}, refit=False) == ["valid", "test"]
    assert held_out({"valid": 1, "test": 1}, refit=True) == ["test"]


def test_a_command_that_masks_is_asked_once_and_its_failure_told() -> None:
    mask = references.mask_command(f"{sys.executable} -c 'import json,sys; print(json.dumps([t.upper() for t in json.load(sys.stdin)]))'")
    assert mask(["a", "é"]) == ["A", "É"]
    with pytest.raises(DataError, match="no such thing"):
        references.mask_command(f"{sys.executable} -c 'raise SystemExit(\"no such thing\")'")(["a"])
