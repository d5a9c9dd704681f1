"""The tagger of names: a small head on the shared lower layers that says of each word whether it names a person, a place or an organisation."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
import onnxruntime
import torch
from torch import Tensor, nn

from replymesh_training.export import to_onnx
from replymesh_training.names_text import KINDS, Tagged
from replymesh_training.tokens import batches_by_length
from replymesh_training.words import SHAPE_IDS, Word, pieces_of, words_of
from tokenizers import Tokenizer

CLASSES = 1 + len(KINDS)
"""Class 0 names nobody."""

CLS, SEP = "[CLS]", "[SEP]"


@dataclass(frozen=True)
class NamesConfig:
    """How the tagger is made."""

    width: int = 128
    reach: int = 1  # words on both sides that one convolution reads
    layers: int = 3
    dropout: float = 0.3
    hidden_dropout: float = 0.2
    epochs: int = 12
    batch: int = 64
    learning_rate: float = 2e-3
    weight_decay: float = 0.01
    shape_dropout: float = 0.05
    seed: int = 0


class Tagger(nn.Module):
    """hidden (batch, tokens, encoder width), attention mask and shape ids (batch, tokens) → logits (batch, tokens, classes)."""

    def __init__(self, encoder_width: int, config: NamesConfig) -> None:
        super().__init__()
        self.seen = nn.Linear(encoder_width, config.width)
        self.shape = nn.Embedding(SHAPE_IDS, config.width)
        self.norm = nn.LayerNorm(config.width)
        reach = config.reach
        self.mixed = nn.ModuleList(nn.Conv1d(config.width, config.width, 2 * reach + 1, padding=reach) for _ in range(config.layers))
        self.norms = nn.ModuleList(nn.LayerNorm(config.width) for _ in range(config.layers))
        self.hidden_dropout = nn.Dropout(config.hidden_dropout)
        self.dropout = nn.Dropout(config.dropout)
        self.out = nn.Linear(config.width, CLASSES)

    def forward(self, hidden: Tensor, attention_mask: Tensor, word_shapes: Tensor) -> Tensor:
        real = attention_mask.to(hidden.dtype)[:, :, None]
        state = self.norm(self.seen(self.hidden_dropout(hidden)) + self.shape(word_shapes))
        for conv, norm in zip(self.mixed, self.norms, strict=True):
            turned = conv((state * real).transpose(1, 2)).transpose(1, 2)
            state = norm(state + self.dropout(nn.functional.gelu(turned)))
        logits: Tensor = self.out(self.dropout(state))
        return logits


@dataclass(frozen=True)
class Read:
    """A text as the tagger reads it: token ids with the special ones, shape ids, each token's word (−1 for special ones), and the words."""

    ids: list[int]
    shapes: list[int]
    places: list[int]
    words: Sequence[Word]


def read(tokenizer: Tokenizer, text: str, max_tokens: int) -> Read:
    """The first `max_tokens` of a text; serving reads longer ones in parts."""
    words = words_of(text)
    pieces = pieces_of(tokenizer, text, words)
    most = max_tokens - 2
    first, last = tokenizer.token_to_id(CLS), tokenizer.token_to_id(SEP)
    ids, shapes, places = (list(part[:most]) for part in (pieces.ids, pieces.shapes, pieces.words))
    return Read([first, *ids, last], [0, *shapes, 0], [-1, *places, -1], words)


def targets(row: Tagged, seen: Read) -> list[int]:
    """Class of each token; −100 where nothing is asked: of special tokens and of what goes on with a word."""
    classes = []
    for at, place in enumerate(seen.places):
        if place < 0 or place == seen.places[at - 1]:
            classes.append(-100)
            continue
        word = seen.words[place]
        kind = next((k for start, end, k in row.spans if start < word.end and word.start < end), None)
        classes.append(0 if kind is None else 1 + KINDS.index(kind))
    return classes


def spans_of(text: str, seen: Read, chosen: Sequence[int]) -> list[tuple[int, int, str]]:
    """Words of one kind that stand next to each other become one span. chosen: the class of each token."""
    found: list[tuple[int, int, str]] = []
    last = -2
    for at, place in enumerate(seen.places):
        if place < 0 or place == seen.places[at - 1]:
            continue
        if chosen[at]:
            word, kind = seen.words[place], KINDS[chosen[at] - 1]
            if found and found[-1][2] == kind and last == place - 1:
                found[-1] = (found[-1][0], word.end, kind)
            else:
                found.append((word.start, word.end, kind))
            last = place
    return found


def held_out(template: str) -> bool:
    """Whether a template's sentences are for judging alone: half of the templates, told by their letters."""
    return hashlib.sha256(template.lower().encode()).digest()[0] % 2 == 1


def hidden_of(trunk: onnxruntime.InferenceSession, rows: Sequence[Read], batch: int = 64) -> list[np.ndarray]:
    """float16 (tokens, width) of each row, as the served trunk gives them."""
    out: list[np.ndarray | None] = [None] * len(rows)
    for indices in batches_by_length([len(r.ids) for r in rows], batch):
        longest = max(len(rows[i].ids) for i in indices)
        ids, mask = np.zeros((2, len(indices), longest), np.int64)
        for n, i in enumerate(indices):
            ids[n, : len(rows[i].ids)] = rows[i].ids
            mask[n, : len(rows[i].ids)] = 1
        (hidden,) = trunk.run(["hidden"], {"input_ids": ids, "attention_mask": mask})
        for n, i in enumerate(indices):
            out[i] = hidden[n, : len(rows[i].ids)].astype(np.float16)
    return [o for o in out if o is not None]


def _batch(rows: Sequence[Read], hidden: Sequence[np.ndarray], indices: Sequence[int]) -> tuple[Tensor, Tensor, Tensor]:
    longest = max(len(rows[i].ids) for i in indices)
    states = torch.zeros(len(indices), longest, hidden[0].shape[1])
    mask = torch.zeros(len(indices), longest, dtype=torch.int64)
    shapes = torch.zeros(len(indices), longest, dtype=torch.int64)
    for n, i in enumerate(indices):
        length = len(rows[i].ids)
        states[n, :length] = torch.from_numpy(hidden[i].astype(np.float32))
        mask[n, :length] = 1
        shapes[n, :length] = torch.tensor(rows[i].shapes)
    return states, mask, shapes


def fit(rows: Sequence[Read], hidden: Sequence[np.ndarray], wanted: Sequence[Sequence[int]], weights: np.ndarray, config: NamesConfig,
        report: Callable[[str], None]) -> Tagger:  # fmt: skip
    """A tagger of these rows."""
    torch.manual_seed(config.seed)
    rng = np.random.default_rng(config.seed)
    tagger = Tagger(hidden[0].shape[1], config)
    decayed = [p for p in tagger.parameters() if p.ndim > 1]
    plain = [p for p in tagger.parameters() if p.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": config.weight_decay}, {"params": plain, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=config.learning_rate)
    steps = config.epochs * -(-len(rows) // config.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, config.learning_rate, total_steps=steps + 10, pct_start=0.1)
    for epoch in range(config.epochs):
        groups_of = list(batches_by_length([len(r.ids) + rng.integers(3) for r in rows], config.batch))
        rng.shuffle(groups_of)
        total = 0.0
        for indices in groups_of:
            states, mask, shapes = _batch(rows, hidden, indices)
            blind = torch.rand(len(indices), 1) < config.shape_dropout
            logits = tagger(states, mask, torch.where(blind, torch.zeros_like(shapes), shapes))
            aim = torch.full(mask.shape, -100)
            for n, i in enumerate(indices):
                aim[n, : len(wanted[i])] = torch.tensor(wanted[i])
            losses = nn.functional.cross_entropy(logits.flatten(0, 1), aim.flatten(), ignore_index=-100, label_smoothing=0.02, reduction="none").view_as(aim)
            scale = torch.tensor(weights[indices], dtype=torch.float32)[:, None]
            loss = (losses * scale).sum() / ((aim >= 0) * scale).sum()
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(tagger.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            total += float(loss)
        report(f"names: epoch {epoch + 1} of {config.epochs}, loss {total / len(groups_of):.4f}")
    return tagger.eval()


@torch.no_grad()
def scores(tagger: Tagger, rows: Sequence[Read], hidden: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Log-probabilities (tokens, classes) of each row."""
    out: list[np.ndarray] = [np.empty(0)] * len(rows)
    for indices in batches_by_length([len(r.ids) for r in rows], 64):
        logits = tagger(*_batch(rows, hidden, indices)).log_softmax(-1).numpy()
        for n, i in enumerate(indices):
            out[i] = logits[n, : len(rows[i].ids)]
    return out


def graph(tagger: Tagger) -> onnx.ModelProto:
    """hidden, attention_mask, word_shapes → names.logits."""
    width = tagger.seen.in_features
    example = {
        "hidden": torch.randn(2, 9, width), "attention_mask": torch.ones(2, 9, dtype=torch.int64), "word_shapes": torch.ones(2, 9, dtype=torch.int64),
    }  # fmt: skip
    return to_onnx(tagger, example, ["names.logits"], {name: {0: "batch", 1: "tokens"} for name in example})
