"""Which rows a space is trained on, and which are kept from it."""

from __future__ import annotations

import hashlib
import io
import tarfile
from pathlib import Path

import numpy as np
import pytest

from replymesh_training import rated_sentences
from replymesh_training.config import SpaceConfig
from replymesh_training.data import DataError, Row
from replymesh_training.rows import Source, SpaceRows, apart_from


def test_a_refit_trains_on_the_held_out_rows_too_and_on_no_test_row() -> None:
    rows = SpaceRows(["a", "b"], [Row("1", "a"), Row("2", "b")], np.array([0, 0]), {"valid": [Row("3", "b")], "test": [Row("4", "a")]})
    whole = rows.with_valid()
    assert [row.text for row in whole.train] == ["1", "2", "3"]
    assert whole.groups.tolist() == [0, 0, 1]
    assert list(whole.held) == ["test"]
    assert whole.targets("train").tolist() == [0, 1, 1]


def test_a_refit_needs_rows_held_out_of_the_training_rows() -> None:
    with pytest.raises(ValueError, match="refit"):
        SpaceConfig("own", Source("own"), refit=True)


def test_near_copies_of_held_out_rows_are_not_trained_on() -> None:
    rows = [Row("The battery dies within an hour, sadly.", "negative"), Row("I love this phone.", "positive")]
    assert apart_from(rows, [Row("the battery dies within an hour sadly", "negative")]) == rows[1:]


def test_sentences_without_a_clear_rating_are_left_out() -> None:
    found = rated_sentences.parse("1_1\t-2.1\tIt broke, &amp; nobody cared.\n1_2\t0.4\tIt is a phone.\n1_3\t3\tWhat a ''gem''!\t:)\n")
    assert found == [Row("It broke, & nobody cared.", "negative"), Row('What a "gem"!\t:)', "positive")]


def archive_of(folder: Path) -> Path:
    inner = io.BytesIO()
    with tarfile.open(fileobj=inner, mode="w:gz") as sets:
        for name in rated_sentences.SETS:
            info = tarfile.TarInfo(f"hutto_ICWSM_2014/{name}_GroundTruth.txt")
            content = f"1\t2.5\tgood {name}\n".encode()
            info.size = len(content)
            sets.addfile(info, io.BytesIO(content))
    archive = folder / "package.tar.gz"
    with tarfile.open(archive, "w:gz") as outer:
        info = tarfile.TarInfo("vaderSentiment-3.3.2/additional_resources/hutto_ICWSM_2014.tar.gz")
        info.size = len(inner.getvalue())
        outer.addfile(info, io.BytesIO(inner.getvalue()))
    return archive


def test_every_set_of_the_archive_is_read(tmp_path: Path) -> None:
    assert [row.text for row in rated_sentences.rated_sentences(archive_of(tmp_path))] == [f"good {name}" for name in rated_sentences.SETS]


def test_another_file_in_place_of_the_archive_is_refused(tmp_path: Path) -> None:
    archive = archive_of(tmp_path)
    with pytest.raises(DataError, match=f"package.tar.gz: SHA-256 is {hashlib.sha256(archive.read_bytes()).hexdigest()}.*delete it"):
        rated_sentences.fetch(archive)
