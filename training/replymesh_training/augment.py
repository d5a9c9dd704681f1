"""Other ways to write the same message: what people type, and what the mesh's masking of personal data leaves of it. Pure."""

from __future__ import annotations

import re

import numpy as np

from replymesh_training.data import Row

MASKS = {"order_id": "{{ORDER_1}}", "invoice_id": "{{INVOICE_1}}", "person_name": "{{NAME_1}}"}
"""Which mask the mesh puts in place of which kind of entity."""

_GREETINGS = ("Hi, ", "Hello, ", "hey ", "Hi there! ", "Dear team, ", "Good morning, ", "{{NAME_1}} here. ", "Please help: ", "sorry, ")
_ENDINGS = (
    " Thanks!", " thank you", " please", " Thanks in advance.", " asap", " My name is {{NAME_1}}.", " Regards, {{NAME_1}}",
    " You can reach me at {{EMAIL_1}}.", " My phone is {{PHONE_1}}.", " My order number is {{ORDER_1}}.", " ({{ORDER_1}})", " !!!", " 😡", " 🙏",
)  # fmt: skip
_NAMES = ("Maria Lopez", "J. Chen", "Mrs. Okafor", "Tom Becker", "Aisha Khan", "Mr. Novak", "Dr. Rossi", "Priya Nair")


def _draw(rng: np.random.Generator, options: tuple[str, ...]) -> str:
    return options[int(rng.integers(len(options)))]


def realistic_value(kind: str, rng: np.random.Generator) -> str | None:
    """Another value of the entity's kind, as customers write it; None for kinds that stay as they are."""
    number = int(rng.integers(10_000, 100_000_000))
    if kind == "order_id":
        return _draw(rng, (f"{number}", f"#{number}", f"ORD-{number % 100_000}", f"{number % 1000:03d}-{number:07d}", f"A{number}"))
    if kind == "invoice_id":
        return _draw(rng, (f"#{number % 100_000}", f"INV-{number % 100_000}", f"{number}", f"2024-{number % 10_000:04d}"))
    if kind == "person_name":
        return _draw(rng, _NAMES)
    return None


def replace_entity(row: Row, rng: np.random.Generator) -> str:
    """The row's text with its entity masked (half of the time) or given another value; unchanged where there is nothing to replace."""
    if not row.entity_value or row.entity_value not in row.text:
        return row.text
    other = MASKS.get(row.entity_type) if rng.random() < 0.5 else realistic_value(row.entity_type, rng)
    return row.text if other is None else row.text.replace(row.entity_value, other)


def with_typo(text: str, rng: np.random.Generator) -> str:
    """One slip of the fingers inside a word of four letters or more: two letters swapped, one lost or one doubled. Masks stay whole."""
    words = [m for m in re.finditer(r"[A-Za-z]{4,}", text) if "{{" not in text[max(0, m.start() - 2) : m.start()]]
    if not words:
        return text
    word = words[int(rng.integers(len(words)))]
    at = int(rng.integers(word.start() + 1, word.end() - 1))
    a, b = text[at], text[at + 1]
    slip = (b + a, b, a + a + b)[int(rng.integers(3))]
    return text[:at] + slip + text[at + 2 :]


def restyle(text: str, rng: np.random.Generator) -> str:
    """Casing, punctuation, typos, greeting and ending as they come, each with its own chance; never an empty text."""
    if rng.random() < 0.25:
        text = with_typo(text, rng)
    if rng.random() < 0.3:
        text = re.sub(r"[?.!,']+", "", text) or text
    casing = rng.random()
    if casing < 0.3:
        text = "".join(part if part.startswith("{{") else part.lower() for part in re.split(r"(\{\{\w+\}\})", text))
    elif casing < 0.35:
        text = text.upper()
    elif casing < 0.6:
        text = text[:1].upper() + text[1:]
    if rng.random() < 0.25:
        text = _draw(rng, _GREETINGS) + text
    if rng.random() < 0.25:
        text += _draw(rng, _ENDINGS)
    return text


def variants(row: Row, count: int, rng: np.random.Generator) -> list[str]:
    """`count` texts: the row as it is, then with its entity replaced, then restyled over and over. ValueError below 1."""
    if count < 1:
        raise ValueError(f"count must be at least 1, it is {count}")
    texts = [row.text]
    while len(texts) < count:
        other = replace_entity(row, rng)
        texts.append(other if len(texts) == 1 and other != row.text else restyle(other, rng))
    return texts
