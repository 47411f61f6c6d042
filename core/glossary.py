"""Every word of the studio in a plain sentence and an exact one; two vocabularies from one table. Pure.

    name("beta", technical=False)   "How close it stays to the student"
    name("beta", technical=True)    "Beta (DPO)"
    leaks("44 tokens in")           ["tokens"]: a technical name where a plain one belongs

A term without `technical` is called the same in both vocabularies. `never` are the forms that plain texts
do without, as patterns.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from core.glossary_checks import CHECKING
from core.glossary_terms import EVERYDAY, TEACHING, Row

Group = Literal["everyday", "teaching", "checking"]
TITLES: Mapping[Group, str] = {
    "everyday": "The studio's own words",
    "teaching": "Teaching",
    "checking": "Checking and charts",
}


@dataclass(frozen=True, slots=True)
class Term:
    """A word of the studio. `plain` and `exact` are one sentence each."""

    id: str
    group: Group
    word: str
    plain: str
    exact: str
    technical: str = ""
    never: str = ""

    @property
    def has_two_names(self) -> bool:
        """Whether the vocabularies differ here."""
        return bool(self.technical)


def _read(group: Group, rows: tuple[Row, ...]) -> dict[str, Term]:
    return {row[0]: Term(row[0], group, *row[1:]) for row in rows}


TERMS: Mapping[str, Term] = (
    _read("everyday", EVERYDAY) | _read("teaching", TEACHING) | _read("checking", CHECKING)
)
_NEVER = re.compile("|".join(f"(?:{term.never})" for term in TERMS.values() if term.never))


def name(id: str, *, technical: bool) -> str:
    """What a term is called in a vocabulary. Raises KeyError for a term that is not in the table."""
    term = TERMS[id]
    return term.technical if technical and term.technical else term.word


def hover(id: str, *, technical: bool = False) -> str:
    """What a term means, for a mark beside a label: the plain sentence, the exact one under it.

    Where the vocabularies differ the other name stands with it, so that both kinds of reader meet.
    """
    term = TERMS[id]
    other = (term.word if technical else term.technical) if term.has_two_names else ""
    also = f" Also called: {other[:1].lower() + other[1:] if technical else other}." if other else ""
    return f"{term.plain}{also}\n\n{term.exact}"


def hovers(ids: Sequence[str], *, technical: bool = False) -> str:
    """What several terms mean, for one mark beside a page's sentence: name and plain sentence of each.

    A single term is told as `hover` tells it. Raises KeyError for a term that is not in the table.
    """
    if len(ids) == 1:
        return hover(ids[0], technical=technical)
    told = ((name(id, technical=technical), TERMS[id].plain) for id in ids)
    return "\n\n".join(f"**{word[:1].upper()}{word[1:]}**: {plain}" for word, plain in told)


# How sentences of ours, written once for both kinds of reader, are said to the one who wants plain words.
SAID = (
    # Flags first: a word of theirs may stand further down.
    ("--max-tokens", "“Longest answer”"),
    ("--per-trait", "“Questions a trait”"),
    ("--judge MODEL", "choose one under “Judge”"),
    ("(--N)", "(“Comparisons”)"),
    ("(--traits)", "(“Words”)"),
    ("DPO file", "training file"),
    ("tokens", "word pieces"),
    ("token", "word piece"),
    ("Prefill", "Long talks"),
)


def spoken(text: str, *, technical: bool) -> str:
    """A sentence of the studio in a vocabulary; only for our own words, never for what others wrote."""
    if technical:
        return text
    for exact, plainly in SAID:
        text = re.sub(rf"(?<!\w){re.escape(exact)}(?!\w)", plainly, text)
    return text


def leaks(text: str) -> list[str]:
    """The technical names in a text that is meant to be plain."""
    return [found.group(0) for found in _NEVER.finditer(text)]


def search(text: str) -> list[Term]:
    """The terms that a search finds, by either name or in either sentence; all for an empty one."""
    words = text.casefold().split()
    return [term for term in TERMS.values() if all(word in _said(term) for word in words)]


def _said(term: Term) -> str:
    return f"{term.word} {term.technical} {term.plain} {term.exact}".casefold()
