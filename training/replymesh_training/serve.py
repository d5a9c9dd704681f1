"""Running a bundle's graphs with onnxruntime, as serving does: what is calibrated and reported is what is shipped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime as ort
from tokenizers import Tokenizer

from replymesh_training.byte_encoder import PAD_ID
from replymesh_training.features import features_of
from replymesh_training.masks import training_masks
from replymesh_training.tokens import batches_by_length, encode, pad

Tensors = dict[str, np.ndarray]

TRUNK_INPUTS = ("input_ids", "attention_mask")
TEXT_INPUTS = ("byte_ids", "byte_mask", "ngrams", "ngram_counts", "text_features")
"""What a stage may read that no stage makes, the dropout mask aside."""


def open_session(path: Path, threads: int = 2) -> ort.InferenceSession:
    """A session on the CPU."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


@dataclass(frozen=True)
class Masking:
    """How a space's dropout mask is drawn."""

    tensor: str
    samples: int
    width: int
    drop_below: int


@dataclass(frozen=True)
class Words:
    """How texts become the inputs of graphs."""

    tokenizer: Tokenizer
    max_tokens: int
    byte_tokenizer: Tokenizer | None = None
    byte_max_tokens: int = 0

    def inputs(self, texts: Sequence[str], ids: Sequence[Sequence[int]]) -> Tensors:
        """All inputs of these texts; ids: their tokens."""
        input_ids, attention_mask = pad(ids)
        features = features_of(texts)
        tensors = {"input_ids": input_ids, "attention_mask": attention_mask}
        tensors |= {"ngrams": features.buckets, "ngram_counts": features.counts, "text_features": features.values}
        if self.byte_tokenizer is not None:
            tensors["byte_ids"], tensors["byte_mask"] = pad(encode(self.byte_tokenizer, texts, self.byte_max_tokens), PAD_ID)
        return tensors


@dataclass(frozen=True)
class Runner:
    """Stages over texts, in their order."""

    words: Words
    stages: Sequence[ort.InferenceSession]
    masking: Masking | None = None
    batch_size: int = 32

    def run(self, texts: Sequence[str], wanted: Sequence[str]) -> Tensors:
        """The wanted tensors, rows in the order of the texts."""
        ids = encode(self.words.tokenizer, texts, self.words.max_tokens)
        parts: dict[str, list[np.ndarray]] = {name: [] for name in wanted}
        order: list[np.ndarray] = []
        for rows in batches_by_length([len(i) for i in ids], self.batch_size):
            tensors = self._batch([texts[r] for r in rows], [ids[r] for r in rows])
            order.append(rows)
            for name in wanted:
                parts[name].append(tensors[name])
        back = np.argsort(np.concatenate(order))
        return {name: np.concatenate(values)[back] for name, values in parts.items()}

    def _batch(self, texts: Sequence[str], ids: Sequence[Sequence[int]]) -> Tensors:
        tensors = self.words.inputs(texts, ids)
        if self.masking is not None:
            m = self.masking
            tensors[m.tensor] = training_masks(list(texts), m.samples, m.width, m.drop_below)
        for stage in self.stages:
            names = [o.name for o in stage.get_outputs()]
            tensors |= zip(names, stage.run(names, {i.name: tensors[i.name] for i in stage.get_inputs()}), strict=True)
        return tensors
