"""Messages with names in them, made by template: what the tagger of names learns from beside the annotated sentences."""

from __future__ import annotations

import json
import random
import re
from dataclasses import dataclass
from pathlib import Path

from faker import Faker

from replymesh_training.data import Row

KINDS = ("PERSON", "PLACE", "ORGANIZATION")
"""What is tagged: people, places with their addresses, and organisations."""

OF_TYPE = {"PERSON": "PERSON", "GPE": "PLACE", "STREET_ADDRESS": "PLACE", "ZIP_CODE": "PLACE", "ORGANIZATION": "ORGANIZATION"}
"""Kinds by the types of the annotated sentences."""

MASKED = {"EMAIL_ADDRESS": "EMAIL", "PHONE_NUMBER": "PHONE", "CREDIT_CARD": "CARD", "US_SSN": "SSN", "IBAN_CODE": "IBAN"}
"""Types that the mesh masks by their form before the tagger reads a text."""


@dataclass(frozen=True)
class Tagged:
    """A text with spans (start, end, kind) in code points, apart from each other, in order."""

    text: str
    spans: tuple[tuple[int, int, str], ...]


LOCALES = {
    8: ("en_US",), 3: ("en_GB", "en_IN", "en_AU"),
    1: (
        "de_DE", "fr_FR", "es_ES", "es_MX", "it_IT", "nl_NL", "pl_PL", "cs_CZ", "sk_SK", "hu_HU", "fi_FI", "sv_SE", "no_NO", "da_DK", "pt_BR", "pt_PT",
        "tr_TR", "ro_RO", "hr_HR", "sl_SI", "et_EE", "lt_LT", "is_IS", "ga_IE", "id_ID", "vi_VN", "en_NG", "yo_NG", "ha_NG", "zu_ZA", "sw", "az_AZ",
        "ru_RU", "el_GR", "ja_JP", "zh_CN",
    ),
}  # fmt: skip
"""Faker's locales by how often each is drawn."""

WORDS = Path(__file__).parents[1] / "data" / "names.json"
"""What messages are made of: `cities`, `firms`, `peoples` and `titles`; `carriers`, messages with slots; what is put `before` and `after` a message; and
`plain` ones, whose capitals name nobody. Slots: `{n}` a name as written, `{f}` a first and `{l}` a last name, `{t}` a title, `{p}` a place, `{a}` an address,
`{s}` a street, `{o}` an organisation; what names nobody: `{d}` a date, `{m}` an amount, `{q}` a number, `{x}` a language or a people, `{w}` some word."""


class Maker:
    """Draws messages with names; the same seed gives the same."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.fakers = {}
        for names in LOCALES.values():
            for name in names:
                self.fakers[name] = Faker(name)
                self.fakers[name].seed_instance(seed)
        self.weighted = [name for weight, names in LOCALES.items() for name in names for _ in range(weight)]
        self.words: dict[str, list[str]] = json.loads(WORDS.read_text("utf-8"))

    def fill(self, template: str, spans: list[tuple[int, int, str]], offset: int = 0) -> str:
        """The template with its slots filled; where they came to stand is added to `spans`."""
        text = ""
        at = 0
        for slot in re.finditer(r"\{([nfltpasodmqxw])\}", template):
            text += template[at : slot.start()]
            kind, value = self._value(slot[1])
            if kind:
                spans.append((offset + len(text), offset + len(text) + len(value), kind))
            text += value
            at = slot.end()
        return text + template[at:]

    def _value(self, slot: str) -> tuple[str, str]:
        draw = self.random
        fake = self.fakers[draw.choice(self.weighted)]
        if slot in "nfl":
            return "PERSON", self._name(fake, slot)
        if slot == "t":
            return "", draw.choice(self.words["titles"])
        if slot == "p":
            return "PLACE", draw.choice([draw.choice(self.words["cities"]), draw.choice(self.words["cities"]), fake.city(), self.fakers["en_US"].country()])
        if slot in "as":
            return "PLACE", self._address(fake, slot == "s")
        if slot in "dmqxw":
            return "", self._other(slot)
        own = [draw.choice(self.words["firms"]), fake.company(), self.fakers["en_US"].company()]
        return "ORGANIZATION", draw.choice(own)

    def _other(self, slot: str) -> str:
        """What names nobody."""
        draw, fake = self.random, self.fakers["en_US"]
        if slot == "d":
            written = ("%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y", "%B %d, %Y", "%d %b %Y", "%A", "%Y-%m-%d %H:%M:%S", "%b %d", "%B", "%d/%m", "%I:%M %p", "%Y")
            found: str = fake.date_time().strftime(draw.choice(written))
            return found
        if slot == "m":
            amount = draw.choice([draw.randint(1, 5000), round(draw.uniform(1, 900), 2)])
            return draw.choice(["${}", "{} USD", "{} EUR", "€{}", "£{}", "{} dollars", "{} euros", "{}"]).format(amount)
        if slot == "q":
            return str(draw.choice([draw.randint(1, 99), draw.randint(1, 9), draw.randint(100, 9999)]))
        if slot == "x":
            return draw.choice(self.words["peoples"])
        word: str = draw.choice([fake.word(), fake.job(), fake.word().title(), fake.bs(), fake.catch_phrase(), fake.job().title()])
        return word

    def _name(self, fake: Faker, slot: str) -> str:
        first, last = fake.first_name(), fake.last_name()
        style = self.random.random()
        if slot == "f" or (slot == "n" and style < 0.2):
            return first
        if slot == "l":
            return last
        if style < 0.7:
            return f"{first} {last}"
        if style < 0.8:
            return f"{first} {fake.random_uppercase_letter()}{self.random.choice(['.', ''])} {last}"
        if style < 0.86:
            return f"{first[0]}. {last}"
        if style < 0.9:
            return f"{last}, {first}"
        if style < 0.95:
            return f"{first} {last}-{fake.last_name()}"
        return f"{first} {fake.first_name()} {last}"

    def _address(self, fake: Faker, street: bool) -> str:
        draw = self.random
        road = fake.street_name() if draw.random() < 0.6 else self.fakers["en_US"].street_name()
        if street:
            return road
        number, city = str(draw.randint(1, 29999)), draw.choice([fake.city(), draw.choice(self.words["cities"])])
        parts = [draw.choice([f"{number} {road}", f"{road} {draw.randint(1, 300)}", fake.street_address().replace("\n", " ")])]
        if draw.random() < 0.4:
            parts.append(draw.choice(["Apt. {}", "Suite {}", "Unit {}", "Floor {}", "apt {}", "# {}"]).format(draw.randint(1, 999)))
        if draw.random() < 0.7:
            parts.append(draw.choice([f"{city}", f"{city} {fake.postcode()}", f"{fake.postcode()} {city}", f"{city}, {fake.postcode()}"]))
        if draw.random() < 0.3:
            parts.append(self.fakers["en_US"].country())
        return draw.choice([", ", ", ", "\n", " ", "\n    "]).join(parts)

    def plain(self) -> list[Tagged]:
        """Messages whose capitals name nobody."""
        return [Tagged(text, ()) for text in self.words["plain"]]

    def carried(self) -> Tagged:
        """A template by itself, or two in a row."""
        spans: list[tuple[int, int, str]] = []
        text = self.fill(self.random.choice(self.words["carriers"]), spans)
        if self.random.random() < 0.25:
            text += self.random.choice([". ", "\n", ", ", " "])
            text += self.fill(self.random.choice(self.words["carriers"]), spans, len(text))
        return self.restyled(Tagged(text, tuple(spans)))

    def around(self, row: Tagged) -> Tagged:
        """A message with somebody's name before or after it."""
        spans: list[tuple[int, int, str]] = []
        front = self.fill(self.random.choice(self.words["before"]), spans) if self.random.random() < 0.5 else ""
        spans += [(start + len(front), end + len(front), kind) for start, end, kind in row.spans]
        text = front + row.text
        if not front or self.random.random() < 0.2:
            text += self.fill(self.random.choice(self.words["after"]), spans, len(text))
        return self.restyled(Tagged(text, tuple(spans)))

    def restyled(self, row: Tagged) -> Tagged:
        """As people type: small letters only, capitals only, every word capital; only where no letter changes its length."""
        draw = self.random.random()
        changed = row.text.lower() if draw < 0.3 else row.text.upper() if draw < 0.34 else row.text.title() if draw < 0.37 else row.text
        return Tagged(changed, row.spans) if len(changed) == len(row.text) else row


def of_row(row: Row) -> Tagged:
    """A row of the intent sets; its people and places are marked where the set names them."""
    kind = {"person_name": "PERSON", "delivery_city": "PLACE", "delivery_country": "PLACE"}.get(row.entity_type)
    at = row.text.find(row.entity_value) if kind else -1
    return Tagged(row.text, () if kind is None or at < 0 else ((at, at + len(row.entity_value), kind),))


def read_annotated(path: Path) -> list[tuple[str, Tagged]]:
    """(template, sentence) of each annotated sentence. What the mesh masks by form is masked; types without a kind are left as they are."""
    found = []
    for line in path.read_text("utf-8").splitlines():
        row = json.loads(line)
        text, template, at = "", "", 0
        spans: list[tuple[int, int, str]] = []
        for span in sorted(row["spans"], key=lambda s: s["start"]):
            between = row["text"][at : span["start"]]
            text, template = text + between, template + between + f"<{span['type']}>"
            value = row["text"][span["start"] : span["end"]]
            if span["type"] in MASKED:
                value = f"{{{{{MASKED[span['type']]}_1}}}}"
            elif span["type"] in OF_TYPE:
                spans.append((len(text), len(text) + len(value), OF_TYPE[span["type"]]))
            text += value
            at = span["end"]
        rest = row["text"][at:]
        found.append((template + rest, Tagged(text + rest, tuple(spans))))
    return found
