"""Reading the sets: CSV with the header `text,label`, every mistake with its file and line."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np


class DataError(ValueError):
    """A file that cannot be trained on; the message names file, line and cure."""


@dataclass(frozen=True)
class Row:
    """One labelled text. `entity_type` and `entity_value` are empty where the set does not name them; `line` is 0 where it is of no file."""

    text: str
    label: str
    entity_type: str = ""
    entity_value: str = ""
    line: int = field(default=0, compare=False)


def _decode(path: Path) -> str:
    raw = path.read_bytes()
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise DataError(f"{path}:{line}: byte 0x{raw[error.start]:02x} is no UTF-8; save the file as UTF-8") from None


MOST_SHOWN = 20
"""Bad rows that one message names."""


def read_rows(path: Path, several_labels: bool = True) -> list[Row]:
    """Rows of one CSV file in its order. DataError: not there, not UTF-8, empty, a column missing, a text or label empty, one label only.

    All bad rows are told of at once. several_labels: whether one label alone is refused.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file; give --data what is there")
    reader = csv.reader(io.StringIO(_decode(path), newline=""), strict=True)
    try:
        header = next(reader, None)
        if header is None:
            raise DataError(f"{path}:1: the file is empty; the header text,label is expected")
        for name in ("text", "label"):
            if name not in header:
                raise DataError(f'{path}:1: column "{name}" is missing; the header has {",".join(header)}')
        rows: list[Row] = []
        bad: list[str] = []
        while True:
            line = reader.line_num + 1
            cells = next(reader, None)
            if cells is None:
                break
            if not cells:
                continue
            if len(cells) != len(header):
                bad.append(f"{path}:{line}: {len(cells)} columns, the header has {len(header)}; quote texts that hold commas")
                continue
            named = dict(zip(header, cells, strict=True))
            empty = [name for name in ("text", "label") if not named[name].strip()]
            bad += [f"{path}:{line}: {name} is empty; fill it in or delete the row" for name in empty]
            rows.append(Row(named["text"], named["label"], named.get("entity_type", ""), named.get("entity_value", ""), line))
    except csv.Error as error:
        raise DataError(f"{path}:{reader.line_num}: {error}") from None
    if bad:
        more = [f"… and {len(bad) - MOST_SHOWN} more"] if len(bad) > MOST_SHOWN else []
        raise DataError("\n".join([*bad[:MOST_SHOWN], *more]))
    if not rows:
        raise DataError(f"{path}:1: there is no row after the header; add rows")
    if several_labels and len({row.label for row in rows}) == 1:
        raise DataError(f'{path}: every row has the label "{rows[0].label}"; at least two labels are needed')
    return rows


def label_indices(rows: Iterable[Row], labels: Sequence[str]) -> np.ndarray:
    """int64 (n,): each row's place in `labels`. DataError names the first label that is not among them."""
    places = {label: index for index, label in enumerate(labels)}
    found = []
    for row in rows:
        if row.label not in places:
            raise DataError(f'label "{row.label}" of "{row.text}" is not among the labels of the training file')
        found.append(places[row.label])
    return np.array(found, dtype=np.int64)


def stratified_split(labels: np.ndarray, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Two sorted index arrays; the first holds `share` of each label's rows (rounded half up, at least one)."""
    rng = np.random.default_rng(seed)
    first: list[int] = []
    for label in np.unique(labels):
        own = rng.permutation(np.flatnonzero(labels == label))
        first.extend(own[: max(1, int(len(own) * share + 0.5))].tolist())
    chosen = np.zeros(len(labels), dtype=bool)
    chosen[first] = True
    return np.flatnonzero(chosen), np.flatnonzero(~chosen)


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's bytes, lower-case hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
