"""What a run may choose. Every tuned constant says how it was tuned; a contradiction is refused when the object is made."""

from __future__ import annotations

from dataclasses import dataclass, field


def _share(name: str, value: float) -> None:
    if not 0 < value < 1:
        raise ValueError(f"{name} must be between 0 and 1, it is {value}")


def _positive(name: str, value: float) -> None:
    if not value > 0:
        raise ValueError(f"{name} must be greater than 0, it is {value}")


@dataclass(frozen=True)
class TuneConfig:
    """Fine-tuning of a space's own top layers and head. Learning rates, batch size and smoothing: design §8, Banking77."""

    epochs: int = 5
    batch_size: int = 48
    top_learning_rate: float = 2e-4
    head_learning_rate: float = 2e-3
    weight_decay: float = 0.01
    warmup_share: float = 0.1  # of all steps
    label_smoothing: float = 0.05
    max_train_rows: int | None = None  # a stratified part, for quick runs

    def __post_init__(self) -> None:
        _positive("epochs", self.epochs)
        _positive("batch_size", self.batch_size)
        _positive("top_learning_rate", self.top_learning_rate)
        _positive("head_learning_rate", self.head_learning_rate)
        _share("warmup_share", self.warmup_share)
        if not 0 <= self.label_smoothing < 1:
            raise ValueError(f"label_smoothing must be at least 0 and less than 1, it is {self.label_smoothing}")


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
    out_of_scope_rows: int = 3000  # drawn from each foreign set's train split

    def __post_init__(self) -> None:
        _share("coverage", self.coverage)
        _share("in_scope_kept", self.in_scope_kept)
        _positive("out_of_scope_rows", self.out_of_scope_rows)


@dataclass(frozen=True)
class LinearConfig:
    """Logistic regression on the frozen embedding; `inverse_penalties` is the grid from which held-out NLL chooses."""

    embedding_scale: float = 1.5  # design §8
    inverse_penalties: tuple[float, ...] = (1.0, 4.0, 16.0, 64.0)

    def __post_init__(self) -> None:
        _positive("embedding_scale", self.embedding_scale)
        if not self.inverse_penalties or min(self.inverse_penalties) <= 0:
            raise ValueError(f"inverse_penalties must be positive and at least one, they are {self.inverse_penalties}")


@dataclass(frozen=True)
class RunConfig:
    """One run from data to bundle."""

    seed: int = 7
    max_tokens: int = 256  # as the checkpoint was trained
    lower_layers: int = 4
    heads: int = 12
    quick: bool = False  # random weights, two lower layers and one on top, few rows: tests the path, not the model
    variants: int = 3  # texts made from each training row, the row itself counted in
    natural_repeats: int = 4  # restyled copies of each natural wording: together about 3 % of the training texts
    tune: TuneConfig = field(default_factory=TuneConfig)
    monte_carlo: MonteCarloConfig = field(default_factory=MonteCarloConfig)
    calibration: CalibrationConfig = field(default_factory=CalibrationConfig)
    linear: LinearConfig = field(default_factory=LinearConfig)

    def __post_init__(self) -> None:
        if not 8 <= self.max_tokens <= 512:
            raise ValueError(f"max_tokens must be from 8 to 512, it is {self.max_tokens}")
        if self.variants < 1:
            raise ValueError(f"variants must be at least 1, it is {self.variants}")


def quick_config(seed: int) -> RunConfig:
    """The smallest run that touches every stage."""
    return RunConfig(
        seed=seed,
        lower_layers=2,
        quick=True,
        variants=1,
        tune=TuneConfig(epochs=1, max_train_rows=540),
        calibration=CalibrationConfig(out_of_scope_rows=100),
        linear=LinearConfig(inverse_penalties=(4.0,)),
    )
