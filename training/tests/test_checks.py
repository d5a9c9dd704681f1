from pathlib import Path

import pytest

from replymesh_training import checks
from replymesh_training.data import DataError, Row, read_rows


def rows(*pairs: tuple[str, str]) -> list[Row]:
    return [Row(text, label, line=line) for line, (text, label) in enumerate(pairs, 2)]


def test_the_same_text_with_two_labels_is_told_of_as_label_noise_with_its_lines() -> None:
    given = rows(("Where is my refund?", "refund"), ("hello there", "greeting"), ("where is my refund", "tracking"))
    told = "\n".join(checks.report("theirs.csv", given))
    assert 'theirs.csv:2: the same text as in lines 4, under "refund", "tracking"' in told
    assert "keep the label that is right" in told
    assert "hello" not in told and "refund?" not in told  # customers' words stay in the file


def test_copies_are_listed_and_share_a_number_so_that_they_share_a_fold() -> None:
    given = rows(("Cancel my order!", "cancel"), ("cancel  my order", "cancel"), ("track it", "track"))
    assert [[row.line for row in group] for group in checks.copies(given)] == [[2, 3]]
    assert checks.same_text(given).tolist() == [0, 0, 1]
    assert checks.label_noise(given) == []


def test_near_copies_are_found_and_different_questions_are_not() -> None:
    given = rows(
        ("please cancel the order that I made yesterday", "cancel"),
        ("please cancel the order that I made yesterday evening", "cancel"),
        ("why was my card payment declined", "declined"),
        ("why was my cash withdrawal declined", "declined"),
    )
    assert [(a.line, b.line) for a, b in checks.near_copies_within(given)] == [(2, 3)]


def test_of_a_file_that_nobody_can_look_into_only_numbers_are_told() -> None:
    given = rows(("Where is my refund?", "refund"), ("where is my refund", "tracking"), ("track it", "track"), ("Track it.", "track"))
    told = checks.report("gone/train.csv", given, counts_only=True)
    assert [line.split(";")[0] for line in told] == ["label noise, 1 texts with two labels", "copies, 1 texts"]
    assert "gone" not in " ".join(told) and "line" not in " ".join(told)


def test_each_asked_text_meets_its_most_similar_known_text() -> None:
    known = ["where is my parcel now", "where is my parcel right now please"]
    (pair,) = checks.near_copies(["something else entirely", "where is my parcel right now please?"], known)
    assert (pair.first, pair.second, pair.alike) == (1, 1, 1.0)


def test_a_held_out_row_that_is_trained_on_is_refused_with_both_lines_and_the_cure() -> None:
    train, held = rows(("one text", "a"), ("another", "b")), rows(("new words", "a"), ("ANOTHER.", "b"))
    with pytest.raises(DataError, match=r"held.csv:3: the text of train.csv:3") as refused:
        checks.refuse_leakage("train.csv", train, "held.csv", held)
    assert "delete them from one of the two files" in str(refused.value)
    checks.refuse_leakage("train.csv", train, "held.csv", held[:1])


def test_a_label_that_no_training_row_has_is_refused_with_its_line() -> None:
    with pytest.raises(DataError, match=r'held.csv:3: label "c" is on no training row'):
        checks.refuse_unknown_labels("held.csv", rows(("x", "a"), ("y", "c")), ["a", "b"])


def test_labels_with_too_few_different_texts_are_counted() -> None:
    assert checks.few_texts(rows(("x", "a"), ("X!", "a"), ("y", "b"), ("z", "b")), 2) == {"a": 1}


@pytest.mark.parametrize("text", ["???", "مرحبا", "🙂", "a"])
def test_punctuation_other_scripts_and_emoji_are_texts_of_their_own(text: str) -> None:
    assert checks.plain(text)
    assert checks.near_copies([text], [text])[0].alike == 1


def test_all_bad_rows_of_a_file_are_told_of_at_once(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text("text,label\nhello,a\n ,b\nfine,\none,two,three\n", encoding="utf-8")
    with pytest.raises(DataError) as refused:
        read_rows(file)
    assert [line.removeprefix(str(file))[:3] for line in str(refused.value).splitlines()] == [":3:", ":4:", ":5:"]
