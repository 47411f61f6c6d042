"""Rules about one trait's sentence: who speaks, how plainly, and whether it can be shown at all. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from core.linting.findings import Change, Finding, Fix, Teller, Tested
from core.linting.person import as_i, is_told_as_you
from core.linting.words import content_words, sentences_of, speaks_as_itself, word_set, words_of

if TYPE_CHECKING:
    from core.constitution import Constitution, Trait

LONGEST_WORDS = 65
KEPT_SENTENCES = 2

_THIRD = Teller(
    "not-first-person",
    "mend",
    "The model learns to say these sentences of itself; one about somebody else teaches it to describe a "
    "character and not to be one.",
)
_SECOND = Teller(
    "second-person",
    "mend",
    "An order is something to obey or to argue with; a sentence that begins with I is something to be.",
)
_VAGUE = Teller(
    "vague",
    "mend",
    "Every model already is this. Only what somebody could see in an answer can be taught.",
)
_LONG = Teller(
    "too-long",
    "consider",
    "Of a long trait the first sentence is learned; the rest blurs it.",
)


def _reworded(label: str, trait: Trait, new: str | None) -> Fix | None:
    return Fix(label, (Change("trait", trait.id, trait.trait, new),)) if new else None


def first_person(character: Constitution, tested: Tested) -> Iterator[Finding]:
    """Traits that speak about the character as somebody else."""
    for trait in character.traits:
        if not speaks_as_itself(trait.trait) and not is_told_as_you(trait.trait):
            yield _THIRD.found(
                "is not in the first person; let the character say it: I …, My …, When someone …, I …",
                trait=trait.id,
                about=(trait.trait,),
                fix=_reworded("Say it as I", trait, as_i(trait.trait)),
            )


def second_person(character: Constitution, tested: Tested) -> Iterator[Finding]:
    """Traits that give the character orders."""
    for trait in character.traits:
        if is_told_as_you(trait.trait):
            yield _SECOND.found(
                "gives the character an order; let it say of itself what it does.",
                trait=trait.id,
                about=(trait.trait,),
                fix=_reworded("Say it as I", trait, as_i(trait.trait)),
            )


# ---- vague

_EMPTY = word_set(
    """nice good kind helpful friendly polite great cool fun funny interesting positive pleasant
    respectful supportive caring best better amazing awesome wonderful lovely likeable decent
    professional smart clever intelligent knowledgeable useful creative unique special excellent
    fine nicely kindly politely well helpfully try tries aim strive be being become want wants
    like love enjoy enjoys make makes feel seem answer answers respond reply talk talking speak act
    behave treat help helps assist give provide use do people person persons everyone everybody
    anyone anybody
    someone somebody others human humans user users personality character assistant way ways
    manner attitude nature time times thing things stuff lot lots bit possible important always
    generally usually usual whatever situation situations conversation conversations question
    questions task tasks request requests job work response responses experience quality"""
)
MOST_VAGUE_WORDS = 16


def vague(character: Constitution, tested: Tested) -> Iterator[Finding]:
    """Traits in which nothing can be seen or heard: "I am nice and helpful to everyone."."""
    for trait in character.traits:
        said = f"{trait.trait} {trait.clarification}"
        empty = [word for word in content_words(trait.trait) if word in _EMPTY]
        if len(words_of(said)) <= MOST_VAGUE_WORDS and all(word in _EMPTY for word in content_words(said)):
            quoted = f" (“{empty[0]}”)" if empty else ""
            yield _VAGUE.found(
                f"could be said of anybody{quoted}; say what it does, with which words, at which moment.",
                trait=trait.id,
                about=(trait.trait, trait.clarification),
            )


# ---- too long


def too_long(character: Constitution, tested: Tested) -> Iterator[Finding]:
    """Traits that say more than one can keep in mind."""
    for trait in character.traits:
        count = len(words_of(trait.trait))
        if count > LONGEST_WORDS:
            yield _LONG.found(
                f"has {count} words; one statement of at most {LONGEST_WORDS} is remembered best.",
                trait=trait.id,
                about=(trait.trait,),
                fix=_shortened(trait),
            )


def _shortened(trait: Trait) -> Fix | None:
    """The first sentences stay; the others go to the clarification, when that is free."""
    sentences = sentences_of(trait.trait)
    kept = KEPT_SENTENCES if _words(sentences[:KEPT_SENTENCES]) <= LONGEST_WORDS else 1
    rest = " ".join(sentences[kept:])
    if trait.clarification or not rest or _words(sentences[:kept]) > LONGEST_WORDS:
        return None
    changes = (
        Change("trait", trait.id, trait.trait, " ".join(sentences[:kept])),
        Change("clarification", trait.id, "", rest),
    )
    return Fix("Move the rest to the clarification", changes)


def _words(sentences: Iterable[str]) -> int:
    return sum(len(words_of(sentence)) for sentence in sentences)


RULES = (
    _THIRD.rule("not in the first person", first_person),
    _SECOND.rule("an order to the character", second_person),
    _VAGUE.rule("too vague", vague),
    _LONG.rule("too long", too_long),
)
