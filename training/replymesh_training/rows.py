"""The rows of a label space: which are trained on, which are held out, which are foreign to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from replymesh_training.augment import variants
from replymesh_training.checks import near_to
from replymesh_training.data import Row, label_indices, read_rows, stratified_split
from replymesh_training.rated_sentences import fetch, rated_sentences

NATURAL = Path(__file__).parents[1] / "data"
"""Folder of natural-train.csv and natural-check.csv: messages in customers' own words, written for this project; the bitext set is made from templates."""

OUT_OF_SCOPE = "out_of_scope"
"""The label that CLINC150 gives to what belongs to none of its intents. Such rows are never trained on."""


@dataclass(frozen=True)
class SpaceRows:
    """Rows by their use; `groups` tells which training rows came of one source row and so belong into one fold."""

    labels: Sequence[str]
    train: Sequence[Row]
    groups: np.ndarray
    held: dict[str, list[Row]]  # valid, valid_varied, natural, test …
    foreign: dict[str, list[Row]] = field(default_factory=dict)  # by set and split, `clinc150_valid`
    natural: int = 0
    """How many of the training rows, the last ones, are natural wordings."""

    def targets(self, name: str) -> np.ndarray:
        return label_indices(self.train if name == "train" else self.held[name], self.labels)

    def with_valid(self) -> SpaceRows:
        """The same with the held-out rows among the training rows, after them."""
        valid, held = self.held["valid"], {name: rows for name, rows in self.held.items() if name != "valid"}
        groups = np.concatenate([self.groups, int(self.groups.max()) + 1 + np.arange(len(valid))])
        return replace(self, train=[*self.train, *valid], groups=groups, held=held)


def texts_of(rows: Sequence[Row]) -> list[str]:
    return [row.text for row in rows]


def in_scope(rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if row.label != OUT_OF_SCOPE]


def _some(rows: list[Row], most: int | None, seed: int) -> list[Row]:
    if most is None or len(rows) <= most:
        return rows
    return [rows[i] for i in sorted(np.random.default_rng(seed).permutation(len(rows))[:most])]


def _thinned(rows: list[Row], most: int | None, seed: int) -> list[Row]:
    """At most about `most` rows, every label kept."""
    if most is None or len(rows) <= most:
        return rows
    kept, _ = stratified_split(label_indices(rows, sorted({r.label for r in rows})), most / len(rows), seed)
    return [rows[i] for i in kept]


@dataclass(frozen=True)
class Source:
    """Where a space's rows come from."""

    folder: str
    valid_share: float | None = None  # held out of train.csv where the set has no valid.csv
    variants: int = 1  # texts made from each training row, the row itself counted in
    natural_repeats: int = 0  # restyled copies of each natural wording
    foreign: tuple[str, ...] = ()
    neutral: tuple[str, ...] = ()  # sets whose rows are neither positive nor negative: plain questions
    neutral_rows: int = 600  # drawn of each
    rated: bool = False  # whether sentences that people rated are trained on, too


NEUTRAL = "neutral"


def neutral_rows(data: Path, source: Source, seed: int) -> list[Row]:
    """Messages without a tone, labelled so. Two classes alone would call every plain question happy or angry."""
    drawn = [row for name in source.neutral for row in _some(in_scope(read_rows(data / name / "train.csv")), source.neutral_rows, seed)]
    return [Row(row.text, NEUTRAL) for row in drawn]


def foreign_rows(data: Path, sets: Sequence[str], most: int, seed: int) -> dict[str, list[Row]]:
    """Rows of other sets by set and split: `valid` is drawn from their train split, what `test` holds is only reported on."""
    found = {}
    for name in sets:
        found[f"{name}_valid"] = _some(in_scope(read_rows(data / name / "train.csv")), most, seed)
        found[f"{name}_test"] = _some(in_scope(read_rows(data / name / "test.csv")), most, seed)
    return found


def apart_from(rows: Sequence[Row], held: Sequence[Row]) -> list[Row]:
    """The rows that are no near copies of held-out ones."""
    near = near_to(texts_of(rows), texts_of(held))
    return [row for row, is_near in zip(rows, near, strict=True) if not is_near]


def space_rows(data: Path, source: Source, most_train: int | None, most_foreign: int, seed: int) -> SpaceRows:
    """All rows of a space. DataError as `read_rows`."""
    rng, folder = np.random.default_rng(seed), data / source.folder
    whole = read_rows(folder / "train.csv") + neutral_rows(data, source, seed)
    train, held = in_scope(whole), {"test": in_scope(read_rows(folder / "test.csv"))}
    labels = sorted({row.label for row in train})
    if source.valid_share is None:
        held["valid"] = in_scope(read_rows(folder / "valid.csv"))
    else:
        out, kept = stratified_split(label_indices(train, labels), source.valid_share, seed)
        held["valid"], train = [train[i] for i in out], [train[i] for i in kept]
    train = _thinned(train, most_train, seed)
    if source.rated:
        train += apart_from(rated_sentences(fetch()), [row for rows in held.values() for row in rows])
    rows = [Row(text, row.label) for row in train for text in variants(row, source.variants, rng)]
    groups, made = np.repeat(np.arange(len(train)), source.variants), len(rows)
    if source.natural_repeats:
        natural = read_rows(NATURAL / "natural-train.csv")
        rows += [Row(variants(row, 3, rng)[2], row.label) for row in natural for _ in range(source.natural_repeats)]
        groups = np.concatenate([groups, np.repeat(len(train) + np.arange(len(natural)), source.natural_repeats)])
        held["valid_varied"] = [Row(variants(row, 3, rng)[2], row.label) for row in held["valid"]]
        held["natural"] = read_rows(NATURAL / "natural-check.csv")
    foreign = foreign_rows(data, source.foreign, most_foreign, seed)
    if any(row.label == OUT_OF_SCOPE for row in whole):
        for split in ("valid", "test"):
            foreign[f"{OUT_OF_SCOPE}_{split}"] = [r for r in read_rows(folder / f"{split}.csv") if r.label == OUT_OF_SCOPE]
    return SpaceRows(labels, rows, groups, held, foreign, len(rows) - made)
