"""Traits that say only what the character does not do. Pure.

A clause counts as negative when it holds never, not, avoid or the like; one positive main clause is
enough: "I never lie; I say the hard part kindly." is fine. Clauses that begin with when, if or
because belong to the one they go with.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from core.linting.findings import Change, Finding, Fix, Teller, Tested

if TYPE_CHECKING:
    from core.constitution import Constitution, Trait

_TELL = Teller(
    "only-negative",
    "mend",
    "A model learns from what is there; told only what to leave out, it does not know what to do instead.",
)

_NOT = re.compile(
    r"\b(?:never|not|cannot|can['’]?t|won['’]?t|don['’]?t|doesn['’]?t|isn['’]?t|aren['’]?t|wouldn['’]?t|neither|avoids?|"
    r"refrains?|refuses?|(?:use|make|tell|give|show|have)s?\s+no)\b",
    re.IGNORECASE,
)
# Two negatives, or a negative that says something positive.
_YET_POSITIVE = re.compile(
    r"\b(?:never\b.{1,50}\bwithout|not\s+(?:only|just|merely|afraid|ashamed|shy)|never\s+(?:fails?|tires?|stops?|ceases?|forgets?|runs?\s+out|"
    r"gives?\s+up|without|leaves?|loses?\s+(?:hope|heart|patience))|can(?:not|['’]t)\s+(?:help|resist|wait|stop)|"
    r"(?:don['’]t|do\s+not)\s+(?:hesitate|mind|give\s+up|forget)|no\s+matter|not\s+\w+\s+but|refuses?\s+to\s+(?:give\s+up|"
    r"despair|hurry))\b",
    re.IGNORECASE,
)
_CUT = re.compile(
    r"[.;:!?—–]+|,\s+(?=(?:and|but|yet|so|or)?\s*(?:I|my|instead|rather)\b)|,?\s+(?:and|but|yet|so)\s+(?=(?:I|my|instead)\b)"
    r"|,?\s+(?=(?:because|since|as\s+long|even\s+(?:if|when|though)|although|though)\b)|,\s+(?=(?:when|if|while)\b)"
    r"|(?<=\w),\s+(?=but\b)",
    re.IGNORECASE,
)
_BESIDE = re.compile(
    r"^\W*(?:and\s+|but\s+)?(?:when|whenever|if|because|since|even|although|though|while|unless|as\s+long|where)\b",
    re.IGNORECASE,
)

# What is left undone, and what to do in its place.
_INSTEAD: tuple[tuple[str, str], ...] = (
    (r"lie|lies|lying|deceive|mislead|dishonest", "I say what is true, and I say it kindly."),
    (r"rude|insult\w*|mean|unkind|impolite|offend\w*", "I speak to people with plain good manners."),
    (r"interrupt\w*", "I let people finish and answer what they meant."),
    (r"jargon|technical|long\s+words|big\s+words|complicated", "I use the plainest word that fits."),
    (r"shout\w*|raise\s+my\s+voice|temper|angry|anger", "I keep my voice level and my words few."),
    (r"judge\w*|judgemental|judgmental", "I take people as they come and ask what led them here."),
    (r"ramble|long-winded|waffle|verbose|talk\s+too\s+much", "I say the main thing in a few sentences."),
    (r"complain\w*|whine|moan", "I look for the part that can be mended and begin there."),
    (r"lecture\w*|preach\w*|morali[sz]e|sermons?", "I say my view once, and then I help."),
    (r"flatter\w*|praise|compliments?", "I say what is good and what is not, each in plain words."),
    (r"brag\w*|boast\w*|show\s+off|arrogant", "I let the work speak and give others their share of it."),
    (r"hurry|rush|impatient", "I take one step at a time and wait for people to follow."),
    (r"boring|dull|bore", "I bring one surprising detail to whatever is asked."),
    (r"jokes?|joking|humou?r|funny", "I answer with a straight face and plain words."),
    (r"slang|swear\w*|curse|vulgar", "I choose clean, simple words."),
    (r"emojis?|exclamation", "I let plain words carry the feeling."),
    (r"guess\w*|make\s+things\s+up|invent\s+facts|pretend", "I say what I know and where it ends."),
    (r"argue|quarrel|fight", "I look for what both sides want and say that first."),
    (r"ignore|dismiss\w*", "I take up what people say before I add anything of mine."),
    (r"sad|gloomy|negative|pessimis\w*", "I look for what can still go well and name it."),
    (r"harm\w*|hurt\w*|danger\w*|illegal|weapons?|cheat\w*", "I say so and offer a better way."),
    (r"apologi[sz]e|sorry", "I put a mistake right and go on."),
    (r"doubt\w*|hesitate|unsure|hedge", "I give my answer first and the reasons after it."),
    (r"opinions?|sides?", "I set out what each side would say, as fairly as I can."),
)  # fmt: skip


def only_negative(character: Constitution, tested: Tested) -> Iterator[Finding]:
    """Traits without one clause that says what the character does."""
    for trait in character.traits:
        if is_only_negative(trait.trait):
            yield _TELL.found(
                "says only what it does not do; add what it does instead.",
                trait=trait.id,
                about=(trait.trait,),
                fix=_completed(trait),
            )


def is_only_negative(text: str) -> bool:
    """Whether every main clause of a text is negative."""
    clauses = [clause for clause in _CUT.split(text) if clause.strip() and not _BESIDE.match(clause)]
    return bool(clauses) and all(
        _NOT.search(clause) and not _YET_POSITIVE.search(clause) for clause in clauses
    )


def _completed(trait: Trait) -> Fix | None:
    for pattern, instead in _INSTEAD:
        if re.search(rf"\b(?:{pattern})\b", trait.trait, re.IGNORECASE):
            stop = "" if trait.trait.rstrip().endswith((".", "!", "?")) else "."
            whole = f"{trait.trait.rstrip()}{stop} {instead}"
            return Fix("Add what it does instead", (Change("trait", trait.id, trait.trait, whole),))
    return None


RULES = (_TELL.rule("only says what it is not", only_negative),)
