"""A team's own label space on the trunk of a finished bundle: rows in, a new bundle out."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from replymesh_training import bundle, card, checks, export, graphs, manifest, reference, stages
from replymesh_training.data import DataError, Row, label_indices, read_rows, sha256_of
from replymesh_training.evaluate import Votes, apart_from_copies, figures
from replymesh_training.features import features_of
from replymesh_training.members import Rows
from replymesh_training.minilm import mean_pool
from replymesh_training.neighbours import spread
from replymesh_training.own_members import Fitted, OwnConfig, Report, calibrated, fit, fit_and_hold_out, held_figures, spoken
from replymesh_training.quantize import quantize
from replymesh_training.rows import OUT_OF_SCOPE, in_scope, texts_of
from replymesh_training.serve import Masking, Runner, Words, open_session
from replymesh_training.stages import Encoder
from replymesh_training.tokens import encode, load_tokenizer, pad

Array = np.ndarray

NAME = r"[a-z0-9][a-z0-9-]{0,62}"
RESERVED = "sentiment"
"""Every message is read in this space, whatever else it is asked about; a space of that name would change all answers."""
MOST_LABELS = 1000
LEAST_TEXTS = 2
ALIKE = 0.98
"""Mean cosine from which a checkpoint's top layers are taken for those that the trunk was made of; the trunk's 8 bits leave .999."""


@dataclass(frozen=True)
class Request:
    """What a team asks for."""

    name: str
    data: Path
    base: Path
    out: Path
    held: Path | None = None  # rows of their own to report on, never trained on
    calibration: Path | None = None  # a random sample of what is asked, never trained on
    license: str = "not stated"
    counts_only: bool = False  # the rows' file is gone afterwards: nobody can look up a line of it


def refuse_request(request: Request) -> None:
    """DataError when the name or the folders cannot be."""
    if not re.fullmatch(NAME, request.name):
        raise DataError(f'--space "{request.name}": a name has 1 to 63 small letters, digits and "-", and begins with none')
    if request.name == RESERVED:
        raise DataError(f'--space "{RESERVED}": every message is read in that space; choose another name')
    if not (request.base / manifest.MANIFEST).is_file():
        raise DataError(f"{request.base / manifest.MANIFEST}: no such file; --base must name the folder of a bundle")
    if request.out.resolve() == request.base.resolve():
        raise DataError(f"{request.out}: --out is the bundle that is built upon; name another folder, so that what is served stays whole")
    if request.out.exists() and not (request.out / manifest.MANIFEST).is_file():
        raise DataError(f"{request.out}: is there and is no bundle; --out replaces its folder as a whole, name a new one")


def read_base(base: Path) -> dict[str, Any]:
    """The manifest of a bundle that is whole. DataError that names the file."""
    try:
        return manifest.read(base)
    except (manifest.ManifestError, json.JSONDecodeError) as error:
        raise DataError(f"{base}: {error}; fetch the bundle again") from None


def refuse_rows(file: Path, rows: Sequence[Row]) -> list[str]:
    """The labels. DataError when there are too few or too many of them, or a label has too few texts."""
    labels = sorted({row.label for row in rows})
    if not 2 <= len(labels) <= MOST_LABELS:
        raise DataError(f"{file}: {len(labels)} labels beside {OUT_OF_SCOPE}; a space has 2 to {MOST_LABELS}")
    noisy = {id(row) for group in checks.label_noise(rows) for row in group}
    clean = [row for row in rows if id(row) not in noisy]
    few = checks.few_texts(clean, LEAST_TEXTS) | {label: 0 for label in labels if label not in {row.label for row in clean}}
    if few:
        lines = (f'{file}: label "{label}" has {count} texts of its own; {LEAST_TEXTS} are needed, ten do well' for label, count in few.items())
        raise DataError("\n".join(lines))
    return labels


def refuse_checkpoint(encoder: Encoder, rows: Rows, checkpoint: str) -> None:
    """DataError unless the checkpoint's top layers make the trunk's embeddings of its hidden states."""
    width = rows.hidden.values.shape[1]
    if encoder.config.width != width:
        raise DataError(f"{checkpoint}: its width is {encoder.config.width}, the trunk's is {width}; give the checkpoint that the trunk was made of")
    top = stages.frozen_top(encoder)
    some = np.arange(min(16, len(rows.labels)))
    hidden, mask = rows.hidden.batch(some)
    pooled = mean_pool(top(hidden, mask), mask).detach().numpy()
    cosine = (pooled * rows.embedding[some]).sum(1) / np.maximum(np.linalg.norm(pooled, axis=1), 1e-9)
    if cosine.mean() < ALIKE:
        raise DataError(
            f"{checkpoint}: its top layers do not make the trunk's embeddings (cosine {cosine.mean():.2f}); give the checkpoint that the trunk was made of"
        )


def rows_of(texts: Sequence[str], labels: Array, base: Path, max_tokens: int, folder: Path) -> Rows:
    """What members read of the texts, by the bundle's own trunk. folder: where the hidden states are kept."""
    folder.mkdir(parents=True)
    stages.make_features(folder, base, texts, max_tokens)
    return Rows(stages.load_hidden(folder), np.load(folder / "embedding.npy"), features_of(texts), [[]] * len(texts), labels)


def write_graphs(folder: Path, name: str, fitted: Fitted, base: Path, typical: Sequence[str], max_tokens: int, config: OwnConfig) -> list[str]:
    """heads.onnx, and top.onnx with 8 bits where one was tuned; their names in the order in which they run."""
    kept = spread(fitted.known, fitted.known_labels, config.run.most_neighbours, config.run.seed)
    heads = [graphs.neighbours_graph(name, fitted.known[kept], fitted.nearest(config)), graphs.linear_graph(name, fitted.regression)]
    export.save(graphs.joined(heads, [f"{name}.distance", f"{name}.logistic_regression.logits"]), folder / "heads.onnx")
    if fitted.top is None:
        return ["heads"]
    trunk, feeds = open_session(base / "trunk.onnx"), []
    width = fitted.top.head.in_features
    for row in encode(load_tokenizer(base / "tokenizer.json"), typical, max_tokens):
        input_ids, mask = pad([row])
        hidden = trunk.run(["hidden"], {"input_ids": input_ids, "attention_mask": mask})[0]
        feeds.append({"hidden": hidden, "attention_mask": mask, f"{name}.dropout_mask": np.ones((1, 1, width), np.uint8)})
    top = graphs.top_graph(name, fitted.top, config.run.monte_carlo.drop_below)
    export.save(quantize(top, feeds), folder / "top.onnx")
    return ["top", "heads"]


def served_agreement(folder: Path, name: str, names: Sequence[str], fitted: Fitted, rows: Rows, texts: Sequence[str], base: Path, config: OwnConfig) -> float:
    """Share of the rows whose first label of every member is the same in the graphs as served and in Python."""
    mc = config.run.monte_carlo
    words = Words(load_tokenizer(base / "tokenizer.json"), config.run.max_tokens)
    sessions = [open_session(base / "trunk.onnx"), *(open_session(folder / f"{stage}.onnx") for stage in names)]
    masking = Masking(f"{name}.dropout_mask", 1, rows.embedding.shape[1], mc.drop_below)
    expected = fitted.votes(rows, texts, config).members
    tensors = Runner(words, sessions, masking).run(texts, [f"{name}.{member}.logits" for member in expected])
    same = [tensors[f"{name}.{member}.logits"].argmax(1) == logits.argmax(1) for member, logits in expected.items()]
    return float(np.mean(same))


def _next(version: str) -> str:
    major, minor, patch = version.split(".")
    return f"{major}.{minor}.{int(patch) + 1}"


def assemble(folder: Path, base: Path, content: dict[str, Any], entry: dict[str, Any], made: Path) -> dict[str, Any]:
    """The base bundle with the space in it, into an empty folder; the manifest. made: folder of the space's graphs."""
    name = entry["name"]
    own = f"spaces/{name}/"
    for file in content["files"]:
        if file["path"] != "MODEL_CARD.md" and not file["path"].startswith(own):
            (folder / file["path"]).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(base / file["path"], folder / file["path"])
    for stage in entry["stages"]:
        (folder / stage["file"]).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(made / f"{stage['name']}.onnx", folder / stage["file"])
    new = content | {
        "version": _next(content["version"]),
        "createTime": datetime.now(UTC).replace(microsecond=0).isoformat().replace("+00:00", "Z"),
        "features": content.get("features") or bundle.feature_spec(),
        "spaces": [*(space for space in content["spaces"] if space["name"] != name), entry],
        "files": [],
    }
    (folder / "MODEL_CARD.md").write_text(card.model_card(new), "utf-8")
    new["files"] = manifest.bundle_files(folder)
    manifest.write(folder, new)
    return new


def provenance(file: Path, rows: int, request: Request) -> dict[str, str]:
    """A file's entry in the manifest. rows: as many of it as were read for their label."""
    return {"name": file.name, "license": request.license, "attribution": "", "rows": str(rows), "sha256": sha256_of(file)}


@dataclass(frozen=True)
class Sample:
    """Rows that chance drew of all that is asked: a fair sample."""

    rows: Sequence[Row]
    outside: Sequence[Row]  # those that belong to no label

    def of(self, rows: Sequence[Row]) -> list[Row]:
        """The rows whose text the sample does not have: nothing of it is trained on."""
        own = {checks.plain(row.text) for row in self.rows}
        return [row for row in rows if checks.plain(row.text) not in own]


NO_SAMPLE = Sample([], [])


def read_sample(file: Path | None, config: OwnConfig, report: Report) -> Sample:
    """The random sample; none where it is too small to calibrate with alone. DataError as `read_rows`."""
    if file is None:
        return NO_SAMPLE
    whole = read_rows(file, several_labels=False)
    rows = in_scope(whole)
    if len(rows) < config.least_random:
        report(f"{file}: {len(rows)} random rows, {config.least_random} calibrate alone; until then they are left out, and held-out rows calibrate")
        return NO_SAMPLE
    return Sample(rows, [row for row in whole if row.label == OUT_OF_SCOPE])


@dataclass(frozen=True)
class HeldOut:
    """What calibrates: texts that the members did not see, what they said of them, and which of the texts have a near copy among those seen."""

    texts: Sequence[str]
    votes: Votes
    near: Array


def make_space(request: Request, config: OwnConfig, encoder: Encoder | None, checkpoint: str, report: Report) -> dict[str, Any]:
    """The new bundle at `request.out`; its manifest. encoder: where the tuned top starts, None without fine-tuning. DataError, ManifestError."""
    refuse_request(request)
    whole = read_rows(request.data)
    sample = read_sample(request.calibration, config, report)
    rows, outside = sample.of(in_scope(whole)), [row for row in [*whole, *sample.outside] if row.label == OUT_OF_SCOPE]
    labels = refuse_rows(request.data, rows)
    checks.refuse_unknown_labels(str(request.calibration), sample.rows, labels)
    for line in checks.report(str(request.data), rows, counts_only=request.counts_only):
        report(line)
    asked = [] if request.held is None else in_scope(read_rows(request.held, several_labels=False))
    checks.refuse_unknown_labels(str(request.held), asked, labels)
    checks.refuse_leakage(str(request.data), whole, str(request.held), asked)
    content = read_base(request.base)
    max_tokens = int(content["tokenizer"]["maxTokens"])
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        texts = texts_of(rows)
        targets = np.concatenate([label_indices(rows, labels), np.arange(len(labels))])
        own = rows_of([*texts, *map(spoken, labels)], targets, request.base, max_tokens, work / "rows")
        if encoder is not None:
            refuse_checkpoint(encoder, own, checkpoint)
        if sample.rows:
            report(f"{len(sample.rows)} random rows calibrate")
            fitted, asked_for = fit(own, labels, encoder, config, report), texts_of(sample.rows)
            theirs = rows_of(asked_for, label_indices(sample.rows, labels), request.base, max_tokens, work / "sample")
            held = HeldOut(asked_for, fitted.votes(theirs, asked_for, config), checks.near_to(asked_for, texts))
        else:
            fitted, votes, places = fit_and_hold_out(own, texts, checks.same_text(rows), labels, encoder, config, report)
            held = HeldOut([texts[place] for place in places], votes, checks.near_to_another(rows)[places])
        foreign = None
        if outside:
            theirs = rows_of(texts_of(outside), np.full(len(outside), -1), request.base, max_tokens, work / "outside")
            foreign = fitted.votes(theirs, texts_of(outside), config)
        calibration = calibrated(held.votes, foreign, config)
        found = held_figures(held.votes, held.near, calibration, config.run.calibration.coverage)
        if asked:
            answers = fitted.votes(rows_of(texts_of(asked), label_indices(asked, labels), request.base, max_tokens, work / "held"), texts_of(asked), config)
            found |= figures("test", answers, calibration)
            found |= apart_from_copies("test", answers, checks.near_to(texts_of(asked), texts), calibration)
        made = work / "graphs"
        some = np.arange(len(texts))[:: max(1, len(texts) // stages.CALIBRATION_TEXTS)][: stages.CALIBRATION_TEXTS]
        typical = [texts[place] for place in some]
        names = write_graphs(made, request.name, fitted, request.base, typical, max_tokens, config)
        found["served.label_agreement"] = served_agreement(made, request.name, names, fitted, own.take(some), typical, request.base, config)
        stages_of = []
        for stage in names:
            session = open_session(made / f"{stage}.onnx")
            stages_of.append((stage, [i.name for i in session.get_inputs()], [o.name for o in session.get_outputs()]))
        read = [(request.data, rows), *((file, sample.rows) for file in (request.calibration,) if file and sample.rows)]
        data = [provenance(file, len(own_rows), request) for file, own_rows in read]
        entry = bundle.space_entry(request.name, labels, stages_of, calibration, found, data, config.run, own.embedding.shape[1])
        entry["reference"] = reference.reference_of(held.texts, reference.answers_of(held.votes, calibration), len(labels))
        (work / "bundle").mkdir()
        new = assemble(work / "bundle", request.base, content, entry, made)
        bundle.swap_in(work / "bundle", request.out)
    return new
