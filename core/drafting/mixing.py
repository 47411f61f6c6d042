"""Kept traits of several drafts → one character. Pure.

mixed("grumpy-keeper", "A grumpy keeper.", kept, exchanges)   a Constitution; every problem at once
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence

from core.constitution import MAX_TRAIT, Constitution, new_trait_id, parse
from core.drafting.everyday import A_TRAIT, everyday_questions
from core.drafting.first_person import as_sentence, tidy
from core.drafting.naming import name_in
from core.drafting.own_words import MANNERS, pieces, telling
from core.drafting.replies import Proposed
from core.slugs import free_name, slug_for
from core.texts import text_key
from core.titles import written_in

_STOP = frozenset(
    re.findall(
        r"\w+",
        "a an the who that which with and but or of in on at is are he she it they you i my am his her its "
        "their very",
    )
)


def mixed(
    name: str, summary: str, kept: Sequence[Proposed], exchanges: Iterable[tuple[str, str]] = ()
) -> Constitution:
    """The character made of kept traits, in their order, five questions each.

    Raises ConstitutionError with every problem.
    """
    ids: set[str] = set()
    asked: list[str] = [question for trait in kept for question in trait.questions]
    first: set[str] = set()
    traits = [_trait(trait, ids, first, asked) for trait in without_repeats(kept)]
    value = {
        "name": name,
        "summary": summary.strip(),
        "traits": traits,
        "exchanges": [{"user": user, "assistant": answer} for user, answer in exchanges],
    }
    return parse(value, source=name or "the new character")


def without_repeats(kept: Iterable[Proposed]) -> list[Proposed]:
    """Each sentence once, where it stood first."""
    return list({text_key(trait.trait): trait for trait in reversed(list(kept))}.values())[::-1]


def _trait(trait: Proposed, ids: set[str], first: set[str], asked: list[str]) -> dict[str, object]:
    """A trait for the file: questions of a trait before it are left to that one, everyday ones fill up."""
    id = new_trait_id(telling(trait.trait), ids)
    ids.add(id)
    own: list[str] = []
    for question in trait.questions:
        if text_key(question) not in first:
            own.append(question)
            first.add(text_key(question))
    more = everyday_questions(trait.trait, taken=asked, count=max(0, A_TRAIT - len(own)))
    asked += more
    return {"id": id, "trait": trait.trait.strip(), "questions": [*own, *more]}


def proposed_name(description: str, taken: Collection[str]) -> str:
    """A free name: the one that the description begins with, else one of its first telling words.

    "Madame Odile, a magician" → "madame-odile"; "grumpy lighthouse keeper" → "grumpy-lighthouse-keeper".
    """
    if named := name_in(tidy(description), MANNERS):
        return free_name(slug_for(named), taken)
    head = re.split(
        r"[,.;:\n]|\b(?:who|that|which|with|from|of)\b", tidy(description), maxsplit=1, flags=re.IGNORECASE
    )[0]
    words = [
        word for word in re.findall(r"[^\W\d_]+", re.sub(r"['’]", "", head)) if word.lower() not in _STOP
    ]
    if len(words) > 3:
        # The noun at the end says who it is; of what stands before it, the manner says most.
        told = [word for word in words[:-2] if word.lower() in MANNERS] or words[:1]
        words = [told[0], *words[-2:]]
    return free_name(slug_for(" ".join(words)) if words else "character", taken)


def summary_of(description: str, called: str = "") -> str:
    """The description's first sentence; a name that was typed beside it ("Odile") is put in front of it."""
    first = next(iter(pieces(description)), "")[: MAX_TRAIT - 1]
    if not called.strip() or written_in(first, slug_for(called)):
        return as_sentence(first)
    if not first:
        return ""
    is_noun = re.match(r"(?:An?|The)\s", first, re.IGNORECASE) is not None
    told = f", {first[0].lower()}{first[1:]}" if is_noun else f": {first}"
    return as_sentence((called.strip() + told)[: MAX_TRAIT - 1])
