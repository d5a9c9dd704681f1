from pathlib import Path

import pytest

from replymesh_training.data import DataError, read_rows


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", r":1: the file is empty"),
        (b"text,intent\nhello,x\n", r':1: column "label" is missing'),
        (b"text,label\n", r":1: there is no row"),
        (b"text,label\nhello,a\n ,b\n", r":3: text is empty"),
        (b"text,label\nhello,a\nbye,a\n", r'every row has the label "a"'),
        (b"text,label\nhello, you,a\n", r":2: 3 columns"),
        (b"text,label\nhello,a\ncaf\xe9,b\n", r":3: byte 0xe9 is no UTF-8"),
    ],
)
def test_a_file_that_cannot_be_trained_on_is_refused_with_its_line(tmp_path: Path, content: bytes, says: str) -> None:
    file = tmp_path / "rows.csv"
    file.write_bytes(content)
    with pytest.raises(DataError, match=says):
        read_rows(file)


def test_quoted_commas_and_line_breaks_stay_in_the_text(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text('text,label\n"one, two\nthree",a\nfour,b\n', encoding="utf-8")
    assert [row.text for row in read_rows(file)] == ["one, two\nthree", "four"]
