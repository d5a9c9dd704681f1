"""The meta-learner: LightGBM over what the base models say of the first candidates. Wolpert 1992; Ke et al. 2017.

It sees, for each of the pool's first candidates, every member's log-probability and how the members agree, and scores whether the
candidate is the right one. The scores share out anew what the pool gave to these candidates; the other labels keep theirs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import lightgbm
import numpy as np
import torch
from torch import Tensor, nn

from replymesh_training.config import MetaConfig

Array = np.ndarray


@dataclass(frozen=True)
class MetaPool:
    """The pool whose candidates are scored: members in this order, with their temperatures and weights."""

    members: Sequence[str]
    temperatures: Sequence[float]
    weights: Sequence[float]


class Candidates(nn.Module):
    """distance (batch, 1), logits of the members (batch, labels) each →
    features (batch · candidates, f), candidates int64 (batch, candidates), pooled log p (batch, labels)."""

    def __init__(self, pool: MetaPool, candidates: int) -> None:
        super().__init__()
        self.pool, self.candidates = pool, candidates

    def forward(self, distance: Tensor, *logits: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        votes = [(one / temperature).log_softmax(1) for one, temperature in zip(logits, self.pool.temperatures, strict=True)]
        pooled = sum(vote * weight for vote, weight in zip(votes, self.pool.weights, strict=True))
        assert isinstance(pooled, Tensor)
        pooled = pooled.log_softmax(1)
        best, places = pooled.topk(self.candidates, dim=1)
        own = [vote.gather(1, places) for vote in votes]
        behind = [vote.gather(1, places) - vote.amax(1, keepdim=True) for vote in votes]
        rank = torch.arange(self.candidates, dtype=torch.float32).expand_as(best)
        columns = [best, best - best[:, :1], rank, distance.expand_as(best), *own, *behind]
        return torch.stack(columns, dim=2).flatten(0, 1), places, pooled


class Rescored(nn.Module):
    """Scores (batch · candidates, 1), candidates, pooled log p → log p (batch, labels)."""

    def forward(self, scores: Tensor, places: Tensor, pooled: Tensor) -> Tensor:
        shares = scores.reshape(places.shape).log_softmax(1)
        return pooled.scatter(1, places, pooled.gather(1, places).logsumexp(1, keepdim=True) + shares)


def meta_inputs(pool: MetaPool, candidates: int, distance: Array, members: Mapping[str, Array]) -> tuple[Array, Array, Array]:
    """`Candidates` over arrays."""
    with torch.inference_mode():
        out = Candidates(pool, candidates)(torch.from_numpy(distance), *(torch.from_numpy(members[name]) for name in pool.members))
    return out[0].numpy(), out[1].numpy(), out[2].numpy()


def fit_meta(pool: MetaPool, distance: Array, members: Mapping[str, Array], labels: Array, config: MetaConfig, seed: int) -> lightgbm.Booster:
    """Trained on out-of-fold votes of rows with these labels."""
    features, places, _ = meta_inputs(pool, config.candidates, distance, members)
    settings = {
        "objective": "binary", "num_leaves": config.leaves, "learning_rate": config.learning_rate, "min_data_in_leaf": config.least_leaf,
        "feature_fraction": 0.7, "lambda_l2": 5.0, "seed": seed, "deterministic": True, "force_row_wise": True, "num_threads": 1, "verbosity": -1,
    }  # fmt: skip
    target = (places == labels[:, None]).ravel().astype(np.float32)
    return lightgbm.train(settings, lightgbm.Dataset(features, target), num_boost_round=config.rounds)


def meta_logits(model: lightgbm.Booster, pool: MetaPool, distance: Array, members: Mapping[str, Array], candidates: int) -> Array:
    """float32 (n, labels): log p of the meta-learner."""
    features, places, pooled = meta_inputs(pool, candidates, distance, members)
    scores = torch.from_numpy(np.asarray(model.predict(features, raw_score=True), np.float32)[:, None])
    with torch.inference_mode():
        return np.asarray(Rescored()(scores, torch.from_numpy(places), torch.from_numpy(pooled)).numpy())


def save_meta(model: lightgbm.Booster, folder: Path) -> None:
    model.save_model(str(folder / "meta.txt"))


def load_meta(folder: Path) -> lightgbm.Booster:
    return lightgbm.Booster(model_file=str(folder / "meta.txt"))
