"""What Python answers: the pooled probabilities of every space of a bundle, for a JSON list of texts. Run by bench/pythonParity.ts."""

import json
import sys
from pathlib import Path

import onnxruntime

from replymesh_training.parity import calibration_of, open_runner, votes_of

TOGETHER = 32  # texts of about one length; no answer depends on the others


def main() -> None:
    onnxruntime.set_default_logger_severity(3)  # warnings of unused constants say nothing of the answers
    bundle, texts = Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text("utf-8"))
    manifest = json.loads((bundle / "manifest.json").read_text("utf-8"))
    answers = {}
    for space in manifest["spaces"]:
        print(f"Python: {len(texts)} texts in {space['name']}", file=sys.stderr, flush=True)
        votes = votes_of(open_runner(bundle, manifest, space, TOGETHER), space, texts)
        answers[space["name"]] = {"labels": space["labels"], "rows": calibration_of(space).pool.probabilities(votes.members).tolist()}
    json.dump(answers, sys.stdout)


main()
