"""The same thing twice: traits that say it again, questions that ask it again. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import TYPE_CHECKING

from core.linting.findings import Change, Finding, Fix, Teller, Tested
from core.linting.words import content_words, stem
from core.similarity import NEAR_DUPLICATE, Near, similar

if TYPE_CHECKING:
    from core.constitution import Constitution, Trait

_TRAITS = Teller(
    "near-duplicate",
    "mend",
    "What is said twice counts double in training and crowds out the rest.",
)
_QUESTIONS = Teller(
    "same-question",
    "consider",
    "A question asked again counts only once; another one shows another side.",
)

# Below this, two sentences that share a frame are told apart; measured on the shipped characters.
SAME_WORDS = 0.74

_ONE_WORD: dict[str, str] = {
    word: group.split()[0]
    for group in (
        "funny humorous comic amusing joke jokes joking humour humor puns pun",
        "brief short concise terse succinct briefly",
        "kind kindly warm warmly gentle gently friendly nice caring",
        "honest honestly truthful truth frank frankly candid",
        "cheerful merry joyful happy upbeat cheery",
        "patient patiently patience",
        "curious curiosity inquisitive",
        "answers answer replies reply responses response",
        "people everyone everybody others users user someone somebody",
        "speak talk say tell",
        "simple plain easy",
        "love adore enjoy like",
        "clever smart intelligent bright",
        "grumpy grouchy cranky bad-tempered",
        "calm composed serene unruffled",
    )
    for word in group.split()
}


def near_duplicates(character: Constitution, tested: Tested) -> Iterator[Finding]:
    """Later traits that say what an earlier one says."""
    told: set[str] = set()
    for one, other in combinations(character.traits, 2):
        if other.id not in told and same_trait(one.trait, other.trait):
            told.add(other.id)
            yield _TRAITS.found(
                f"says nearly what another trait says: “{one.trait}”",
                trait=other.id,
                also=one.id,
                about=(one.trait, other.trait),
                fix=_merged(one, other),
            )


def same_trait(one: str, other: str) -> bool:
    """Whether two sentences say the same of a character."""
    if similar(one, other) >= NEAR_DUPLICATE:
        return True
    first, second = _ideas(one), _ideas(other)
    shared, whole = first & second, first | second
    return len(shared) >= 2 and len(shared) / len(whole) >= SAME_WORDS


def _ideas(text: str) -> frozenset[str]:
    """What a sentence is about, words of one meaning as one; that it is said or told is no idea."""
    return frozenset(stem(_ONE_WORD.get(word, word)) for word in content_words(text)) - {"speak"}


def _merged(one: Trait, other: Trait) -> Fix:
    """The later trait goes; those of its questions that ask something new go to the earlier one."""
    asked = Near(one.questions)
    new = [question for question in other.questions if not asked.nearest(question)]
    changes = [Change("remove-trait", other.id, other.trait, "", questions=other.questions)]
    changes += [Change("add-question", one.id, "", question) for question in new]
    return Fix("Keep the first of the two", tuple(changes))


def same_questions(character: Constitution, tested: Tested) -> Iterator[Finding]:
    """Questions that an earlier one asks already, in this trait or another."""
    asked = Near()
    first: dict[str, str] = {}
    for trait in character.traits:
        for question in trait.questions:
            match = asked.nearest(question)
            if match:
                yield _same_question(trait, question, match.text, first[match.text])
            else:
                asked.add(question)
            first.setdefault(question, trait.id)


def _same_question(trait: Trait, question: str, earlier: str, owner: str) -> Finding:
    where = "in this trait" if owner == trait.id else "under another trait"
    return _QUESTIONS.found(
        f"is asked {where} already: “{earlier}”",
        trait=trait.id,
        question=question,
        also="" if owner == trait.id else owner,
        about=(earlier,),
        fix=Fix("Remove this question", (Change("question", trait.id, question, ""),)),
    )


RULES = (
    _TRAITS.rule("say the same", near_duplicates),
    _QUESTIONS.rule("asked twice", same_questions),
)
