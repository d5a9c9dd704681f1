"""The second transformer: a small encoder of the RoBERTa family (Liu et al. 2019) with byte-level BPE, trained here from nothing.

It learns from the labels and from the tuned top's logits (Hinton et al. 2015), and errs differently from it: other tokens, other weights.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from torch import Tensor, nn

from replymesh_training.config import ByteConfig
from replymesh_training.finetune import FAST_BFLOAT16, schedule, without_some
from replymesh_training.minilm import EncoderConfig, Stack, mean_pool
from replymesh_training.tokens import batches_by_length, pad

BEGIN, PAD, END, UNKNOWN, MASK = "<s>", "<pad>", "</s>", "<unk>", "<mask>"
PAD_ID = 1
FIRST_POSITION = 2
"""RoBERTa counts positions from the padding id + 1."""


def train_tokenizer(texts: Sequence[str], vocabulary: int) -> Tokenizer:
    """Byte-level BPE with RoBERTa's special tokens in RoBERTa's order."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary, special_tokens=[BEGIN, PAD, END, UNKNOWN, MASK], initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.RobertaProcessing((END, 2), (BEGIN, 0), add_prefix_space=True)
    return tokenizer


class ByteEncoder(nn.Module):
    """byte_ids, byte_mask int64 (batch, tokens) → logits (batch, labels)."""

    def __init__(self, config: EncoderConfig, labels: int) -> None:
        super().__init__()
        self.word = nn.Embedding(config.vocabulary, config.width)
        self.position = nn.Parameter(torch.randn(config.positions, config.width) * 0.02)
        self.norm = nn.LayerNorm(config.width, eps=1e-5)
        self.stack = Stack(config, config.layers)
        self.head = nn.Linear(config.width, labels)
        nn.init.normal_(self.word.weight, std=0.02)

    def forward(self, byte_ids: Tensor, byte_mask: Tensor) -> Tensor:
        # Texts are padded on the right, so that the position of a token is its place, as in RoBERTa.
        places = self.position[FIRST_POSITION : FIRST_POSITION + byte_ids.shape[1]]
        logits: Tensor = self.head(mean_pool(self.stack(self.norm(self.word(byte_ids) + places), byte_mask), byte_mask))
        return logits


def encoder_config(config: ByteConfig, vocabulary: int, max_tokens: int) -> EncoderConfig:
    return EncoderConfig(vocabulary, max_tokens + FIRST_POSITION, config.width, config.heads, 4 * config.width, config.layers, lower_layers=config.layers - 1)


def logits_of(model: ByteEncoder, ids: Sequence[Sequence[int]]) -> np.ndarray:
    """float32 (n, labels)."""
    out = np.zeros((len(ids), model.head.out_features), np.float32)
    with torch.inference_mode():
        for rows in batches_by_length([len(row) for row in ids], 64):
            out[rows] = model(*(torch.from_numpy(a) for a in pad([ids[r] for r in rows], PAD_ID))).numpy()
    return out


def train_byte_encoder(
    ids: Sequence[Sequence[int]], labels: np.ndarray, teacher: np.ndarray, encoder: EncoderConfig, config: ByteConfig, seed: int,
    report: Callable[[str], None], start: Callable[[ByteEncoder], None] | None = None,
) -> ByteEncoder:  # fmt: skip
    """Trained on the labels (n,) and the teacher's logits (n, labels). start: fills in the weights of a checkpoint first."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    model = ByteEncoder(encoder, teacher.shape[1])
    if start is not None:
        start(model)
    optimizer = torch.optim.AdamW(model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)
    steps = config.epochs * math.ceil(len(ids) / config.batch_size)
    rates = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: schedule(step + 1, steps, max(1, round(steps * 0.1))))
    targets, soft = torch.from_numpy(labels), torch.from_numpy(teacher / config.teacher_temperature).softmax(1)
    lengths = np.array([len(row) for row in ids])
    for epoch in range(config.epochs):
        batches = list(batches_by_length((lengths + rng.random(len(lengths)) * 2).tolist(), config.batch_size))
        losses = []
        for place in rng.permutation(len(batches)):
            rows = batches[place]
            byte_ids, mask = (torch.from_numpy(a) for a in pad([ids[r] for r in rows], PAD_ID))
            with torch.autocast("cpu", torch.bfloat16, enabled=FAST_BFLOAT16):
                logits = model(byte_ids, without_some(mask, config.token_dropout))
            logits = logits.float()
            hard = nn.functional.cross_entropy(logits, targets[rows], label_smoothing=0.1)
            loss = hard + config.teacher_weight * nn.functional.cross_entropy(logits, soft[rows])
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            rates.step()
            losses.append(loss.item())
        if epoch + 1 == config.epochs or epoch % 5 == 4:
            report(f"byte encoder, epoch {epoch + 1} of {config.epochs}: loss {np.mean(losses):.4f}")
    return model.eval()


def save_byte_encoder(model: ByteEncoder, folder: Path) -> None:
    torch.save(model.state_dict(), folder / "byte.pt")


def load_byte_encoder(folder: Path, encoder: EncoderConfig, classes: int) -> ByteEncoder:
    model = ByteEncoder(encoder, classes)
    model.load_state_dict(torch.load(folder / "byte.pt", weights_only=True))
    return model.eval()
