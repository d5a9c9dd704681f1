"""Texts that training and serving must read alike, made of the project's own rows by changes that `variations.fixture.ts` repeats."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping

from replymesh_training.data import read_rows
from replymesh_training.rows import NATURAL

SOURCES = ("natural-train.csv", "natural-check.csv", "parity-texts.json")
LONG_EVERY = 20
"""Only every so many rows get very long: they take the time of all others together."""


def _each(pattern: str, change: Callable[[str], str]) -> Callable[[str], str]:
    return lambda text: re.sub(pattern, lambda found: change(found[0]), text)


CHANGES: Mapping[str, Callable[[str], str]] = {
    "plain": lambda text: text,
    "upper": _each("[a-z]", str.upper),
    "reversed": lambda text: text[::-1],
    "doubled": lambda text: text + text,
    "emoji": lambda text: text.replace(" ", " 🚢👍🏽 "),
    "right_to_left": lambda text: f"مرحبا {text} שלום",
    "accents": lambda text: text.replace("e", "é").replace("o", "o\u0308"),
    "ideographs": lambda text: text.replace("a", "単𠀀"),
    "nulls": lambda text: "\0".join(text),
    # TypeScript puts half a surrogate pair here, which becomes U+FFFD wherever it is read.
    "half_pairs": lambda text: f"\ufffd{text}\ufffd",
    "line_breaks": lambda text: text.replace(" ", "\r\n"),
    "wide_spaces": lambda text: f"  {text.replace(' ', chr(0xA0))}\t\u2003 ",
    "masked": lambda text: text.replace(" ", " {{{NAME_1}}} "),
    "digits": _each("[a-z]", lambda letter: str(ord(letter) % 10)),
    "punctuation": lambda text: "".join("?!.,{{}'"[ord(letter) % 8] for letter in text),
    "unspaced": lambda text: re.sub("[^A-Za-z]", "", text),
    "empty": lambda text: "",
}
LONG: Mapping[str, Callable[[str], str]] = {
    "long": lambda text: (f"{text} " * 10_000)[:10_000],
    "endless": lambda text: (re.sub("[ \t\n]", "_", text) * 10_000)[:10_000],
}


def texts_of(source: str) -> list[str]:
    """Texts of one of `SOURCES`, in its order."""
    path = NATURAL / source
    if source.endswith(".csv"):
        return [row.text for row in read_rows(path)]
    return [item["text"] for item in json.loads(path.read_text("utf-8"))]


def blocks() -> Iterator[tuple[str, list[str]]]:
    """Name and texts of every block: each source under each change."""
    for source in SOURCES:
        texts = texts_of(source)
        for name, change in CHANGES.items():
            yield f"{source} {name}", [change(text) for text in texts]
        for name, change in LONG.items():
            yield f"{source} {name}", [change(text) for text in texts[::LONG_EVERY]]
