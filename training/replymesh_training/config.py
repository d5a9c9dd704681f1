"""What a run may choose. Every tuned constant says how it was tuned; a contradiction is refused when the object is made."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from replymesh_training.rows import Source


def _share(name: str, value: float) -> None:
    if not 0 < value < 1:
        raise ValueError(f"{name} must be between 0 and 1, it is {value}")


def _positive(name: str, value: float) -> None:
    if not value > 0:
        raise ValueError(f"{name} must be greater than 0, it is {value}")


@dataclass(frozen=True)
class TuneConfig:
    """Fine-tuning of a space's own top layers and head. Learning rates, batch size and smoothing: design §8, Banking77."""

    epochs: int = 8
    batch_size: int = 48
    top_learning_rate: float = 2e-4
    head_learning_rate: float = 2e-3
    weight_decay: float = 0.01
    warmup_share: float = 0.1  # of all steps
    label_smoothing: float = 0.1
    token_dropout: float = 0.1  # share of tokens that a step does not see
    averaged: int = 1  # fits of different seeds whose weights are averaged (Wortsman et al. 2022)

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "top_learning_rate", "head_learning_rate", "averaged"):
            _positive(name, getattr(self, name))
        _share("warmup_share", self.warmup_share)
        for name in ("label_smoothing", "token_dropout"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 0 and less than 1, it is {getattr(self, name)}")


@dataclass(frozen=True)
class MonteCarloConfig:
    """Dropout on the pooled vector, the same at training and at serving (Gal and Ghahramani 2016)."""

    samples: int = 30
    drop_below: int = 51  # of 256: drop probability .199

    def __post_init__(self) -> None:
        if not 1 <= self.samples <= 256:
            raise ValueError(f"samples must be from 1 to 256, it is {self.samples}")
        if not 1 <= self.drop_below <= 255:
            raise ValueError(f"drop_below must be from 1 to 255, it is {self.drop_below}")

    @property
    def drop_probability(self) -> float:
        return self.drop_below / 256


@dataclass(frozen=True)
class CalibrationConfig:
    """Everything that is fitted on rows held out from training."""

    coverage: float = 0.95  # share of true labels inside the prediction set
    in_scope_kept: float = 0.985  # share of held-out in-scope rows below the out-of-scope threshold

    def __post_init__(self) -> None:
        _share("coverage", self.coverage)
        _share("in_scope_kept", self.in_scope_kept)


@dataclass(frozen=True)
class LinearConfig:
    """Logistic regression on the frozen embedding and hashed n-grams."""

    embedding_scale: float = 1.5  # design §8

    def __post_init__(self) -> None:
        _positive("embedding_scale", self.embedding_scale)


@dataclass(frozen=True)
class ByteConfig:
    """The small byte-level transformer."""

    vocabulary: int = 4096
    max_tokens: int = 256
    width: int = 192
    heads: int = 6
    layers: int = 2
    epochs: int = 12
    batch_size: int = 64
    learning_rate: float = 1e-3
    weight_decay: float = 0.01
    token_dropout: float = 0.1
    teacher_temperature: float = 1.0
    teacher_weight: float = 1.0


@dataclass(frozen=True)
class TreesConfig:
    """Both forests. Sizes: the most that pays on held-out rows of Banking77 at a few percent of the encoder's time."""

    axes: int = 76
    forest_trees: int = 100
    forest_depth: int = 16
    forest_least_leaf: int = 2
    boost_rounds: int = 40
    boost_depth: int = 3
    boost_rate: float = 0.3


@dataclass(frozen=True)
class MetaConfig:
    """LightGBM over the members' votes on the first candidates."""

    candidates: int = 4
    rounds: int = 120
    leaves: int = 8
    learning_rate: float = 0.05
    least_leaf: int = 80


BASE_MEMBERS = ("minilm", "roberta", "logistic_regression", "random_forest", "xgboost")
META = "lightgbm"


@dataclass(frozen=True)
class SpaceConfig:
    """One label space: its rows, and what differs from space to space."""

    name: str
    source: Source
    tune: TuneConfig = field(default_factory=TuneConfig)
    members: tuple[str, ...] = BASE_MEMBERS
    inverse_penalty: float = 4.0  # of the regression; design §8 tried 20, held-out rows of Banking77 and CLINC150 prefer this
    meta: bool = True  # whether the meta-learner takes part; with few rows and few labels it only overfits
    sharp: bool = True  # whether it gets Monte Carlo samples, prediction sets, a confidence and an out-of-scope score
    refit: bool = False  # whether what is served is fitted anew on all rows, once everything has been calibrated on those held out of them

    @property
    def voters(self) -> tuple[str, ...]:
        """The members, and the meta-learner where it takes part."""
        return (*self.members, META) if self.meta else self.members

    def __post_init__(self) -> None:
        unknown = set(self.members) - set(BASE_MEMBERS)
        if unknown or not self.members:
            raise ValueError(f"members must be some of {', '.join(BASE_MEMBERS)}, they are {', '.join(self.members)}")
        if self.refit and self.source.valid_share is None:
            raise ValueError("refit is for a set whose held-out rows come of its training rows")


SPACES = (
    SpaceConfig(
        "support",
        Source("bitext-support", variants=3, natural_repeats=4, foreign=("clinc150", "banking77")),
        TuneConfig(epochs=4, label_smoothing=0.05),
    ),
    SpaceConfig("banking", Source("banking77", valid_share=0.1, foreign=("clinc150", "bitext-support")), TuneConfig(averaged=3), refit=True),
    SpaceConfig("assistant", Source("clinc150", foreign=("banking77", "bitext-support")), TuneConfig(averaged=2)),
    # Every message pays for it, in whatever space it is asked about: two members, no more.
    SpaceConfig(
        "sentiment",
        Source("uci-sentiment", valid_share=0.2, neutral=("clinc150", "banking77"), rated=True),
        TuneConfig(epochs=3),
        ("minilm", "logistic_regression"),
        meta=False,
        sharp=False,
        refit=True,
    ),
)


@dataclass(frozen=True)
class RunConfig:
    """One run from data to bundle."""

    seed: int = 7
    max_tokens: int = 256  # as the checkpoint was trained
    lower_layers: int = 4
    heads: int = 12
    folds: int = 4
    nearest: int = 5  # neighbours whose mean similarity makes the distance
    most_neighbours: int = 8192  # training rows kept for it
    most_foreign: int = 3000  # rows drawn of each foreign set
    most_train: int | None = None  # a stratified part, for quick runs
    quick: bool = False  # random weights, two lower layers and one on top, few rows: tests the path, not the model
    spaces: tuple[SpaceConfig, ...] = SPACES
    monte_carlo: MonteCarloConfig = field(default_factory=MonteCarloConfig)
    calibration: CalibrationConfig = field(default_factory=CalibrationConfig)
    linear: LinearConfig = field(default_factory=LinearConfig)
    byte: ByteConfig = field(default_factory=ByteConfig)
    trees: TreesConfig = field(default_factory=TreesConfig)
    meta: MetaConfig = field(default_factory=MetaConfig)

    def __post_init__(self) -> None:
        if not 8 <= self.max_tokens <= 512:
            raise ValueError(f"max_tokens must be from 8 to 512, it is {self.max_tokens}")
        if self.folds < 2:
            raise ValueError(f"folds must be at least 2, they are {self.folds}")


def quick_config(seed: int) -> RunConfig:
    """The smallest run that touches every stage."""
    return RunConfig(
        seed=seed, lower_layers=2, folds=2, quick=True, most_train=540, most_foreign=100, most_neighbours=256,
        spaces=tuple(replace(s, source=replace(s.source, rated=False), tune=TuneConfig(epochs=1, averaged=s.tune.averaged)) for s in SPACES),
        byte=ByteConfig(vocabulary=512, width=32, heads=2, epochs=1),
        trees=TreesConfig(forest_trees=4, forest_depth=4, boost_rounds=2),
        meta=MetaConfig(rounds=4),
    )  # fmt: skip
