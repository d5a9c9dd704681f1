"""Messages with names in them, made by template: what the tagger of names learns from beside the annotated sentences."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from faker import Faker

from replymesh_training.data import Row

KINDS = ("NAME", "PLACE", "ORGANIZATION")
"""What is tagged: people, places with their addresses, and organisations."""

OF_TYPE = {"PERSON": "NAME", "GPE": "PLACE", "STREET_ADDRESS": "PLACE", "ZIP_CODE": "PLACE", "ORGANIZATION": "ORGANIZATION"}
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

CITIES = (
    "London,Paris,Berlin,Madrid,Rome,Vienna,Lisbon,Dublin,Athens,Warsaw,Prague,Budapest,Stockholm,Oslo,Copenhagen,Helsinki,Brussels,Amsterdam,Munich,Hamburg,"
    "Frankfurt,Cologne,Milan,Naples,Turin,Barcelona,Valencia,Seville,Lyon,Marseille,Nice,Zurich,Geneva,Manchester,Liverpool,Leeds,Glasgow,Edinburgh,Cardiff,"
    "Belfast,Bristol,New York,Los Angeles,Chicago,Houston,Phoenix,Philadelphia,San Antonio,San Diego,Dallas,San Jose,Austin,San Francisco,Seattle,Denver,"
    "Boston,Detroit,Nashville,Memphis,Portland,Las Vegas,Baltimore,Atlanta,Miami,Oakland,Minneapolis,Cleveland,New Orleans,Tampa,Pittsburgh,Toronto,Montreal,"
    "Vancouver,Ottawa,Calgary,Mexico City,Guadalajara,Bogota,Lima,Santiago,Buenos Aires,Sao Paulo,Rio de Janeiro,Brasilia,Cairo,Lagos,Nairobi,Accra,"
    "Johannesburg,Cape Town,Casablanca,Tunis,Istanbul,Ankara,Dubai,Abu Dhabi,Doha,Riyadh,Tel Aviv,Jerusalem,Tehran,Baghdad,Karachi,Lahore,Mumbai,Delhi,"
    "Bangalore,Chennai,Kolkata,Hyderabad,Dhaka,Colombo,Kathmandu,Bangkok,Hanoi,Ho Chi Minh City,Jakarta,Manila,Kuala Lumpur,Singapore,Hong Kong,Shanghai,"
    "Beijing,Shenzhen,Taipei,Seoul,Busan,Tokyo,Osaka,Kyoto,Sydney,Melbourne,Brisbane,Perth,Auckland,Wellington,USA,UK,U.S.,the Netherlands,England,Scotland,"
    "Wales,Texas,California,Florida,Ohio,Nevada,Bavaria,Catalonia,Brooklyn,Queens,Soho,Kenosha,Reykjavik,Kyiv,Moscow,Bucharest,Sofia,Zagreb,Belgrade"
).split(",")
FIRMS = (
    "Acme,Globex,Initech,Northwind,Contoso,Umbrella Corp,Stark Industries,Wayne Enterprises,Credit Karma,Deloitte,Siemens,Bosch,Lufthansa,Deutsche Bahn,"
    "Vodafone,Unilever,Nestle,Barclays,HSBC,Lloyds,Nationwide,Wells Fargo,Bank of America,Chase,Citibank,Santander,Commerzbank,ING,Revolut,Monzo,Costco,"
    "Walmart,Target,Best Buy,Home Depot,Tesco,Aldi,Lidl,Ikea,Zara,Nike,Adidas,Samsung,Sony,Toyota,Ford,Boeing,Airbus,FedEx,Hermes,Greenpeace,Oxfam,"
    "Red Cross,Unicef,Harvard,Stanford University,University of Oslo,Oxford University,St. Mary's Hospital,Mayo Clinic,Berlin Philharmonic,Royal Opera House,"
    "Propublica,Reuters,New York Times,The Guardian,BBC,CNN,NASA,Interpol,World Bank,United Nations,Microsoft,Oracle,Intel,Spotify,Netflix,Uber,Airbnb"
).split(",")
PEOPLES = (
    "English,German,French,Spanish,Italian,Dutch,Polish,Czech,Hungarian,Finnish,Swedish,Norwegian,Danish,Portuguese,Turkish,Romanian,Croatian,Slovenian,Estonian,"
    "Icelandic,Irish,Indonesian,Vietnamese,Russian,Greek,Japanese,Chinese,Korean,Arabic,Hindi,Mandarin,American,British,Canadian,Mexican,Indian,Cambodian,African"
).split(",")
TITLES = ("Mr.", "Mrs.", "Ms.", "Miss", "Dr.", "Prof.", "Mr", "Mrs", "Ms", "Dr", "Sir", "Herr", "Frau")

CARRIERS = """
My name is {n}|I am {n}|I'm {n}|This is {n}|this is {f} speaking|{n} here|My name's {f}|Hi, {f} here.|it's {f}|Hello, my name is {n} and I need help|You are talking to {n}
name: {n}|Name: {n}\nAddress: {a}|Full name: {n}|first name: {f}|Last name {l}|surname is {l}|My last name is {l}|my first name is {f}
Customer: {f}|Account holder: {n}|account holder is {n}|The account is under {n}|It should be under the name of {n}|registered to {n}|in the name of {n}|the card is in {n}'s name
The name on the card is {n}|name on the account: {n}|cardholder {n}|My name is misspelled, it should be {n}|please change the name to {n}|it says {n} but I am {n}
I spoke to {f} yesterday|I talked with {n} from your team|your colleague {f} told me to write|can I speak to {f}?|{f} promised me a refund|I was helped by {n}|Agent {f} hung up on me
Is {f} in today?|please forward this to {n}|Please ask {f} to call me back|I want to talk to {t} {l}|{t} {l} said it was fine|who is {n}?|I have an appointment with {t} {l}|Thanks {f}!
Dear {f},|Hi {f},|Hello {t} {l},|Hey {f}|Dear {t} {n},|Good morning {f}!|Thank you, {n}|Regards, {n}|Best, {f}|Kind regards,\n{n}|Sincerely,\n{n}|Cheers, {f}|Yours, {f} {l}|- {f}|Love, {f}
my husband {f} ordered it|my wife {f} is the holder|My son {f} lost his card|my daughter {f} broke it|my mother {n} died last week|{f} and {f} share the account|my friend {f} sent me money
I sent money to {n} by mistake|I transferred 200 to {n}|the payment went to {n}|the transfer to {n} has not arrived|Payment from {n} is missing|I lent {f} 50 dollars|{n} owes me money
check my bill from {t} {l}|see the invoice from {n}|I need the bill of {t} {l}|send me the invoice of {n}|I need to see invoices from {t} {l}|find the receipt for {n}|get invoice from {n}
{n} is the new owner|I authorise {n} to act for me|please add {n} as a user|remove {n} from my account|{n} and I want a joint account|the driver {f} was rude|The courier, {f}, left it outside
{n} lives at {a}|I moved, my new address is {a}|Ship it to {a}|please deliver to {a}|my address is {a}|Send it to {n}, {a}|the parcel went to {a} instead|billing address: {a}|{n}\n{a}
change my address to {a}|Where do I update my address to {a}?|I live at {a}|The office is at {a}|We are located at {a}|{o}\n{a}|pick it up at {a}|at the corner of {s} and {s}|I live on {s}
I live in {p}|I am from {p}|I'm in {p} now|I moved to {p}|do you ship to {p}?|do you deliver to {p}|can I order from {p}?|is there a store in {p}?|I am travelling to {p}
I am flying from {p} to {p}|my flight to {p} was cancelled|the parcel is stuck in {p}|It was sent from {p}|I will be in {p} next week|I was born in {p}|Are your cards accepted in {p}?|the {p} store
My card was stolen in {p}|somebody used my card in {p}|I can't withdraw cash in {p}|What are the fees in {p}?|the weather in {p}|hotels in {p}|I'm visiting {p} and {p}|my family in {p}|{p} is lovely
I work at {o}|I work for {o}|I am writing for {o}|we at {o} need an invoice|{o} is our company|invoice to {o}|I got a job at {o}|I bought it at {o}|{o} charged me twice|my employer is {o}
{o} says you have the parcel|the transfer from {o}|I have an account at {o}|{o} sent me here|my contract with {o}|Company: {o}|{n}, {o}|{n} from {o}|{n} of {o} called|the {o} office in {p}
{o} was founded in 1998|{n} is the manager of {o}|{o} is a charity|I study at {o}|{n} joined {o} in 2012|The {o} building|{o}'s customers|a payment to {o} was declined|refund from {o} has not come
{n} is a great singer|{n}: how are you?\n{f}: fine|{f}: hello|{n} wrote the book|by {n}
it was {n} who called|I'm looking for {n}|do you know {n}?|who told {f}?|{f}'s order|{n}'s account|{f}'s phone is broken|could you tell {f} that I am late|{f}, please help me|{f} please call me
I paid on {d}|Date: {d}|it was due on {d}|from {d} to {d}|{d}: nothing came|I ordered it on {d}|When: {d}\nWhere: {p}|I was born on {d}|charged {m} on {d}|the {m} from {d}|{m} is missing
I was charged {m}|what is {q} times {q}|set it to {q}|I bought {q} of them|{q} days ago|it costs {m} not {m}|turn it up to {q}|divide {q} by {q}|I am {q} years old|at {q}:30|version {q}.{q}
I speak {x}|I like {x} food|do you answer in {x}?|a {x} restaurant|I am {x}|{x} customers|Please write in {x}|Date: {d}\nName: {n}|{n}, {q} years old, {x}|since {d} I live in {p}
{w} {w} {w}|I LIKE {w}|{w}, {w} & {w}|my {w} {w}|{w} {w} is broken|{n}\n{w} {w}\n{o}|{n}, {w}|I work as a {w}|{w} and {w}|The {w} of {w}|{w} {w}: {n}|what does {w} mean?|I bought a {w}
"""  # noqa: E501
"""`{n}` a name as written, `{f}` a first and `{l}` a last name, `{t}` a title, `{p}` a place, `{a}` an address, `{s}` a street, `{o}` an organisation;
what names nobody: `{d}` a date, `{m}` an amount, `{q}` a number, `{x}` a language or a people, `{w}` some word."""

BEFORE = ("Hi, this is {n}. ", "Hello, my name is {n}. ", "{f} here. ", "I'm {f}, ", "My name is {n}. ", "Dear {f}, ", "hi {f}, ", "I live in {p}. ", "I'm {n} from {p}. ")
AFTER = (" Regards, {n}", "\n{f}", " Thanks, {f}", " - {n}", " My name is {n}.", " I am in {p}.", "\n\nBest regards\n{n}\n{a}", " Thanks\n{n}\n{o}", " This is for {n}.")
PLAIN = ("What are my options?", "Is Apple Pay supported?", "VISA or Mastercard?", "I hate Mondays", "Thanks In Advance", "WHERE IS MY ORDER", "Google Pay top up", "The App Is Broken",
         "Hello, can you help me?", "I need Help Please", "Dear Team,", "Dear Customer Support", "Hi there", "Good Morning", "My PIN is blocked", "Sent from my iPhone", "Is Black Friday on?",
         "I paid in EUR and USD", "I Want My Money Back", "It arrived on Tuesday, 3 March", "Can I pay with PayPal?", "Please Cancel My Subscription", "My Gold account", "the Pro plan")  # fmt: skip


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
        self.carriers = [c.replace("\\n", "\n") for line in CARRIERS.strip().splitlines() for c in line.split("|")]

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
            return "NAME", self._name(fake, slot)
        if slot == "t":
            return "", draw.choice(TITLES)
        if slot == "p":
            return "PLACE", draw.choice([draw.choice(CITIES), draw.choice(CITIES), fake.city(), self.fakers["en_US"].country()])
        if slot in "as":
            return "PLACE", self._address(fake, slot == "s")
        if slot in "dmqxw":
            return "", self._other(slot)
        own = [draw.choice(FIRMS), fake.company(), self.fakers["en_US"].company()]
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
            return draw.choice(PEOPLES)
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
        number, city = str(draw.randint(1, 29999)), draw.choice([fake.city(), draw.choice(CITIES)])
        parts = [draw.choice([f"{number} {road}", f"{road} {draw.randint(1, 300)}", fake.street_address().replace("\n", " ")])]
        if draw.random() < 0.4:
            parts.append(draw.choice(["Apt. {}", "Suite {}", "Unit {}", "Floor {}", "apt {}", "# {}"]).format(draw.randint(1, 999)))
        if draw.random() < 0.7:
            parts.append(draw.choice([f"{city}", f"{city} {fake.postcode()}", f"{fake.postcode()} {city}", f"{city}, {fake.postcode()}"]))
        if draw.random() < 0.3:
            parts.append(self.fakers["en_US"].country())
        return draw.choice([", ", ", ", "\n", " ", "\n    "]).join(parts)

    def carried(self) -> Tagged:
        """A template by itself, or two in a row."""
        spans: list[tuple[int, int, str]] = []
        text = self.fill(self.random.choice(self.carriers), spans)
        if self.random.random() < 0.25:
            text += self.random.choice([". ", "\n", ", ", " "])
            text += self.fill(self.random.choice(self.carriers), spans, len(text))
        return self.restyled(Tagged(text, tuple(spans)))

    def around(self, row: Tagged) -> Tagged:
        """A message with somebody's name before or after it."""
        spans: list[tuple[int, int, str]] = []
        front = self.fill(self.random.choice(BEFORE), spans) if self.random.random() < 0.5 else ""
        spans += [(start + len(front), end + len(front), kind) for start, end, kind in row.spans]
        text = front + row.text
        if not front or self.random.random() < 0.2:
            text += self.fill(self.random.choice(AFTER), spans, len(text))
        return self.restyled(Tagged(text, tuple(spans)))

    def restyled(self, row: Tagged) -> Tagged:
        """As people type: small letters only, capitals only, every word capital; only where no letter changes its length."""
        draw = self.random.random()
        changed = row.text.lower() if draw < 0.3 else row.text.upper() if draw < 0.34 else row.text.title() if draw < 0.37 else row.text
        return Tagged(changed, row.spans) if len(changed) == len(row.text) else row


def of_row(row: Row) -> Tagged:
    """A row of the intent sets; its people and places are marked where the set names them."""
    kind = {"person_name": "NAME", "delivery_city": "PLACE", "delivery_country": "PLACE"}.get(row.entity_type)
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


def plain() -> Sequence[Tagged]:
    """Messages whose capitals name nobody."""
    return [Tagged(text, ()) for text in PLAIN]
