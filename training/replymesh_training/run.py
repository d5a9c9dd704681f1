"""What every stage of a run needs to know."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from replymesh_training.checkpoints import ByteStart
from replymesh_training.config import RunConfig
from replymesh_training.stages import Encoder
from replymesh_training.workspace import Workspace

Array = np.ndarray

Finished = Callable[[str, Sequence[str], Array, Array], None]
"""Told of a finished space: its name, labels, the pool's probabilities of the test rows (n, labels) and their true labels (n,)."""


@dataclass(frozen=True)
class Run:
    """Settings, inputs and work folder."""

    config: RunConfig
    data: Path
    checkpoint: Path
    encoder: Encoder
    work: Workspace
    byte_start: ByteStart | None = None
    finished: Finished | None = None

    @property
    def width(self) -> int:
        return self.encoder.config.width


def evenly(texts: Sequence[str], count: int) -> list[str]:
    """`count` texts from the whole length of a list."""
    return list(texts[:: max(1, len(texts) // count)])
