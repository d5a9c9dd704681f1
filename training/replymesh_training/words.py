"""Text → words → word pieces that know their word, for the tagger of names. The one definition is in docs/reference/features.md."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from tokenizers import Tokenizer

WHITE = frozenset(" \t\n\v\f\r\u00a0\u1680\u2028\u2029\u202f\u205f\u3000\ufeff") | {chr(c) for c in range(0x2000, 0x200B)}
"""What parts words: the white space of ECMAScript."""

MOST_PIECES = 12
"""Pieces of one word that are read; a name has fewer."""

SHAPES = ("none", "lower", "title", "upper", "initial", "mixed", "digits", "coded", "uncased", "sign")
BEFORE = ("glued", "spaced", "first")
SHAPE_IDS = 1 + len(SHAPES) * (len(BEFORE) + 1)
"""Different values of a shape id; 0 is that of special tokens and of padding."""


@dataclass(frozen=True)
class Word:
    """A run of letters, marks and digits, or one other sign; `start` and `end` in code points."""

    start: int
    end: int
    before: int  # place in BEFORE


def _kind(char: str) -> str:
    return "space" if char in WHITE else "word" if unicodedata.category(char)[0] in "LMN" else "sign"


def words_of(text: str) -> list[Word]:
    """The words of a text, in order. The first of each line is `first`."""
    found: list[Word] = []
    start, line = 0, True
    for at in range(len(text) + 1):
        kind = _kind(text[at]) if at < len(text) else "space"
        if at > start and not (kind == "word" and _kind(text[start]) == "word"):
            if _kind(text[start]) != "space":
                before = 2 if line else 0 if found and found[-1].end == start else 1
                found.append(Word(start, at, before))
                line = False
            start = at
        if at < len(text) and kind == "space":
            line = line or text[at] in "\n\r\u2028\u2029"
            start = at + 1
    return found


def shape_of(word: str) -> int:
    """Place in SHAPES."""
    categories = [unicodedata.category(c) for c in word]
    letters = [c for c in categories if c[0] == "L"]
    digits = sum(c[0] == "N" for c in categories)
    if not letters:
        return SHAPES.index("digits" if digits else "sign")
    if digits:
        return SHAPES.index("coded")
    cased = [c for c in letters if c in ("Lu", "Ll", "Lt")]
    upper = sum(c != "Ll" for c in cased)
    if not cased:
        return SHAPES.index("uncased")
    if upper == 0:
        return SHAPES.index("lower")
    if len(cased) == 1:
        return SHAPES.index("initial")
    if upper == len(cased):
        return SHAPES.index("upper")
    return SHAPES.index("title" if upper == 1 and cased[0] != "Ll" else "mixed")


def shape_id(word: str, before: int, continuing: bool) -> int:
    """What the tagger reads beside a piece: its word's shape, and what stands before the word or that the piece goes on with it."""
    return 1 + shape_of(word) * (len(BEFORE) + 1) + (len(BEFORE) if continuing else before)


@dataclass(frozen=True)
class Pieces:
    """The tokens of a text without the special ones. `words[i]`: place of token i's word; `shapes[i]`: its shape id."""

    ids: Sequence[int]
    words: Sequence[int]
    shapes: Sequence[int]


def pieces_of(tokenizer: Tokenizer, text: str, words: Sequence[Word]) -> Pieces:
    """Each word's pieces by itself, so that all know their word; a word without any (a control sign) is skipped."""
    ids: list[int] = []
    places: list[int] = []
    shapes: list[int] = []
    encodings = tokenizer.encode_batch([text[w.start : w.end] for w in words], add_special_tokens=False)
    for place, (word, encoding) in enumerate(zip(words, encodings, strict=True)):
        for index, piece in enumerate(encoding.ids[:MOST_PIECES]):
            ids.append(piece)
            places.append(place)
            shapes.append(shape_id(text[word.start : word.end], word.before, index > 0))
    return Pieces(ids, places, shapes)
