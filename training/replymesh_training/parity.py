"""Golden answers of the shipped bundle, for whoever computes the same in another language."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from replymesh_training.calibrate import Confidence, ScopeScore
from replymesh_training.ensemble import Pool
from replymesh_training.evaluate import Calibration, Scope, Votes
from replymesh_training.masks import dropout_masks, seed_of
from replymesh_training.metrics import monte_carlo_entropies
from replymesh_training.serve import Masking, Runner, Words, open_session
from replymesh_training.tokens import encode, load_tokenizer

TENANT = "training"


def read_texts(path: Path) -> list[str]:
    """A JSON list of {"text": …} or {"text": …, "times": n}; the text is repeated n times."""
    return [item["text"] * item.get("times", 1) for item in json.loads(path.read_text("utf-8"))]


def open_words(bundle: Path, manifest: Mapping[str, Any]) -> Words:
    """How the bundle's texts become inputs."""
    own, other = manifest["tokenizer"], manifest.get("byteTokenizer")
    plain = load_tokenizer(bundle / own["file"]), own["maxTokens"]
    return Words(*plain, load_tokenizer(bundle / other["file"]), other["maxTokens"]) if other else Words(*plain)


def open_runner(bundle: Path, manifest: Mapping[str, Any], space: Mapping[str, Any], batch_size: int = 1) -> Runner:
    """The bundle's trunk and one space's stages."""
    stages = [open_session(bundle / stage["file"]) for stage in [*manifest["trunk"], *space["stages"]]]
    masking = None
    if "monteCarlo" in space:
        mc = space["monteCarlo"]
        masking = Masking(mc["maskTensor"], mc["samples"], mc["width"], mc["dropBelow"])
    return Runner(open_words(bundle, manifest), stages, masking, batch_size)


def calibration_of(space: Mapping[str, Any]) -> Calibration:
    """What a manifest says of a space's calibration."""
    members = space["members"]
    temperatures = {m["name"]: m["temperature"] for m in members}
    pool = Pool(temperatures, {m["name"]: m["weight"] for m in members if m.get("weight", 0) > 0})
    mc, confidence, scope = space.get("monteCarlo"), space.get("confidence"), None
    if "outOfScope" in space:
        spec = space["outOfScope"]
        member = next(m["name"] for m in members if m["logitsTensor"] == spec["logitsTensor"])
        scope = Scope(member, ScopeScore(spec.get("location", 0.0), spec["scale"], spec["threshold"], spec.get("distanceWeight", 0.0)))
    weights = ("mutualInformation", "disagreement")
    sure = confidence and Confidence(confidence.get("bias", 0.0), confidence["slope"], *(confidence.get(key, 0.0) for key in weights))
    return Calibration(pool, {}, mc and mc["temperature"], space.get("conformal", {}).get("leastProbability"), sure, scope)


def votes_of(runner: Runner, space: Mapping[str, Any], texts: Sequence[str], labels: np.ndarray | None = None) -> Votes:
    """What a space's graphs say of texts."""
    wanted = {m["name"]: m["logitsTensor"] for m in space["members"]}
    mc, distance = space.get("monteCarlo"), space.get("outOfScope", {}).get("distanceTensor")
    tensors = runner.run(texts, [*wanted.values(), *([mc["logitsTensor"]] if mc else []), *([distance] if distance else [])])
    members = {name: tensors[tensor] for name, tensor in wanted.items()}
    unknown = np.full(len(texts), -1)
    return Votes(members, unknown if labels is None else labels, tensors[mc["logitsTensor"]] if mc else None, tensors[distance] if distance else None)


def _rounded(values: np.ndarray) -> list[float]:
    return [float(f"{value:.7g}") for value in values]


def space_answers(bundle: Path, manifest: Mapping[str, Any], space: Mapping[str, Any], texts: Sequence[str]) -> list[dict[str, Any]]:
    """For each text: pooled probabilities, confidence and, where the space has them, the entropies (nats) and the out-of-scope score."""
    votes, fitted = votes_of(open_runner(bundle, manifest, space), space, texts), calibration_of(space)
    answers: list[dict[str, Any]] = [{"probabilities": _rounded(row)} for row in fitted.pool.probabilities(votes.members)]
    for answer, sure in zip(answers, fitted.sureness(votes), strict=True):
        answer["confidence"] = _rounded(np.array([sure]))[0]
    if votes.samples is not None and fitted.monte_carlo_temperature is not None:
        for answer, *entropies in zip(answers, *monte_carlo_entropies(votes.samples, fitted.monte_carlo_temperature), strict=True):
            answer["predictiveEntropy"], answer["expectedEntropy"], answer["mutualInformation"] = _rounded(np.array(entropies))
    if fitted.scope is not None:
        for answer, score in zip(answers, fitted.scope.of(votes), strict=True):
            answer["outOfScopeScore"], answer["isOutOfScope"] = _rounded(np.array([score]))[0], bool(score >= fitted.scope.score.threshold)
    return answers


def parity(bundle: Path, manifest: Mapping[str, Any], digest: str, texts: Sequence[str]) -> dict[str, Any]:
    """Everything that another reader of the bundle must arrive at. digest: of the manifest, to tell which bundle this is."""
    ids = encode(load_tokenizer(bundle / manifest["tokenizer"]["file"]), texts, manifest["tokenizer"]["maxTokens"])
    cases: list[dict[str, Any]] = [{"text": text, "tokenIds": row, "spaces": {}} for text, row in zip(texts, ids, strict=True)]
    for space in manifest["spaces"]:
        if "monteCarlo" in space:
            for case in cases:
                mask = dropout_masks([seed_of(TENANT, case["text"], "")], 1, space["monteCarlo"]["width"], space["monteCarlo"]["dropBelow"])
                case["maskStart"] = mask[0, 0, :8].tolist()
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
