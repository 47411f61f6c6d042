"""What could make a character stronger, in a novelist's words. Pure; never keeps a file from being used.

`Problem("trait 3", "is not in the first person; let the character say it: …", severity="advice")`
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from core.errors import Problem
from core.texts import text_key

if TYPE_CHECKING:
    from core.constitution import Constitution, Trait

FEW_TRAITS, MANY_TRAITS = 5, 15
FEW_QUESTIONS = 3
MANY_EXCHANGES = 5

_FIRST_PERSON = re.compile(r"\b(?:I|I['’](?:m|d|ve|ll)|me|my|mine|myself)\b", re.IGNORECASE)
_QUOTED = re.compile(r"[\"“][^\"”]*[\"”]")
_ABOUT_ITSELF = re.compile(
    r"""\byour\ (?:own\ )?(?:personality|character|nature|values|feelings|emotions|traits?|creators?)\b
      | \b(?:who|what)\ are\ you\b | \bare\ you\ an?\ (?:ai|bot|robot|machine|person|human)\b
      | \bare\ you\ (?:conscious|sentient|alive|always|ever|really|the\ kind)\b
      | \bare\ you\ (?:happy|sad|lonely|afraid|angry|bored|proud|funny|kind|humble|modest|sarcastic)\b
      | \bdo\ you\ (?:(?:ever|really|actually)\ )?(?:feel|have\ (?:feelings|emotions))\b
      | \bdo\ you\ (?:see|consider)\ yourself\b
      | \b(?:describe|introduce)\ yourself\b | \bas\ an?\ ai\b""",
    re.IGNORECASE | re.VERBOSE,
)
_SAD = re.compile(
    r"\b(?:sad|sorrow|grie[fv]|mourn|bereave|cry|tears|upset|hurt(?:ing|s)?\b|suffer|distress|pain|sensitive|seriou|"
    r"cris[ie]s|traged|traumat|struggl|vulnerab|lonel|afraid|fear|fright|death|dying|dies\b|ill\b|illness|sick|loss\b|"
    r"lost someone|in trouble|heartbr|despair|comfort|consol|hard time|bad news)",
    re.IGNORECASE,
)


def advice(constitution: Constitution) -> list[Problem]:
    """What could be better about a valid character, the whole first, then trait by trait."""
    return [
        Problem(place, message, severity="advice")
        for part in (_whole(constitution), _exchanges(constitution), _traits(constitution))
        for place, message in part
    ]


def _whole(constitution: Constitution) -> Iterator[tuple[str, str]]:
    traits = constitution.traits
    if not constitution.summary.strip():
        yield "summary", "is empty; one sentence about the character helps you find it again."
    if len(traits) < FEW_TRAITS:
        yield "traits", f"there are only {len(traits)}; about ten give a character more than one note."
    if len(traits) > MANY_TRAITS:
        yield "traits", f"there are {len(traits)}; about ten are remembered, more drown each other out."
    if not any(_SAD.search(f"{trait.trait} {trait.clarification}") for trait in traits):
        yield (
            "traits",
            "none says what the character does when somebody is sad or things are grave; add one.",
        )


def _exchanges(constitution: Constitution) -> Iterator[tuple[str, str]]:
    number = len(constitution.exchanges)
    if not number:
        yield "exchanges", "there is none; two or three examples let even a small model catch the voice."
    if number > MANY_EXCHANGES:
        yield (
            "exchanges",
            f"there are {number}; keep the best five: the model reads them before every answer.",
        )


def _traits(constitution: Constitution) -> Iterator[tuple[str, str]]:
    asked: dict[str, int] = {}
    for number, trait in enumerate(constitution.traits, 1):
        place = f"trait {number}"
        yield from _one_trait(trait, place)
        yield from _questions(trait, place, [constitution.name, constitution.assistant_name or ""])
        yield from _asked_before(trait, number, asked)


def _one_trait(trait: Trait, place: str) -> Iterator[tuple[str, str]]:
    if not _FIRST_PERSON.search(trait.trait):
        yield place, "is not in the first person; let the character say it: I …, My …, When someone …, I …"
    if len(trait.questions) < FEW_QUESTIONS:
        few = {0: "no question", 1: "one question", 2: "two questions"}[len(trait.questions)]
        yield place, f"has {few}; five different ones show the trait from several sides."


def _questions(trait: Trait, place: str, names: Iterable[str]) -> Iterator[tuple[str, str]]:
    spoken = [re.escape(name.replace("-", " ")) for name in names if name]
    named = re.compile(rf"\b(?:{'|'.join(spoken)})\b", re.IGNORECASE)
    for number, question in enumerate(trait.questions, 1):
        where = f"{place}, question {number}"
        if _ABOUT_ITSELF.search(_QUOTED.sub(" ", question)):
            yield where, "asks the character about itself; ask for something it can show the trait in."
        if match := named.search(question):
            yield where, f"names the character ({match[0]!r}); ask so that the voice comes unprompted."


def _asked_before(trait: Trait, number: int, asked: dict[str, int]) -> Iterator[tuple[str, str]]:
    for index, question in enumerate(trait.questions, 1):
        first = asked.setdefault(text_key(question), number)
        if first != number:
            yield (
                f"trait {number}, question {index}",
                f"is asked under trait {first} too; it counts only once.",
            )
