"""The model card, from the manifest alone. Mitchell et al. 2019."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_KINDS = {
    "MODEL_KIND_DISTILBERT": "transformer encoder, own top layers",
    "MODEL_KIND_LOGISTIC_REGRESSION": "logistic regression on the embedding",
}


def _number(value: float) -> str:
    return f"{value:.0f}" if float(value).is_integer() and abs(value) > 1 else f"{value:.4f}"


def _space(space: Mapping[str, Any]) -> list[str]:
    lines = [f"## Label space `{space['name']}`", "", f"{len(space['labels'])} labels: {', '.join(f'`{label}`' for label in space['labels'])}.", ""]
    lines += ["| member | kind | temperature | weight in the pool |", "| --- | --- | --- | --- |"]
    for member in space["members"]:
        kind = _KINDS.get(member["kind"], member["kind"])
        lines.append(f"| `{member['name']}` | {kind} | {_number(member['temperature'])} | {_number(member.get('weight', 0))} |")
    lines.append("")
    if "monteCarlo" in space:
        mc = space["monteCarlo"]
        lines += [f"Monte Carlo dropout: {mc['samples']} samples, drop probability {mc['dropBelow'] / 256:.3f}, temperature {_number(mc['temperature'])}.", ""]
    if "outOfScope" in space:
        spec = space["outOfScope"]
        lines += [f"Out of scope: energy of `{spec['logitsTensor']}`, score from {_number(spec['threshold'])} on.", ""]
    if "conformal" in space:
        spec = space["conformal"]
        lines += [f"Prediction sets: asked coverage {spec['coverage']}, threshold {_number(spec['threshold'])}.", ""]
    lines += ["| figure | value |", "| --- | --- |"]
    lines += [f"| `{name}` | {_number(value)} |" for name, value in sorted(space["metrics"].items())]
    lines += ["", "| data | rows used | licence | attribution |", "| --- | --- | --- | --- |"]
    lines += [f"| {d['name']} | {d['rows']} | {d['license']} | {d.get('attribution', '')} |" for d in space["data"]]
    return [*lines, ""]


def model_card(manifest: Mapping[str, Any]) -> str:
    """Markdown; made from the manifest without its digests, so that the card can be one of the files they cover."""
    lines = [
        f"# {manifest['name']} {manifest['version']}",
        "",
        "Made from `manifest.json` by `replymesh_training`; every figure comes from there. `valid.*` and `natural.*` are figures on rows",
        "held out from training, `test.*` on rows that nothing was chosen on; entropies and likelihoods are in nats.",
        "",
        "## What it is for",
        "",
        "Telling apart what customers of a shop write in English, and saying how sure it is. Not for other languages, not for decisions",
        "about people. A message that fits none of the labels is out of scope; its score says so, the labels do not.",
        "",
        "## Encoder",
        "",
        f"`all-MiniLM-L6-v2` (Wang et al. 2020; sentence-transformers, Apache-2.0), {manifest['embeddingWidth']}-dimensional, at most "
        f"{manifest['tokenizer']['maxTokens']} tokens.",
        "The lower layers and the embedding are the original's; each space with own top layers was tuned on the lower layers' output.",
        "Weights have 8 bits; each token's activations have their own scale, so a text's answer does not depend on its batch.",
        "",
    ]
    for space in manifest["spaces"]:
        lines += _space(space)
    return "\n".join(lines).rstrip() + "\n"
