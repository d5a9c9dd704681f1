"""The model card, from the manifest alone. Mitchell et al. 2019."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_KINDS = {
    "MODEL_KIND_DISTILBERT": "transformer, WordPiece (MiniLM), own top layers",
    "MODEL_KIND_ROBERTA": "transformer, byte-level BPE, trained here by distillation",
    "MODEL_KIND_RANDOM_FOREST": "random forest on discriminant axes and text features",
    "MODEL_KIND_XGBOOST": "gradient-boosted trees, XGBoost, on the same",
    "MODEL_KIND_LOGISTIC_REGRESSION": "logistic regression on embedding and n-grams",
    "MODEL_KIND_LIGHTGBM": "meta-learner, LightGBM, on out-of-fold votes",
}

_OWN = (
    "A space of a team's own rows on the shared trunk. Forests, byte-level encoder and meta-learner are left out: with few rows they\n"
    "learn too little to be heard.\n"
    "`held.*` are figures on rows that the members had not seen, by folds or held out; temperatures, weights and thresholds were fitted on these rows, too."
)


_NAMES = (
    "A small head on the shared lower layers says of each word whether it names a person, a place or an organisation, so that it can be masked.",
    "`recall`: spans whose every letter is masked; `precision`: masked spans that touch a true one; `f2` weighs recall twice (van Rijsbergen 1979).",
    "`test.*` are figures on annotated sentences of templates that no row it learned from is of.",
)


def _number(value: float) -> str:
    return f"{value:.0f}" if float(value).is_integer() and abs(value) > 1 else f"{value:.4f}"


def _ablation(space: Mapping[str, Any]) -> list[str]:
    """The ensemble without each member, or with one that was left out."""
    figures = space["metrics"]
    if f"test.without_{space['members'][0]['name']}.accuracy" not in figures:
        return []
    lines = ["| ensemble | valid accuracy | valid NLL | test accuracy | test NLL |", "| --- | --- | --- | --- | --- |"]

    def row(title: str, name: str) -> str:
        cells = [_number(figures[f"{split}{name}.{figure}"]) for split in ("valid", "test") for figure in ("accuracy", "nll")]
        return f"| {title} | {' | '.join(cells)} |"

    lines.append(row("as served", ""))
    for member in space["members"]:
        for word in ("without", "with"):
            if f"test.{word}_{member['name']}.accuracy" in figures:
                lines.append(row(f"{word} `{member['name']}`", f".{word}_{member['name']}"))
    return lines


def _space(space: Mapping[str, Any]) -> list[str]:
    lines = [f"## Label space `{space['name']}`", "", f"{len(space['labels'])} labels: {', '.join(f'`{label}`' for label in space['labels'])}.", ""]
    split = "test" if "test.accuracy" in space["metrics"] else "held"
    if "held.accuracy" in space["metrics"]:
        lines += [_OWN, ""]
    lines += [f"| member | kind | {split} accuracy alone | temperature | weight in the pool |", "| --- | --- | --- | --- | --- |"]
    for member in space["members"]:
        alone = _number(space["metrics"][f"{split}.{member['name']}.accuracy"])
        weight = _number(member["weight"]) if member.get("weight") else "off"
        lines.append(f"| `{member['name']}` | {_KINDS[member['kind']]} | {alone} | {_number(member['temperature'])} | {weight} |")
    gone = {key.split(".")[1]: value for key, value in space["metrics"].items() if key.startswith("left_out.")}
    for name, gain in gone.items():
        lines += ["", f"`{name}` is off: beside the others it saved {gain * 100:.2f} % of the held-out NLL, a member has to save 1 %."]
    lines += ["", *_ablation(space), ""]
    if "monteCarlo" in space:
        mc = space["monteCarlo"]
        lines += [f"Monte Carlo dropout: {mc['samples']} samples, drop probability {mc['dropBelow'] / 256:.3f}, temperature {_number(mc['temperature'])}.", ""]
    else:
        lines += ["No Monte Carlo dropout: nothing in it is stochastic.", ""]
    if "confidence" in space:
        spec = space["confidence"]
        parts = [f"{_number(spec.get(key, 0))} {key}" for key in ("bias", "slope", "mutualInformation", "disagreement")]
        lines += [f"Confidence: a mix that tells mistakes better than the plain probability on held-out rows ({', '.join(parts)}).", ""]
    if "outOfScope" in space:
        spec = space["outOfScope"]
        distance = f" and {_number(spec['distanceWeight'])} × the distance to the nearest training rows" if "distanceTensor" in spec else ""
        lines += [f"Out of scope: energy of `{spec['logitsTensor']}`{distance}, score from {_number(spec['threshold'])} on.", ""]
    if "conformal" in space:
        spec = space["conformal"]
        kind = "labels from probability" if "leastProbability" in spec else "labels by falling probability until their sum is"
        lines += [f"Prediction sets: asked coverage {spec['coverage']}, {kind} {_number(spec.get('leastProbability', spec.get('threshold', 0)))} on.", ""]
    if "reference" in space:
        spec = space["reference"]
        rows, outside = int(spec["rows"]), int(spec.get("outOfScope", 0))
        lines += [f"Reference for drift: {rows} held-out rows as served, {outside / rows * 100:.1f} % of them called out of scope.", ""]
    shown = {key: value for key, value in space["metrics"].items() if ".with" not in key and not key.startswith("left_out.")}
    lines += ["| figure | value |", "| --- | --- |"]
    lines += [f"| `{name}` | {_number(value)} |" for name, value in sorted(shown.items())]
    return [*lines, "", *_data(space["data"]), ""]


def _names(tagger: Mapping[str, Any]) -> list[str]:
    lines = ["## Names", "", *_NAMES, ""]
    lines += ["| figure | value |", "| --- | --- |"]
    lines += [f"| `{name}` | {_number(value)} |" for name, value in sorted(tagger["metrics"].items())]
    return [*lines, "", *_data(tagger["data"]), ""]


def _data(entries: Sequence[Mapping[str, Any]]) -> list[str]:
    lines = ["| data | rows used | licence | attribution |", "| --- | --- | --- | --- |"]
    return lines + [f"| {d['name']} | {d['rows']} | {d['license']} | {d.get('attribution', '')} |" for d in entries]


def model_card(manifest: Mapping[str, Any]) -> str:
    """Markdown; made from the manifest without its digests, so that the card can be one of the files they cover."""
    lines = [
        f"# {manifest['name']} {manifest['version']}",
        "",
        "Made from `manifest.json` by `replymesh_training`; every figure comes from there. `valid.*` and `natural.*` are figures on rows",
        "held out from training, as are `held.*`; `test.*` on rows that nothing was chosen on; entropies and likelihoods are in nats.",
        "",
        "## What it is for",
        "",
        "Telling apart what customers write in English, and saying how sure it is. Not for other languages, not for decisions",
        "about people. A message that fits none of the labels is out of scope; its score says so, the labels do not.",
        "",
        "## Encoder",
        "",
        f"`all-MiniLM-L6-v2` (Wang et al. 2020; sentence-transformers, Apache-2.0), {manifest['embeddingWidth']}-dimensional, at most "
        f"{manifest['tokenizer']['maxTokens']} tokens.",
        "The lower layers and the embedding are the original's; each space's top layers were tuned on the lower layers' output.",
        "Weights have 8 bits; each token's activations have their own scale, so a text's answer does not depend on its batch.",
        "",
    ]
    for space in manifest["spaces"]:
        lines += _space(space)
    if "names" in manifest:
        lines += _names(manifest["names"])
    return "\n".join(lines).rstrip() + "\n"
