"""Golden words: what the tagger of names reads of some texts, which serving is held to. Run it to write training/data/words-golden.json anew."""

from __future__ import annotations

import json
from pathlib import Path

from replymesh_training.words import shape_id, words_of

FILE = Path(__file__).parents[1] / "data" / "words-golden.json"

TEXTS = (
    "", " ", "Hello", "my name is Ada Lovelace", "ADA LOVELACE", "O'Brien's order", "J. R. R. Tolkien", "Jean-Luc  Picard,\tcaptain", "Dear Ms. Okafor,\n\nthanks\n- Tom",
    "line\r\nline", "paragraph\u2029Next", "Müller-Lüdenscheidt", "cafe\u0301 Zoe\u0308", "Szöllösy Krisztián", "Анна Каренина", "Ἀθῆναι", "東京 太郎", "김민수", "محمد علي",
    "नरेन्द्र मोदी", "ORDER {{ORDER_1}} of {{EMAIL_1}}", "#A-1234 1.234,56 € 50%", "x1 12 3rd MI6", "McDonald iPhone eBay", "a\u00a0b\u2003c\u3000d\ufeffe", "😀 Tom👍🏽", "ǅ ǆ ß İ ı",
    "no.space,after;sign", "…", "\u200bzero\u200dwidth", "tab\vform\ffeed", "1st\n2nd\n\n3rd", "ⅷ ½ ²", "_under_score_",
)  # fmt: skip


def golden() -> dict[str, object]:
    """Each text with its words and the shape ids of their first pieces."""
    cases = []
    for text in TEXTS:
        words = [[text[w.start : w.end], shape_id(text[w.start : w.end], w.before, False)] for w in words_of(text)]
        cases.append({"text": text, "words": words})
    return {"about": "Words and shape ids of texts, by replymesh_training.words_golden", "cases": cases}


if __name__ == "__main__":
    FILE.write_text(json.dumps(golden(), ensure_ascii=True, indent=1) + "\n", "utf-8")
