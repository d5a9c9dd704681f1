"""The tagger of names in a bundle: rows, training, figures on templates that it never saw, and the bundle released anew."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from tokenizers import Tokenizer

from replymesh_training import bundle, card, export, manifest, names
from replymesh_training.data import DataError, read_rows
from replymesh_training.names_text import KINDS, WORDS, Maker, Tagged, of_row, read_annotated
from replymesh_training.serve import open_session
from replymesh_training.tokens import load_tokenizer

ANNOTATED = "pii-synthetic"
PLAIN_SETS = ("bitext-support", "banking77")
"""Sets of messages that hold few names, and say where these are."""

GRAPH = "names.onnx"


@dataclass(frozen=True)
class Rows:
    """How many rows of each kind are learned from."""

    annotated_repeats: int = 3
    carried: int = 10_000
    around: int = 4_000
    plain: int = 1_500  # of each set
    plain_repeats: int = 5


def rows_of(data: Path, rows: Rows, seed: int) -> tuple[list[Tagged], list[Tagged]]:
    """Rows to learn from, and annotated sentences of templates that none of them is of. DataError without the annotated sentences."""
    file = data / ANNOTATED / "sentences.jsonl"
    if not file.is_file():
        raise DataError(f"{file}: no such file; --data must name the folder of {ANNOTATED}, {', '.join(PLAIN_SETS)}")
    annotated = read_annotated(file)
    maker, draw = Maker(seed), random.Random(seed)
    sets = [[of_row(row) for row in read_rows(data / name / "train.csv")] for name in PLAIN_SETS]
    every = [row for rows_of_set in sets for row in rows_of_set]
    learned = [row for template, row in annotated if not names.held_out(template)] * rows.annotated_repeats
    learned += [maker.carried() for _ in range(rows.carried)]
    learned += [maker.around(draw.choice(every)) for _ in range(rows.around)]
    for one in sets:
        learned += [maker.restyled(row) for row in draw.sample(one, min(rows.plain, len(one)))]
    learned += maker.plain() * rows.plain_repeats
    return learned, [row for template, row in annotated if names.held_out(template)]


@dataclass(frozen=True)
class Prepared:
    """Rows as the tagger reads them."""

    read: list[names.Read]
    hidden: list[np.ndarray]


def prepare(rows: Sequence[Tagged], tokenizer: Tokenizer, trunk: onnxruntime.InferenceSession, max_tokens: int) -> Prepared:
    """Tokens and hidden states."""
    read = [names.read(tokenizer, row.text, max_tokens) for row in rows]
    return Prepared(read, names.hidden_of(trunk, read))


def figures(rows: Sequence[Tagged], found: Sequence[Sequence[tuple[int, int, str]]]) -> dict[str, float]:
    """Recall, precision and F2 of each kind. A true span is found when all its letters and digits are masked, as whatever kind;
    a found one is right when it touches a true one."""
    count: Counter[tuple[str, str]] = Counter()
    for row, spans in zip(rows, found, strict=True):
        masked = {at for start, end, _ in spans for at in range(start, end)}
        for start, end, kind in row.spans:
            count[kind, "true"] += 1
            count[kind, "masked"] += all(at in masked for at in range(start, end) if row.text[at].isalnum())
        for start, end, kind in spans:
            count[kind, "found"] += 1
            count[kind, "right"] += any(start < last and first < end for first, last, _ in row.spans)
    result: dict[str, float] = {}
    for kind in KINDS:
        recall = count[kind, "masked"] / max(1, count[kind, "true"])
        precision = count[kind, "right"] / max(1, count[kind, "found"])
        f2 = 5 * precision * recall / max(1e-9, 4 * precision + recall)
        result |= {f"test.{kind}.{name}": value for name, value in (("rows", count[kind, "true"]), ("recall", recall), ("precision", precision), ("f2", f2))}
    return result


def served_spans(graph: onnxruntime.InferenceSession, rows: Sequence[Tagged], prepared: Prepared, none_bias: float) -> list[list[tuple[int, int, str]]]:
    """What the graph finds, row by row, as it is served."""
    found = []
    for row, read, hidden in zip(rows, prepared.read, prepared.hidden, strict=True):
        feeds = {"hidden": hidden[None].astype(np.float32), "attention_mask": np.ones((1, len(read.ids)), np.int64), "word_shapes": np.array([read.shapes])}
        logits = graph.run(["names.logits"], feeds)[0][0]
        logits[:, 0] += none_bias
        found.append(names.spans_of(row.text, read, logits.argmax(1).tolist()))
    return found


NONE_BIAS = -0.5
"""A name that stays costs more than a word that goes."""


def make_names(folder: Path, base: Path, data: Path, content: Mapping[str, Any], rows: Rows, config: names.NamesConfig,
               report: Callable[[str], None]) -> dict[str, Any]:  # fmt: skip
    """names.onnx into the folder, on the bundle's own trunk; its entry in the manifest. DataError."""
    learned, held = rows_of(data, rows, config.seed)
    tokenizer, trunk = load_tokenizer(base / content["tokenizer"]["file"]), open_session(base / content["trunk"][0]["file"])
    max_tokens = int(content["tokenizer"]["maxTokens"])
    report(f"names: {len(learned)} rows to learn from, {len(held)} held out")
    prepared = prepare(learned, tokenizer, trunk, max_tokens)
    wanted = [names.targets(row, read) for row, read in zip(learned, prepared.read, strict=True)]
    tagger = names.fit(prepared.read, prepared.hidden, wanted, config, report)
    with torch.no_grad():
        export.save(names.graph(tagger), folder / GRAPH)
    found = figures(held, served_spans(open_session(folder / GRAPH), held, prepare(held, tokenizer, trunk, max_tokens), NONE_BIAS))
    annotated = data / ANNOTATED / "sentences.jsonl"
    entries = [bundle.provenance(ANNOTATED, annotated, sum(not names.held_out(template) for template, _ in read_annotated(annotated)))]
    entries += [bundle.provenance(name, data / name / "train.csv", len(read_rows(data / name / "train.csv"))) for name in PLAIN_SETS]
    entries.append(bundle.provenance("made-names", WORDS, rows.carried + rows.around))
    return {
        "stage": {"name": "names", "file": GRAPH, "inputs": ["hidden", "attention_mask", "word_shapes"], "outputs": ["names.logits"]},
        "logitsTensor": "names.logits",
        "kinds": list(KINDS),
        "noneBias": NONE_BIAS,
        "metrics": {key: float(found[key]) for key in sorted(found)},
        "data": entries,
    }


def add_names(base: Path, data: Path, work: Path, rows: Rows, config: names.NamesConfig, report: Callable[[str], None]) -> dict[str, Any]:
    """The bundle with a tagger of names, everything else as it is, into the empty folder `work`; the manifest."""
    content = manifest.read(base)
    bundle.copy_files(base, work, content)
    content["names"] = make_names(work, base, data, content, rows, config, report)
    content["version"] = bundle.VERSION
    (work / "MODEL_CARD.md").write_text(card.model_card(content), "utf-8")
    content["files"] = manifest.bundle_files(work)
    manifest.write(work, content)
    return content
