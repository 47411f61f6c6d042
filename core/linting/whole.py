"""Rules about the whole character: what nobody has written yet, and what there is too much of. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from core.linting.findings import Change, Finding, Fix, Teller, Tested

if TYPE_CHECKING:
    from core.constitution import Constitution

FEW_TRAITS, MANY_TRAITS = 5, 15
MANY_EXCHANGES = 5

_SUMMARY = Teller("no-summary", "consider", "One sentence helps you and others find the character again.")
_FEW = Teller("too-few-traits", "consider", "With so few, every answer plays the same note.")
_MANY = Teller("too-many-traits", "consider", "About ten are remembered; more drown each other out.")
_SENSITIVE = Teller(
    "sensitive-moments",
    "mend",
    "Somebody will come in grief or in danger, and a voice that has no word for it jokes on.",
)
_NO_EXCHANGES = Teller(
    "no-exchanges", "mend", "Small models copy the voice they hear and hardly one that is described."
)
_MANY_EXCHANGES = Teller(
    "too-many-exchanges", "consider", "The model reads all of them before every answer, and pays for each."
)

_SAD = re.compile(
    r"\b(?:sad|sorrow|grie[fv]|mourn|bereave|cry|tears|upset|hurt(?:ing|s)?\b|suffer|distress|pain|sensitive|seriou|"
    r"cris[ie]s|traged|traumat|struggl|vulnerab|lonel|afraid|fear|fright|death|dying|dies\b|ill\b|illness|sick|loss\b|"
    r"lost someone|in trouble|heartbr|despair|comfort|consol|hard time|bad news|danger|emergenc|medical)",
    re.IGNORECASE,
)


def no_summary(character: Constitution, tested: Tested) -> Iterator[Finding]:
    """A character without its one sentence."""
    if not character.summary.strip():
        yield _SUMMARY.found("has no sentence that sums it up; write one at the top.")


def how_many_traits(character: Constitution, tested: Tested) -> Iterator[Finding]:
    """Too few traits to be somebody."""
    count = len(character.traits)
    if count < FEW_TRAITS:
        only = "is only one trait" if count == 1 else f"are only {count} traits"
        yield _FEW.found(
            f"there {only}; about ten give a character more than one note.", about=(str(count),)
        )


def too_many_traits(character: Constitution, tested: Tested) -> Iterator[Finding]:
    """More traits than can be learnt."""
    count = len(character.traits)
    if count > MANY_TRAITS:
        yield _MANY.found(f"there are {count} traits; keep the ten that matter most.", about=(str(count),))


def exchanges(character: Constitution, tested: Tested) -> Iterator[Finding]:
    """No example of the voice."""
    if not character.exchanges:
        yield _NO_EXCHANGES.found("there is no exchange; write two or three on the Exchanges page.")


def too_many_exchanges(character: Constitution, tested: Tested) -> Iterator[Finding]:
    """More examples than anybody needs."""
    count = len(character.exchanges)
    if count > MANY_EXCHANGES:
        yield _MANY_EXCHANGES.found(
            f"there are {count} exchanges; keep the best five.", about=(str(count),)
        )


# ---- sensitive moments

# What this character would lay aside, by the words its traits are made of.
_LAID_ASIDE: tuple[tuple[str, str], ...] = (
    (r"sarcas\w*|iron(?:y|ic)|dry\b|deadpan|wit\b|witty", "I put the irony away"),
    (r"jok(?:e|es|ing)|humou?r|funny|puns?|comic\w*|silly", "I leave the jokes outside the door"),
    (r"brogue|accent|dialect|slang|salty|lingo", "I let the accent go quiet"),
    (r"rhym\w+|vers(?:e|es)|poe[mt]\w*|lyric\w*|sing", "I let the verses rest"),
    (r"grump\w*|grumbl\w*|complain\w*|gloom\w*|cynic\w*|bitter\w*", "I drop the grumbling"),
    (r"rude\w*|insult\w*|blunt\w*|harsh\w*|cold\w*|mock\w*|disdain\w*|arrogan\w*", "I drop the hard edge"),
    (r"number\w*|logic\w*|proof|calculat\w*|analy\w+", "I lay the reasoning down"),
    (r"fast|hurry|rush|energetic|excit\w*|loud\w*|enthusias\w*", "I slow down and lower my voice"),
    (r"formal\w*|protocol|proper", "I let the formality go"),
    (r"flatter\w*|agree\w*|praise", "I stop pleasing"),
)  # fmt: skip
_COMFORT = "{aside}: I stay kind and plain, and the safe and useful thing comes first."
_COMFORT_QUESTIONS = (
    "My father died on Tuesday.",
    "I think I have just taken the wrong pills. What do I do?",
    "The doctor wants to see me again about the scan, and I can't sleep.",
    "My friend wrote that she doesn't want to live any more.",
    "I was in a car accident this morning and I can't stop shaking.",
)


def sensitive_moments(character: Constitution, tested: Tested) -> Iterator[Finding]:
    """A character that has no word for grief, danger or illness."""
    if any(_SAD.search(f"{trait.trait} {trait.clarification}") for trait in character.traits):
        return
    yield _SENSITIVE.found(
        "says nothing about moments of grief, danger or illness; add what it does then.",
        fix=Fix("Add a trait for them", (_comfort(character),)),
    )


def _comfort(character: Constitution) -> Change:
    spoken = " ".join([character.summary, *(trait.trait for trait in character.traits)])
    aside = next(
        (
            words
            for pattern, words in _LAID_ASIDE
            if re.search(rf"\b(?:{pattern})\b", spoken, re.IGNORECASE)
        ),
        "I set everything else aside",
    )
    sentence = f"When someone is grieving, ill or in danger, {_COMFORT.format(aside=aside)}"
    taken = {question.casefold() for trait in character.traits for question in trait.questions}
    questions = tuple(text for text in _COMFORT_QUESTIONS if text.casefold() not in taken)
    return Change("add-trait", "comfort", "", sentence, questions=questions)


RULES = (
    _SENSITIVE.rule("nothing about sensitive moments", sensitive_moments),
    _NO_EXCHANGES.rule("no exchanges", exchanges),
    _SUMMARY.rule("no summary", no_summary),
    _FEW.rule("too few traits", how_many_traits),
    _MANY.rule("too many traits", too_many_traits),
    _MANY_EXCHANGES.rule("too many exchanges", too_many_exchanges),
)
