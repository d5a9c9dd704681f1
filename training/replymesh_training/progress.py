"""A bar on a terminal for what takes long; nothing where nobody looks."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")


def shown(what: str, items: Iterable[T], total: int) -> Iterator[T]:
    """The items, with a bar on stderr while they are worked through."""
    yield from tqdm(items, what, total, leave=False, file=sys.stderr, disable=not sys.stderr.isatty(), unit="")
