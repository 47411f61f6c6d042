"""Rules about a trait's questions: does the trait have to show, or is it asked for by name? Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from core.linting.findings import Change, Finding, Fix, Teller, Tested
from core.linting.words import capital, content_stems, shared_stems, word_set, words_of

if TYPE_CHECKING:
    from core.constitution import Constitution, Trait

FEW_QUESTIONS = 3

_NAMES_TRAIT = Teller(
    "names-its-trait",
    "mend",
    "Any model plays along when it is asked to; what has to be learned is to be so unasked.",
)
_ITSELF = Teller(
    "about-itself",
    "mend",
    "It teaches the model to describe the character; an everyday question teaches it to be one.",
)
_NAMES_CHARACTER = Teller(
    "names-the-character",
    "mend",
    "The voice then hangs on hearing its name; users will not say it.",
)
_UNTESTED = Teller(
    "untested",
    "mend",
    "What no question touches is in no pair, and what is in no pair is not learned.",
)

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
# What is asked of the one who answers: "are you", "do you always", "why do you", "talk like", "be more".
_TO_YOU = re.compile(
    r"""\b(?:are|were|do|did|have|why\ are|why\ do|how)\ you\b
      | \b(?:you|your|yourself)\b.{0,40}\b(?:always|usually|normally|so|such|manner|way|style)\b
      | ^\W*(?:please\s+)?(?:be|talk|speak|act|behave|sound|answer|show|prove|demonstrate|pretend)\b
      | \b(?:can|could|will|would)\ you\ (?:please\ )?(?:be|talk|speak|act|behave|sound|answer|reply)\b""",
    re.IGNORECASE | re.VERBOSE,
)
NAMED_SHARE = 0.5


def names_its_trait(character: Constitution, tested: Tested) -> Iterator[Finding]:
    """Questions that ask for the trait by its own words."""
    for trait in character.traits:
        stems = content_stems(trait.trait)
        for question in trait.questions:
            shared = _named(stems, question)
            if shared and not _ABOUT_ITSELF.search(_QUOTED.sub(" ", question)):
                yield _NAMES_TRAIT.found(
                    f"names the trait ({', '.join(shared)}); ask for something it can show the trait in.",
                    trait=trait.id,
                    question=question,
                    about=(trait.trait,),
                    quotes=tuple(shared),
                    fix=_removed(trait, question),
                )


def _named(stems: Sequence[str], question: str) -> list[str]:
    """The words of a question that are the trait's own, when they are most of what it asks for."""
    asked = _QUOTED.sub(" ", question)
    content = [word for word in words_of(asked) if content_stems(word) and word not in _ASKED_ANYWAY]
    of = {word: content_stems(word)[0] for word in content}
    shared = [word for word in dict.fromkeys(content) if shared_stems([of[word]], list(stems))]
    if not content or len(shared) / len(set(content)) < NAMED_SHARE:
        return []
    return shared if _TO_YOU.search(asked) or len(shared) >= 3 else []


_ASKED_ANYWAY = word_set(
    """question questions answer answers people person thing things way something anything"""
)


def about_itself(character: Constitution, tested: Tested) -> Iterator[Finding]:
    """Questions that interview the character."""
    for trait in character.traits:
        for question in trait.questions:
            if _ABOUT_ITSELF.search(_QUOTED.sub(" ", question)):
                yield _ITSELF.found(
                    "asks the character about itself; ask for something it can show the trait in.",
                    trait=trait.id,
                    question=question,
                    fix=_removed(trait, question),
                )


def names_the_character(character: Constitution, tested: Tested) -> Iterator[Finding]:
    """Questions that call the character by its name."""
    names = [
        name for name in (character.name.replace("-", " "), character.assistant_name or "") if name.strip()
    ]
    named = re.compile(rf"(?<!\w)(?:{'|'.join(re.escape(name) for name in names)})(?!\w)", re.IGNORECASE)
    for trait in character.traits:
        for question in trait.questions:
            if match := named.search(question):
                yield _NAMES_CHARACTER.found(
                    f"names the character (“{match[0]}”); ask so that the voice comes unprompted.",
                    trait=trait.id,
                    question=question,
                    quotes=(match[0],),
                    fix=_without_name(trait, question, match[0]),
                )


def _without_name(trait: Trait, question: str, name: str) -> Fix:
    """The name cut where it only calls; the whole question where it is part of what is asked."""
    bare = re.sub(
        rf"^\W*(?:(?:hey|hello|hi|dear|ok)\s+)?{re.escape(name)}\s*[,:!]\s*",
        "",
        question,
        flags=re.IGNORECASE,
    )
    bare = re.sub(rf"\s*,\s*{re.escape(name)}(?=\s*[?.!]*$)", "", bare, flags=re.IGNORECASE)
    free = bare != question and bare.strip() and bare not in trait.questions
    if not free or re.search(rf"(?<!\w){re.escape(name)}(?!\w)", bare, re.IGNORECASE):
        return _removed(trait, question)
    return Fix("Leave the name out", (Change("question", trait.id, question, capital(bare)),))


def _removed(trait: Trait, question: str) -> Fix:
    return Fix("Remove this question", (Change("question", trait.id, question, ""),))


def untested(character: Constitution, tested: Tested) -> Iterator[Finding]:
    """Traits that nothing, or next to nothing, lets show."""
    for trait in character.traits:
        asked = len(trait.questions) + tested.get(trait.id, 0)
        if asked < FEW_QUESTIONS:
            few = {0: "no question", 1: "one question", 2: "two questions"}[asked]
            yield _UNTESTED.found(
                f"has {few}; five different ones show the trait from several sides.",
                trait=trait.id,
                about=(str(asked),),
            )


RULES = (
    _NAMES_TRAIT.rule("names its trait", names_its_trait),
    _ITSELF.rule("about the character itself", about_itself),
    _NAMES_CHARACTER.rule("names the character", names_the_character),
    _UNTESTED.rule("nothing tests it", untested),
)
