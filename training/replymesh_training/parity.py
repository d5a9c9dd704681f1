"""Golden answers of the shipped bundle, for whoever computes the same in another language."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from replymesh_training.calibrate import EnergyScore, pool
from replymesh_training.masks import dropout_mask, seed_of
from replymesh_training.metrics import energy, monte_carlo_entropies
from replymesh_training.serve import Masking, Runner, open_session
from replymesh_training.tokens import encode, load_tokenizer

TENANT = "training"


def read_texts(path: Path) -> list[str]:
    """A JSON list of {"text": …} or {"text": …, "times": n}; the text is repeated n times."""
    return [item["text"] * item.get("times", 1) for item in json.loads(path.read_text("utf-8"))]


def open_runner(bundle: Path, manifest: Mapping[str, Any], space: Mapping[str, Any]) -> Runner:
    """The bundle's trunk and one space's stages, one text at a time."""
    stages = [open_session(bundle / stage["file"]) for stage in [*manifest["trunk"], *space["stages"]]]
    masking = None
    if "monteCarlo" in space:
        mc = space["monteCarlo"]
        masking = Masking(mc["maskTensor"], mc["samples"], mc["width"], mc["dropBelow"])
    tokenizer = load_tokenizer(bundle / manifest["tokenizer"]["file"])
    return Runner(tokenizer, manifest["tokenizer"]["maxTokens"], stages, masking, batch_size=1)


def _rounded(values: np.ndarray) -> list[float]:
    return [float(f"{value:.7g}") for value in values]


def space_answers(bundle: Path, manifest: Mapping[str, Any], space: Mapping[str, Any], texts: Sequence[str]) -> list[dict[str, Any]]:
    """For each text: pooled probabilities and, where the space has them, the entropies (nats) and the out-of-scope score."""
    members = space["members"]
    wanted = [member["logitsTensor"] for member in members]
    mc, scope = space.get("monteCarlo"), space.get("outOfScope")
    tensors = open_runner(bundle, manifest, space).run(texts, [*wanted, *([mc["logitsTensor"]] if mc else [])])
    pooled = pool([tensors[name] for name in wanted], [m["temperature"] for m in members], [m.get("weight", 0.0) for m in members])
    answers: list[dict[str, Any]] = [{"probabilities": _rounded(row)} for row in pooled]
    if mc:
        predictive, expected, mutual = monte_carlo_entropies(tensors[mc["logitsTensor"]], mc["temperature"])
        for answer, p, e, m in zip(answers, predictive, expected, mutual, strict=True):
            answer["predictiveEntropy"], answer["expectedEntropy"], answer["mutualInformation"] = _rounded(np.array([p, e, m]))
    if scope:
        energies = energy(tensors[scope["logitsTensor"]].astype(np.float64))
        scores = EnergyScore(scope.get("location", 0.0), scope["scale"], scope["threshold"]).score(energies)
        for answer, e, s in zip(answers, energies, scores, strict=True):
            answer["energy"], answer["outOfScopeScore"] = _rounded(np.array([e, s]))
            answer["isOutOfScope"] = bool(s >= scope["threshold"])
    return answers


def parity(bundle: Path, manifest: Mapping[str, Any], digest: str, texts: Sequence[str]) -> dict[str, Any]:
    """Everything that another reader of the bundle must arrive at. digest: of the manifest, to tell which bundle this is."""
    ids = encode(load_tokenizer(bundle / manifest["tokenizer"]["file"]), texts, manifest["tokenizer"]["maxTokens"])
    cases: list[dict[str, Any]] = [{"text": text, "tokenIds": row, "spaces": {}} for text, row in zip(texts, ids, strict=True)]
    for space in manifest["spaces"]:
        if "monteCarlo" in space:
            for case in cases:
                mask = dropout_mask(seed_of(TENANT, case["text"], ""), 1, space["monteCarlo"]["width"], space["monteCarlo"]["dropBelow"])
                case["maskStart"] = mask[0, :8].tolist()
        for case, answer in zip(cases, space_answers(bundle, manifest, space, texts), strict=True):
            case["spaces"][space["name"]] = answer
    return {
        "about": "Answers of the bundle below as Python computes them, one text at a time. Made by replymesh_training; entropies in nats.",
        "bundleDigest": digest,
        "tenant": TENANT,
        "maskDigest": "",
        "labels": {space["name"]: space["labels"] for space in manifest["spaces"]},
        "cases": cases,
    }


def write(path: Path, content: Mapping[str, Any]) -> None:
    """One case a line, so that a change shows which one it is."""
    head = {key: value for key, value in content.items() if key != "cases"}
    lines = ",\n".join(json.dumps(case, ensure_ascii=False, separators=(",", ":")) for case in content["cases"])
    path.write_text(json.dumps(head, ensure_ascii=False)[:-1] + ', "cases": [\n' + lines + "\n]}\n", "utf-8")
