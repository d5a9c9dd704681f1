"""Stages from files to files: a stage's folder is named after everything it depends on, so a run resumes where the last one ended."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Workspace:
    """The work folder and where progress is reported."""

    folder: Path
    report: Callable[[str], None]

    def stage(self, name: str, key: object, make: Callable[[Path], None]) -> Path:
        """The finished folder of a stage. It is made only when none exists for this key; it appears whole or not at all.

        key: anything `json.dumps` takes (paths count by their name, which holds the digest of what made them).
        """
        digest = hashlib.sha256(json.dumps(key, sort_keys=True, default=_plain).encode()).hexdigest()[:12]
        folder = self.folder / f"{name}-{digest}"
        if folder.is_dir():
            self.report(f"{name}: kept from an earlier run ({folder.name})")
            return folder
        partial = self.folder / f".{folder.name}.partial"
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        started = time.monotonic()
        make(partial)
        partial.rename(folder)
        self.report(f"{name}: {time.monotonic() - started:.0f} s")
        return folder


def _plain(value: object) -> str:
    return value.name if isinstance(value, Path) else str(value)
