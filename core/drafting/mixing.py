"""Kept traits of several drafts → one character. Pure.

mixed("grumpy-keeper", "A grumpy keeper.", kept, exchanges)   a Constitution; every problem at once
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence

from core.constitution import Constitution, new_trait_id, parse
from core.drafting.first_person import tidy
from core.drafting.own_words import MANNERS
from core.drafting.replies import Proposed
from core.slugs import slug_for
from core.texts import text_key

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
    """The character made of kept traits, in their order. Raises ConstitutionError with every problem."""
    taken: set[str] = set()
    traits = [_trait(trait, taken) for trait in without_repeats(kept)]
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


def _trait(trait: Proposed, taken: set[str]) -> dict[str, object]:
    id = new_trait_id(trait.trait, taken)
    taken.add(id)
    questions = list({text_key(question): question for question in trait.questions}.values())
    return {"id": id, "trait": trait.trait.strip(), "questions": questions}


def proposed_name(description: str, taken: Collection[str]) -> str:
    """A free name of the first telling words: "a grumpy lighthouse keeper" → "grumpy-lighthouse-keeper"."""
    head = re.split(
        r"[,.;:\n]|\b(?:who|that|which|with|from)\b", tidy(description), maxsplit=1, flags=re.IGNORECASE
    )[0]
    words = [
        word for word in re.findall(r"[^\W\d_]+", re.sub(r"['’]", "", head)) if word.lower() not in _STOP
    ]
    if len(words) > 3:
        # The noun at the end says who it is; of what stands before it, the manner says most.
        told = [word for word in words[:-2] if word.lower() in MANNERS] or words[:1]
        words = [told[0], *words[-2:]]
    return free_name(slug_for(" ".join(words)) if words else "character", taken)


def free_name(name: str, taken: Collection[str]) -> str:
    """The name itself, or with the first number that is free."""
    if name not in taken:
        return name
    number = 2
    while f"{name[:60]}-{number}" in taken:
        number += 1
    return f"{name[:60]}-{number}"
