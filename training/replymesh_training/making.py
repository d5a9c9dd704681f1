"""One label space in the making: its stages, each kept under the name of everything that it depends on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from replymesh_training import export, graphs, members, stages
from replymesh_training.byte_encoder import load_byte_encoder, save_byte_encoder
from replymesh_training.config import META, SpaceConfig
from replymesh_training.ensemble import fit_pool, temperatures_of, those_that_earn
from replymesh_training.evaluate import Votes
from replymesh_training.features import features_of
from replymesh_training.folds import fold_of
from replymesh_training.linear import load_linear
from replymesh_training.meta import MetaPool, fit_meta, load_meta, save_meta
from replymesh_training.neighbours import spread
from replymesh_training.quantize import quantize
from replymesh_training.rows import SpaceRows, texts_of
from replymesh_training.run import Run, evenly
from replymesh_training.serve import Masking, Runner, Words, open_session
from replymesh_training.tokens import encode, load_tokenizer, pad
from replymesh_training.trees import of_random_forest, of_xgboost

Array = np.ndarray

@dataclass(frozen=True)
class Making:
    """One space in the making."""

    run: Run
    space: SpaceConfig
    rows: SpaceRows
    trunk: Path
    byte_tokenizer: Path
    pilot: Making | None = None
    """The same space with rows held out: what was chosen and fitted there holds here, where all rows are trained on."""

    def refit(self) -> Making:
        """The space on all of its rows; the numbers fitted on held-out votes stay those of this one."""
        return replace(self, rows=self.rows.with_valid(), pilot=self)

    @property
    def classes(self) -> int:
        return len(self.rows.labels)

    @cached_property
    def tokenizer(self) -> Tokenizer:
        return load_tokenizer(self.byte_tokenizer / "byte_tokenizer.json")

    def stage(self, name: str, key: object, make: Callable[[Path], None]) -> Path:
        return self.run.work.stage(f"{self.space.name}-{name}", key, make)

    def report(self, line: str) -> None:
        self.run.work.report(f"{self.space.name}: {line}")

    @cached_property
    def states(self) -> Path:
        """Hidden states and embeddings of the training rows."""
        texts = texts_of(self.rows.train)
        return self.stage("states", [self.trunk, texts], lambda f: stages.make_features(f, self.trunk, texts, self.run.config.max_tokens))

    @cached_property
    def train(self) -> members.Rows:
        texts = texts_of(self.rows.train)
        ids = members.byte_ids(self.tokenizer, texts, self.run.config)
        return members.Rows(stages.load_hidden(self.states), np.load(self.states / "embedding.npy"), features_of(texts), ids, self.rows.targets("train"))

    @cached_property
    def folds(self) -> Array:
        return fold_of(self.train.labels, self.rows.groups, self.run.config.folds, self.run.config.seed)

    @cached_property
    def top_key(self) -> list[object]:
        config = self.run.config
        return [self.states, self.rows.targets("train").tolist(), asdict(self.space.tune), asdict(config.monte_carlo), config.seed]

    @cached_property
    def top(self) -> Path:
        config = self.run.config

        def make(folder: Path) -> None:
            drop = config.monte_carlo.drop_probability
            stages.make_top(folder, self.train.hidden, self.train.labels, self.classes, self.run.encoder, self.space.tune, drop, config.seed, self.report)

        return self.stage("top", self.top_key, make)

    @cached_property
    def fold_tops(self) -> Path:
        def make(folder: Path) -> None:
            members.fold_tops(folder, self.train, self.folds, self.classes, self.run.encoder, self.space, self.run.config, self.report)

        return self.stage("fold-tops", [*self.top_key, self.run.config.folds], make)

    @cached_property
    def member_key(self) -> list[object]:
        c = self.run.config
        own = [asdict(part) for part in (c.linear, c.byte, c.trees)]
        return [self.byte_tokenizer, own, self.space.members, self.space.inverse_penalty, c.nearest, c.most_neighbours]

    @cached_property
    def fold_votes(self) -> dict[str, Array]:
        """Out-of-fold logits by member, and `distance`."""

        def make(folder: Path) -> None:
            config = self.run.config
            votes = members.fold_votes(
                self.fold_tops, self.train, self.folds, self.classes, self.tokenizer, self.run.encoder, self.space, config, self.run.byte_start, self.report
            )
            np.savez(folder / "votes.npz", **votes)  # type: ignore[arg-type]

        folder = self.stage("fold-votes", [self.fold_tops, *self.member_key], make)
        return dict(np.load(folder / "votes.npz"))

    @cached_property
    def regression(self) -> Path:
        def make(folder: Path) -> None:
            members.fit_regression(self.train, self.space, self.run.config).save(folder)

        return self.stage("regression", [self.states, self.rows.targets("train").tolist(), asdict(self.run.config.linear), self.space.inverse_penalty], make)

    @property
    def teacher(self) -> Array:
        """Logits of a tuned top for each training row, which it was not trained on."""
        if self.pilot is None:
            return self.fold_votes["minilm"]
        return np.concatenate([self.pilot.fold_votes["minilm"], self.pilot.votes["valid"].members["minilm"]])

    @cached_property
    def byte(self) -> Path:
        """The student of the tuned top."""

        def make(folder: Path) -> None:
            model = members.fit_byte_encoder(self.train, self.teacher, self.tokenizer, self.run.config, self.run.byte_start, self.report)
            save_byte_encoder(model, folder)

        teachers = [self.fold_tops] if self.pilot is None else [self.pilot.fold_tops, self.pilot.graphs]
        return self.stage("byte", [*teachers, self.states, self.byte_tokenizer, asdict(self.run.config.byte)], make)

    @cached_property
    def earned(self) -> tuple[list[str], dict[str, float]]:
        """Base members that earn their place in the pool of out-of-fold votes; what the others would have brought."""
        if self.pilot is not None:
            return self.pilot.earned
        if not self.space.meta and "roberta" not in self.space.members:
            # Nobody learns from out-of-fold votes here: the held-out rows alone choose.
            return list(self.space.members), {}
        votes = {name: self.fold_votes[name] for name in self.space.members}
        return those_that_earn(votes, self.train.labels, temperatures_of(votes, self.train.labels), self.space.members)

    @cached_property
    def meta_pool(self) -> MetaPool:
        if self.pilot is not None:
            return self.pilot.meta_pool
        votes = {name: self.fold_votes[name] for name in self.earned[0]}
        pool = fit_pool(votes, self.train.labels, temperatures_of(votes, self.train.labels), self.earned[0])
        return MetaPool(self.earned[0], [pool.temperatures[n] for n in self.earned[0]], [pool.weights[n] for n in self.earned[0]])

    @property
    def candidates(self) -> int:
        return min(self.run.config.meta.candidates, self.classes)

    @cached_property
    def meta(self) -> Path:
        if self.pilot is not None:
            return self.pilot.meta
        config = self.run.config

        def make(folder: Path) -> None:
            sizes = replace(config.meta, candidates=self.candidates)
            save_meta(fit_meta(self.meta_pool, self.fold_votes["distance"], self.fold_votes, self.train.labels, sizes, config.seed), folder)

        return self.stage("meta", [self.fold_tops, *self.member_key, self.earned[0], asdict(config.meta)], make)

    @cached_property
    def typical(self) -> list[str]:
        """Texts from which the ranges of the activations are read."""
        return evenly(texts_of(self.rows.train), stages.CALIBRATION_TEXTS)

    @cached_property
    def graphs(self) -> Path:
        """top, byte, heads and trees, each with 8 bits where that saves something, and with float32 beside it where it differs."""
        name, config = self.space.name, self.run.config

        def make(folder: Path) -> None:
            top = graphs.top_graph(name, stages.load_top(self.top / "top.pt", self.run.encoder, self.classes), config.monte_carlo.drop_below)
            export.save(top, folder / "top.fp32.onnx")
            trunk, feeds, byte_feeds = open_session(self.trunk / "trunk.onnx"), [], []
            tokenizer = load_tokenizer(self.trunk / "tokenizer.json")
            for row in encode(tokenizer, self.typical, config.max_tokens):
                input_ids, mask = pad([row])
                hidden = trunk.run(["hidden"], {"input_ids": input_ids, "attention_mask": mask})[0]
                feeds.append({"hidden": hidden, "attention_mask": mask, f"{name}.dropout_mask": np.ones((1, 1, self.run.width), np.uint8)})
            export.save(quantize(top, feeds), folder / "top.onnx")
            if "roberta" in self.space.members:
                sizes = members.byte_sizes(self.tokenizer, config, self.run.byte_start)
                byte = graphs.byte_graph(name, load_byte_encoder(self.byte, sizes, self.classes))
                export.save(byte, folder / "byte.fp32.onnx")
                for row in members.byte_ids(self.tokenizer, self.typical, config):
                    ids, mask = pad([row], 1)
                    byte_feeds.append({"byte_ids": ids, "byte_mask": mask})
                export.save(quantize(byte, byte_feeds), folder / "byte.onnx")
            kept = spread(self.train.embedding, self.train.labels, config.most_neighbours, config.seed)
            heads = [graphs.neighbours_graph(name, self.train.embedding[kept], config.nearest)]
            made = [f"{name}.distance"]
            if "logistic_regression" in self.space.members:
                heads.append(graphs.linear_graph(name, load_linear(self.regression)))
                made.append(f"{name}.logistic_regression.logits")
            trees = [m for m in ("random_forest", "xgboost") if m in self.space.members]
            if trees:
                found = members.fit_forests(self.train, config.trees, config.seed)
                forests = graphs.forests_graph(name, found.projection, of_random_forest(found.forest), of_xgboost(found.boost, self.classes))
                if set(trees) & set(self.earned[0]):
                    heads.append(forests)
                    made += [f"{name}.{m}.logits" for m in trees]
                else:
                    export.save(forests, folder / "trees.onnx")
            if self.space.meta:
                heads.append(graphs.meta_graph(name, load_meta(self.meta), self.meta_pool, self.candidates, self.classes))
                made.append(f"{name}.{META}.logits")
            export.save(graphs.joined(heads, made), folder / "heads.onnx")

        byte, meta = self.byte if "roberta" in self.space.members else None, self.meta if self.space.meta else None
        parts = [self.top, byte, self.regression, meta, asdict(config.trees)]
        return self.stage("graphs", [self.trunk, *parts, self.typical, config.most_neighbours], make)

    @property
    def stage_names(self) -> list[str]:
        """Graphs in the order in which they run."""
        return [name for name in ("top", "byte", "trees", "heads") if (self.graphs / f"{name}.onnx").exists()]

    def runner(self, exact: bool, samples: int) -> Runner:
        """The space as it is served, or in float32 (the trunk, too)."""
        config = self.run.config
        words = Words(load_tokenizer(self.trunk / "tokenizer.json"), config.max_tokens, self.tokenizer, config.byte.max_tokens)

        def graph(folder: Path, name: str) -> Path:
            plain = folder / f"{name}.fp32.onnx"
            return plain if exact and plain.exists() else folder / f"{name}.onnx"

        paths = [graph(self.trunk, "trunk"), *(graph(self.graphs, name) for name in self.stage_names)]
        masking = Masking(f"{self.space.name}.dropout_mask", samples, self.run.width, config.monte_carlo.drop_below)
        return Runner(words, [open_session(path) for path in paths], masking)

    @cached_property
    def votes(self) -> dict[str, Votes]:
        """What the served graphs say of every held-out and foreign row, kept as one .npz a set."""
        name, names = self.space.name, self.space.voters
        held = {key: (texts_of(rows), self.rows.targets(key)) for key, rows in self.rows.held.items()}
        foreign = {key: (texts_of(rows), np.full(len(rows), -1)) for key, rows in self.rows.foreign.items()}

        def ask(runner: Runner, texts: Sequence[str], labels: Array, samples: bool) -> dict[str, Array]:
            wanted = {member: f"{name}.{member}.logits" for member in names} | {"distance": f"{name}.distance"}
            tensors = runner.run(texts, [*wanted.values(), *([f"{name}.mc.logits"] if samples else [])])
            found = {key: tensors[tensor] for key, tensor in wanted.items()} | {"labels": labels}
            return found | ({"samples": tensors[f"{name}.mc.logits"].astype(np.float16)} if samples else {})

        def make(folder: Path) -> None:
            full, short = self.runner(False, self.run.config.monte_carlo.samples), self.runner(False, 1)
            for key, (texts, labels) in held.items():
                np.savez(folder / f"{key}.npz", **ask(full, texts, labels, self.space.sharp))  # type: ignore[arg-type]
            for key, (texts, labels) in foreign.items():
                np.savez(folder / f"{key}.npz", **ask(short, texts, labels, False))  # type: ignore[arg-type]
            np.savez(folder / "test_fp32.npz", **ask(self.runner(True, 1), *held["test"], False))  # type: ignore[arg-type]

        folder = self.stage("votes", [self.graphs, {k: t for k, (t, _) in (held | foreign).items()}], make)
        found = {}
        for path in sorted(folder.glob("*.npz")):
            arrays = dict(np.load(path))
            samples = arrays["samples"].astype(np.float32) if "samples" in arrays else None
            found[path.stem] = Votes({n: arrays[n] for n in names}, arrays["labels"], samples, arrays["distance"])
        return found
