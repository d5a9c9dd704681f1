"""From data to bundle: the stages in their order."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from replymesh_training import bundle, manifest, names, names_bundle, reference, stages
from replymesh_training.byte_encoder import train_tokenizer
from replymesh_training.calibrated import calibrated
from replymesh_training.checkpoints import open_byte_start
from replymesh_training.config import RunConfig
from replymesh_training.data import read_rows, sha256_of
from replymesh_training.evaluate import join
from replymesh_training.making import Making
from replymesh_training.rows import SpaceRows, space_rows, texts_of
from replymesh_training.run import Finished, Run, evenly
from replymesh_training.serve import open_session
from replymesh_training.workspace import Workspace


@dataclass(frozen=True)
class Space:
    """A finished space: its folder with the graphs and its entry in the manifest."""

    folder: Path
    entry: Mapping[str, Any]


def make_trunk(run: Run) -> Path:
    """The shared graph and its tokenizer."""
    share = stages.CALIBRATION_TEXTS // 2
    texts = [text for name in ("bitext-support", "uci-sentiment") for text in evenly(texts_of(read_rows(run.data / name / "train.csv")), share)]
    key = [sha256_of(run.checkpoint / "tokenizer.json"), asdict(run.encoder.config), run.config.quick, run.config.seed, texts]
    return run.work.stage("trunk", key, lambda f: stages.make_trunk(f, run.encoder, run.checkpoint, texts, run.config.max_tokens))


def make_byte_tokenizer(run: Run, rows: Mapping[str, SpaceRows]) -> Path:
    """The byte-level BPE: of the training texts of all spaces that read it, or that of the checkpoint which the byte-level encoder starts from."""
    start = run.byte_start
    if start is not None:
        key = [sha256_of(start.folder / name) for name in ("tokenizer.json", "model.safetensors", "config.json")]
        return run.work.stage("byte-tokenizer", key, lambda f: start.write_tokenizer(f / "byte_tokenizer.json"))
    texts = [text for space in run.config.spaces if "roberta" in space.members for text in texts_of(rows[space.name].train)]
    size = run.config.byte.vocabulary
    return run.work.stage("byte-tokenizer", [size, texts], lambda f: train_tokenizer(texts, size).save(str(f / "byte_tokenizer.json"), pretty=False))


def finish(m: Making) -> Space:
    shipped = m.refit() if m.space.refit else m
    fitted, metrics = calibrated(m, shipped)
    if m.run.finished is not None:
        test = shipped.votes["test"]
        m.run.finished(m.space.name, m.rows.labels, fitted.pool.probabilities(test.members), test.labels)
    m.report(f"test accuracy {metrics['test.accuracy']:.4f}, pooled: {', '.join(f'{n} {w:.2f}' for n, w in fitted.pool.weights.items())}")
    stages_of = []
    for stage in shipped.stage_names:
        session = open_session(shipped.graphs / f"{stage}.onnx")
        stages_of.append((stage, [i.name for i in session.get_inputs()], [o.name for o in session.get_outputs()]))
    data = bundle.provenance_of(m.run.data, m.space.source, m.run.config)
    entry = bundle.space_entry(m.space.name, m.rows.labels, stages_of, fitted, metrics, data, m.run.config, m.run.width)
    names = reference.held_out(shipped.rows.held, m.space.refit)
    texts = [text for name in names for text in texts_of(shipped.rows.held[name])]
    answers = reference.answers_of(join([shipped.votes[name] for name in names]), fitted)
    return Space(shipped.graphs, entry | {"reference": reference.reference_of(texts, answers, len(m.rows.labels))})


@dataclass(frozen=True)
class Kept:
    """A finished bundle whose spaces are taken over, all but those that are made anew."""

    base: Path
    anew: Sequence[str]

    def spaces(self, trunk: Path, byte_tokenizer: Path) -> dict[str, Space]:
        """The spaces that are kept. ManifestError when they were made on another trunk or other byte-level words."""
        content = manifest.read(self.base)
        for file in (trunk / "trunk.onnx", byte_tokenizer / "byte_tokenizer.json"):
            if sha256_of(file) != sha256_of(self.base / file.name):
                raise manifest.ManifestError(f"{self.base / file.name}: is not what this run makes, so that its spaces cannot be kept; train all spaces anew")
        return {s["name"]: Space(self.base / "spaces" / s["name"], s) for s in content["spaces"] if s["name"] not in self.anew}


def run_pipeline(
    config: RunConfig, data: Path, checkpoint: Path, work: Path, out: Path, report: Callable[[str], None], byte_checkpoint: Path | None = None,
    finished: Finished | None = None, kept: Kept | None = None,
) -> dict[str, Any]:  # fmt: skip
    """The bundle at `out`; its manifest. byte_checkpoint: folder of a RoBERTa. DataError, ManifestError, CheckpointError."""
    start = open_byte_start(byte_checkpoint, config.byte.max_tokens) if byte_checkpoint else None
    run = Run(config, data, checkpoint, stages.open_encoder(config, checkpoint), Workspace(work, report), start, finished)
    rows = {s.name: space_rows(data, s.source, config.most_train, config.most_foreign, config.seed) for s in config.spaces}
    trunk, byte_tokenizer = make_trunk(run), make_byte_tokenizer(run, rows)
    old = kept.spaces(trunk, byte_tokenizer) if kept else {}
    made = {s.name: finish(Making(run, s, rows[s.name], trunk, byte_tokenizer)) for s in config.spaces if s.name not in old}
    last = max(space.folder.stat().st_mtime for space in made.values())
    order = {s.name: place for place, s in enumerate(config.spaces)}
    spaces = dict(sorted((old | made).items(), key=lambda item: order.get(item[0], len(order))))
    time = datetime.fromtimestamp(int(last), UTC).isoformat().replace("+00:00", "Z")
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / "whole"
        whole.mkdir()
        content = bundle.assemble(whole, trunk, byte_tokenizer, spaces, config, run.width, time)
        if not config.quick and (data / names_bundle.ANNOTATED).is_dir():
            named = Path(folder) / "named"
            named.mkdir()
            content = names_bundle.add_names(whole, data, named, names_bundle.Rows(), names.NamesConfig(seed=config.seed), report)
            whole = named
        bundle.swap_in(whole, out)
    return content
