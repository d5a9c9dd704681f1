"""What is wrong with labelled rows beyond their form: copies, near copies, one text under two labels, rows of one split in the other. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from replymesh_training.data import MOST_SHOWN, DataError, Row
from replymesh_training.features import fnv1a

GRAM = 4
"""Characters of a piece that texts are compared by."""
LEAST_ALIKE = 0.7
"""Jaccard similarity of their pieces from which two texts count as near copies; 18 % of Banking77's test rows have one among its training rows."""
_PIECES = 1 << 20
_ROWS_AT_ONCE = 128  # times the known rows: pairs held at once


def plain(text: str) -> str:
    """What is left of a text when case, punctuation and spacing do not count; of punctuation alone, the punctuation."""
    return " ".join(re.findall(r"\w+", text.casefold())) or text.strip()


def _pieces(texts: Sequence[str]) -> sparse.csr_matrix:
    """float32 (n, pieces), 1 where a text holds a piece: the runs of four characters of its words."""
    columns: list[int] = []
    starts = [0]
    for text in texts:
        spaced = f" {plain(text)} "
        found = {fnv1a(spaced[at : at + GRAM].encode()) % _PIECES for at in range(max(1, len(spaced) - GRAM + 1))}
        columns += sorted(found)
        starts.append(len(columns))
    return sparse.csr_matrix((np.ones(len(columns), np.float32), columns, starts), shape=(len(texts), _PIECES))


@dataclass(frozen=True)
class Pair:
    """Two rows that are alike, by their places."""

    first: int
    second: int
    alike: float  # 1 for the same text, else the Jaccard similarity of the pieces


def _alike(asked: Sequence[str], known: Sequence[str]) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Some asked rows at a time: places of asked and known texts that are near copies, and how alike they are."""
    some, all_known = _pieces(asked), _pieces(known)
    transposed, sizes = all_known.T.tocsr(), np.diff(all_known.indptr)
    for start in range(0, len(asked), _ROWS_AT_ONCE):
        part = some[start : start + _ROWS_AT_ONCE]
        shared = (part @ transposed).tocoo()
        alike = shared.data / (np.diff(part.indptr)[shared.row] + sizes[shared.col] - shared.data)
        near = alike >= LEAST_ALIKE
        yield shared.row[near] + start, shared.col[near], alike[near]


def _most_alike(found: tuple[np.ndarray, np.ndarray, np.ndarray]) -> list[Pair]:
    best: dict[int, Pair] = {}
    for row, column, value in zip(*found, strict=True):
        if int(row) not in best or best[int(row)].alike < value:
            best[int(row)] = Pair(int(row), int(column), float(value))
    return [best[row] for row in sorted(best)]


def near_copies(asked: Sequence[str], known: Sequence[str]) -> list[Pair]:
    """Of each asked text that is like a known one, the pair with the most similar known text. Broder 1997."""
    return [pair for found in _alike(asked, known) for pair in _most_alike(found)]


def near_to(asked: Sequence[str], known: Sequence[str]) -> np.ndarray:
    """bool (asked,): which of them are near copies of a known text."""
    near = np.zeros(len(asked), bool)
    near[[pair.first for pair in near_copies(asked, known)]] = True
    return near


def same_text(rows: Sequence[Row]) -> np.ndarray:
    """int64 (n,): a number for each text that is told apart; rows with the same one belong into one fold."""
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(plain(row.text), len(numbers)) for row in rows], np.int64)


def _by_text(rows: Sequence[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(plain(row.text), []).append(row)
    return found


def copies(rows: Sequence[Row]) -> list[list[Row]]:
    """Rows of the same text and the same label, in groups of two and more."""
    groups = [group for group in _by_text(rows).values() if len(group) > 1]
    return [group for group in groups if len({row.label for row in group}) == 1]


def label_noise(rows: Sequence[Row]) -> list[list[Row]]:
    """Rows of the same text under two or more labels: at most one of these can be right."""
    return [group for group in _by_text(rows).values() if len({row.label for row in group}) > 1]


def near_copies_within(rows: Sequence[Row]) -> list[tuple[Row, Row]]:
    """Pairs of different texts that are near copies, under whatever labels: each text with the most similar one of those before it."""
    firsts = [group[0] for group in _by_text(rows).values()]
    texts = [row.text for row in firsts]
    pairs = []
    for asked, known, alike in _alike(texts, texts):
        earlier = known < asked
        pairs += _most_alike((asked[earlier], known[earlier], alike[earlier]))
    return [(firsts[pair.second], firsts[pair.first]) for pair in pairs]


def near_to_another(rows: Sequence[Row]) -> np.ndarray:
    """bool (n,): which rows are near copies of a row with another text."""
    numbers = same_text(rows)
    texts = [group[0].text for group in _by_text(rows).values()]
    near = np.zeros(len(texts), bool)
    for asked, known, _ in _alike(texts, texts):
        near[asked[asked != known]] = True
    return np.asarray(near[numbers])


def _lines(rows: Sequence[Row]) -> str:
    return ", ".join(str(row.line) for row in rows)


def _shown(kind: str, what: Sequence[str]) -> list[str]:
    if not what:
        return []
    more = [f"  … and {len(what) - MOST_SHOWN} more"] if len(what) > MOST_SHOWN else []
    return [f"{kind}:", *(f"  {line}" for line in what[:MOST_SHOWN]), *more]


def report(file: str, rows: Sequence[Row], *, counts_only: bool = False) -> list[str]:
    """Lines for a person: label noise, copies and near copies of one file by their lines, and what to do. Texts are not repeated.

    counts_only: how many there are, for a file that nobody can look into.
    """
    noise = [
        f"{file}:{group[0].line}: the same text as in lines {_lines(group[1:])}, under " + ", ".join(sorted({f'"{row.label}"' for row in group}))
        for group in label_noise(rows)
    ]
    same = [f"{file}:{group[0].line}: the same text again in lines {_lines(group[1:])}" for group in copies(rows)]
    near = [
        f"{file}:{a.line}: nearly the text of line {b.line}" + ("" if a.label == b.label else f', but "{a.label}" here and "{b.label}" there')
        for a, b in near_copies_within(rows)
    ]
    found = [
        (f"label noise, {len(noise)} texts with two labels; keep the label that is right", noise),
        (f"copies, {len(same)} texts; they are trained on as they are and stay in one fold", same),
        (f"near copies, {len(near)} pairs; held-out figures are a little too good for them", near),
    ]
    if counts_only:
        return [f"{kind} (the rows: those of --data and of export-training)" for kind, lines in found if lines]
    return [line for kind, lines in found for line in _shown(kind, lines)]


def refuse_unknown_labels(file: str, rows: Sequence[Row], labels: Sequence[str]) -> None:
    """DataError with the line of each held-out row whose label no training row has."""
    known = set(labels)
    foreign = [
        f'{file}:{row.line}: label "{row.label}" is on no training row; add rows of it to --data or delete this one' for row in rows if row.label not in known
    ]
    if foreign:
        more = [f"… and {len(foreign) - MOST_SHOWN} more"] if len(foreign) > MOST_SHOWN else []
        raise DataError("\n".join([*foreign[:MOST_SHOWN], *more]))


def refuse_leakage(train_file: str, train: Sequence[Row], held_file: str, held: Sequence[Row]) -> None:
    """DataError with the lines of every held-out row whose text is also trained on: figures on it would say nothing."""
    known: dict[str, Row] = {}
    for row in train:
        known.setdefault(plain(row.text), row)
    leaked = [f"{held_file}:{row.line}: the text of {train_file}:{known[plain(row.text)].line}" for row in held if plain(row.text) in known]
    if leaked:
        lines = _shown(f"leakage, {len(leaked)} held-out rows are trained on, too; delete them from one of the two files", leaked)
        raise DataError("\n".join(lines))


def few_texts(rows: Sequence[Row], least: int) -> dict[str, int]:
    """Labels with fewer than `least` different texts, and how many they have."""
    texts: dict[str, set[str]] = {}
    for row in rows:
        texts.setdefault(row.label, set()).add(plain(row.text))
    return {label: len(found) for label, found in sorted(texts.items()) if len(found) < least}
