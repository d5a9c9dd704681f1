"""From data to bundle: the stages in their order."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from replymesh_training import bundle, stages
from replymesh_training.config import RunConfig
from replymesh_training.data import Row, label_indices, read_rows, sha256_of, stratified_split
from replymesh_training.evaluate import Calibration, Votes, calibrate, caught, figures, fit_pool, join, scope_figures
from replymesh_training.metrics import accuracy
from replymesh_training.serve import Masking, Runner, open_session
from replymesh_training.stages import Encoder
from replymesh_training.tokens import load_tokenizer
from replymesh_training.workspace import Workspace

MEMBERS = ("minilm", "logistic_regression")
FOREIGN = ("clinc150", "banking77")


@dataclass(frozen=True)
class Run:
    """What every stage needs to know."""

    config: RunConfig
    data: Path
    checkpoint: Path
    encoder: Encoder
    work: Workspace

    @property
    def width(self) -> int:
        return self.encoder.config.width

    def digests(self, *names: str) -> list[str]:
        """Digests of data files, for the keys of stages."""
        return [sha256_of(self.data / name) for name in names]


@dataclass(frozen=True)
class Space:
    """A finished space: its folder with the graphs and its entry in the manifest."""

    folder: Path
    entry: Mapping[str, Any]


def _texts(rows: Sequence[Row]) -> list[str]:
    return [row.text for row in rows]


def _spread(texts: Sequence[str], count: int) -> list[str]:
    """`count` texts from the whole length of a list."""
    return list(texts[:: max(1, len(texts) // count)])


def _runner(run: Run, trunk: Path, space: Path, masking: Masking | None, suffix: str = "") -> Runner:
    graphs = [open_session(trunk / f"trunk{suffix}.onnx"), open_session(space / f"space{suffix}.onnx")]
    return Runner(load_tokenizer(trunk / "tokenizer.json"), run.config.max_tokens, graphs, masking)


def _votes(runner: Runner, name: str, rows: Sequence[Row], labels: np.ndarray, members: Sequence[str], samples: bool) -> Votes:
    wanted = {member: f"{name}.{member}.logits" for member in members}
    tensors = runner.run(_texts(rows), [*wanted.values(), *([f"{name}.mc.logits"] if samples else [])])
    return Votes({member: tensors[tensor] for member, tensor in wanted.items()}, labels, tensors.get(f"{name}.mc.logits"))


def _saved_votes(run: Run, stage: str, key: object, make: Callable[[], Mapping[str, Votes]]) -> dict[str, Votes]:
    """Votes by set of rows, kept as one .npz a set."""

    def write(folder: Path) -> None:
        for name, votes in make().items():
            samples = {} if votes.samples is None else {"samples": votes.samples}
            np.savez(folder / f"{name}.npz", labels=votes.labels, **{f"member {m}": a for m, a in votes.members.items()}, **samples)  # type: ignore[arg-type]

    found = {}
    for path in sorted(run.work.stage(stage, key, write).glob("*.npz")):
        arrays = np.load(path)
        members = {key.removeprefix("member "): arrays[key] for key in arrays.files if key.startswith("member ")}
        ordered = {name: members[name] for name in MEMBERS if name in members}
        found[path.stem] = Votes(ordered, arrays["labels"], arrays["samples"] if "samples" in arrays.files else None)
    return found


def make_trunk(run: Run) -> Path:
    """The shared graph and the tokenizer."""
    texts = _spread(_texts(read_rows(run.data / "bitext-support" / "train.csv")), stages.CALIBRATION_TEXTS // 2)
    texts += _spread(_texts(read_rows(run.data / "uci-sentiment" / "train.csv")), stages.CALIBRATION_TEXTS // 2)
    key = [sha256_of(run.checkpoint / "tokenizer.json"), asdict(run.encoder.config), run.config.quick, run.config.seed, texts]
    return run.work.stage("trunk", key, lambda f: stages.make_trunk(f, run.encoder, run.checkpoint, texts, run.config.max_tokens))


def _tuned(run: Run, name: str, trunk: Path, rows: Sequence[Row], labels: np.ndarray) -> tuple[Path, Path]:
    """Folders of the features and of the tuned top."""
    texts = _texts(rows)
    features = run.work.stage(f"{name}-features", [trunk, texts], lambda f: stages.make_features(f, trunk, texts, run.config.max_tokens))
    key = [features, labels.tolist(), asdict(run.config.tune), asdict(run.config.monte_carlo), run.config.seed]
    report = run.work.report
    return features, run.work.stage(f"{name}-top", key, lambda f: stages.make_top(f, features, labels, run.encoder, run.config, report))


def _linear(run: Run, name: str, features: Path, labels: np.ndarray, held_features: Path, held_labels: np.ndarray) -> Path:
    """Folder of the regression."""
    settings = run.config.linear

    def make(folder: Path) -> None:
        train, held = np.load(features / "embedding.npy"), np.load(held_features / "embedding.npy")
        model, penalty = stages.fit_linear(train, labels, held, held_labels, settings)
        run.work.report(f"{name}-linear: C {penalty}")
        stages.save_linear(folder, model, penalty, settings.embedding_scale)

    return run.work.stage(f"{name}-linear", [features, held_features, labels.tolist(), held_labels.tolist(), asdict(settings)], make)


def _foreign(run: Run, split: str) -> dict[str, list[Row]]:
    """Rows of sets that are out of scope for `support`; from the train splits a seeded draw."""
    rng = np.random.default_rng(run.config.seed)
    found = {}
    for name in FOREIGN:
        rows = read_rows(run.data / name / f"{split}.csv")
        most = run.config.calibration.out_of_scope_rows if split == "train" or run.config.quick else len(rows)
        found[name] = [rows[i] for i in sorted(rng.permutation(len(rows))[:most])]
    return found


def _differences(shipped: np.ndarray, exact: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """What 8 bits change, against the same models in float32."""
    return {
        "int8.accuracy_difference": accuracy(shipped, labels) - accuracy(exact, labels),
        "int8.mean_probability_difference": float(np.abs(shipped - exact).max(1).mean()),
        "int8.largest_probability_difference": float(np.abs(shipped - exact).max()),
    }


def _support_votes(run: Run, trunk: Path, space: Path, rows: Mapping[str, list[Row]], labels: Sequence[str]) -> dict[str, Votes]:
    mc = run.config.monte_carlo
    full = _runner(run, trunk, space, Masking("support.dropout_mask", mc.samples, run.width, mc.drop_below))
    one_sample = Masking("support.dropout_mask", 1, run.width, mc.drop_below)
    short, exact = _runner(run, trunk, space, one_sample), _runner(run, trunk, space, one_sample, ".fp32")
    held = {name: _votes(full, "support", own, label_indices(own, labels), MEMBERS, True) for name, own in rows.items() if name != "train"}
    for split in ("train", "test"):
        for name, own in _foreign(run, split).items():
            held[f"{name}_{split}"] = _votes(short, "support", own, np.full(len(own), -1), MEMBERS, False)
    held["test_fp32"] = _votes(exact, "support", rows["test"], label_indices(rows["test"], labels), MEMBERS, False)
    return held


def fit_support(votes: Mapping[str, Votes], config: RunConfig) -> tuple[Calibration, dict[str, float]]:
    """Calibration on the held-out rows, then the figures. Every second row of `valid` fits pool and temperatures, the others the sets."""
    both = [votes["valid"], votes["valid_varied"]]
    even, odd = np.arange(0, len(votes["valid"].labels), 2), np.arange(1, len(votes["valid"].labels), 2)
    fit, conformal = join([v.take(even) for v in both]), join([v.take(odd) for v in both])
    foreign = {m: np.concatenate([votes[f"{name}_train"].members[m] for name in FOREIGN]) for m in MEMBERS}
    fitted = calibrate(fit, conformal, join(both), foreign, config.calibration)
    found = figures("valid", votes["valid"], fitted) | figures("valid_varied", votes["valid_varied"], fitted)
    found |= figures("natural", votes["natural"], fitted) | figures("test", votes["test"], fitted)
    assert fitted.scope is not None
    test = votes["test"].members
    for name in FOREIGN:
        of_set = scope_figures("set", fitted.scope, test, votes[f"{name}_test"].members)
        of_natural = scope_figures("set", fitted.scope, votes["natural"].members, votes[f"{name}_test"].members)
        found[f"test.auroc_out_of_scope_{name}"] = of_set["set.auroc"]
        found[f"natural.auroc_out_of_scope_{name}"] = of_natural["set.auroc"]
        found[f"test.out_of_scope_caught_{name}"] = caught(fitted.scope, votes[f"{name}_test"].members)
    found["test.auroc_out_of_scope"] = found["test.auroc_out_of_scope_clinc150"]
    shipped, exact = (fitted.pool.probabilities(votes[name].members) for name in ("test", "test_fp32"))
    return fitted, found | _differences(shipped, exact, votes["test"].labels)


def make_support(run: Run, trunk: Path) -> Space:
    """The space `support`: own top layers, regression, Monte Carlo samples, scope, prediction sets."""
    config, files = run.config, [f"bitext-support/{s}.csv" for s in ("train", "valid", "test")]
    rows = stages.support_rows(run.data, config)
    labels = sorted({row.label for row in rows["train"]})
    targets, held_targets = label_indices(rows["train"], labels), label_indices(rows["valid"], labels)
    features, top = _tuned(run, "support", trunk, rows["train"], targets)
    held_texts = _texts(rows["valid"])
    held = run.work.stage("support-held-features", [trunk, held_texts], lambda f: stages.make_features(f, trunk, held_texts, config.max_tokens))
    linear = _linear(run, "support", features, targets, held, held_targets)
    texts = _spread(_texts(rows["train"]), stages.CALIBRATION_TEXTS)

    def make_space(folder: Path) -> None:
        tuned = stages.load_top(top, run.encoder, len(labels))
        drop_below = config.monte_carlo.drop_below
        stages.make_tuned_space(folder, "support", trunk, tuned, stages.load_linear(linear), drop_below, texts, config.max_tokens)

    space = run.work.stage("support-space", [trunk, top, linear, texts], make_space)
    foreign_files = [f"{name}/{split}.csv" for name in FOREIGN for split in ("train", "test")]
    natural = sha256_of(stages.NATURAL / "natural-check.csv")
    key = [space, run.digests(*files, *foreign_files), natural, asdict(config.monte_carlo), config.calibration.out_of_scope_rows, config.seed]
    votes = _saved_votes(run, "support-votes", key, lambda: _support_votes(run, trunk, space, rows, labels))
    fitted, metrics = fit_support(votes, config)
    bitext = run.data / "bitext-support"
    data = [bundle.provenance("bitext-support", bitext / f"{s}.csv", len(read_rows(bitext / f"{s}.csv"))) for s in ("train", "valid")]
    path = stages.NATURAL / "natural-train.csv"
    data.append(bundle.provenance("natural-wording", path, len(read_rows(path))))
    drawn = _foreign(run, "train")
    data += [bundle.provenance(name, run.data / name / "train.csv", len(drawn[name])) for name in FOREIGN]
    graph = open_session(space / "space.onnx")
    inputs, outputs = [i.name for i in graph.get_inputs()], [o.name for o in graph.get_outputs()]
    return Space(space, bundle.space_entry("support", labels, inputs, outputs, fitted, metrics, data, config, run.width))


def make_sentiment(run: Run, trunk: Path) -> Space:
    """The space `sentiment`: regression on the embedding alone, since every message pays for it."""
    config, folder, member = run.config, run.data / "uci-sentiment", "logistic_regression"
    rows = read_rows(folder / "train.csv")
    test = read_rows(folder / "test.csv")
    labels = sorted({row.label for row in rows})
    targets = label_indices(rows, labels)
    # The set has no validation split: a fifth of train chooses the penalty and fits the temperature.
    held, kept = stratified_split(targets, 0.2, config.seed)
    parts = {"train": [rows[i] for i in kept], "held": [rows[i] for i in held]}
    def features_of(name: str) -> Path:
        texts = _texts(parts[name])
        return run.work.stage(f"sentiment-{name}-features", [trunk, texts], lambda f: stages.make_features(f, trunk, texts, config.max_tokens))

    features = {name: features_of(name) for name in parts}
    linear = _linear(run, "sentiment", features["train"], targets[kept], features["held"], targets[held])
    space = run.work.stage("sentiment-space", [linear], lambda f: stages.make_linear_space(f, "sentiment", stages.load_linear(linear)))
    runner = _runner(run, trunk, space, None)
    votes = _votes(runner, "sentiment", parts["held"], targets[held], [member], False)
    fitted = Calibration(pool=fit_pool(votes))
    metrics = figures("valid", votes, fitted) | figures("test", _votes(runner, "sentiment", test, label_indices(test, labels), [member], False), fitted)
    data = [bundle.provenance("uci-sentiment", folder / "train.csv", len(rows))]
    entry = bundle.space_entry("sentiment", labels, ["embedding"], [f"sentiment.{member}.logits"], fitted, metrics, data, config, run.width)
    return Space(space, entry)


def run_pipeline(config: RunConfig, data: Path, checkpoint: Path, work: Path, out: Path, report: Callable[[str], None]) -> dict[str, Any]:
    """The bundle at `out`; its manifest. DataError, ManifestError."""
    run = Run(config, data, checkpoint, stages.open_encoder(config, checkpoint), Workspace(work, report))
    trunk = make_trunk(run)
    spaces = {"support": make_support(run, trunk), "sentiment": make_sentiment(run, trunk)}
    finished = max(space.folder.stat().st_mtime for space in spaces.values())
    time = datetime.fromtimestamp(int(finished), UTC).isoformat().replace("+00:00", "Z")
    with tempfile.TemporaryDirectory() as folder:
        folders, entries = {name: s.folder for name, s in spaces.items()}, [s.entry for s in spaces.values()]
        content = bundle.assemble(Path(folder), trunk, folders, entries, config, run.width, time)
        bundle.swap_in(Path(folder), out)
    return content
