"""Two traits that pull apart: each is fine alone, and no answer can follow both. Pure.

A table of scales, each with two ends. A sentence stands at an end of a scale when it holds one of its
phrases; after never or not it stands at the other. What holds only sometimes ("when somebody is sad",
"unless") pulls against nothing but what holds always.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from typing import TYPE_CHECKING

from core.linting.findings import Finding, Teller, Tested
from core.linting.scales import ends
from core.linting.words import SMALL, stem, word_set, words_of

if TYPE_CHECKING:
    from core.constitution import Constitution

_TELL = Teller(
    "pull-apart",
    "mend",
    "The teacher can follow one of them at a time, so the pairs say both and the model learns neither.",
)

_NEGATED = re.compile(
    r"(?:\b(?:never|not|no|without|avoid|hardly|rarely|hate|dislike|refuse\s+to|stop|nor|neither|isn['’]t|cannot)|n['’]t)\W+(?:\w+\W+){0,2}$",
    re.IGNORECASE,
)
_PASSED_OVER = re.compile(
    r"\b(?:than|sooner|instead\s+of|rather\s+than|less|leave|as\s+if|like\s+(?:an?|the))\W+(?:\w+\W+){0,2}$",
    re.IGNORECASE,
)
_SOMETIMES = re.compile(
    r"\b(?:when|whenever|if|unless|except|only|until|sometimes|but|though|although|while|where|yet|in\s+an?\s+\w+|beside|after|"
    r"before|once|for\s+those|with\s+those|as\s+long|behind|under|toward|towards|at\s+first|even)\b",
    re.IGNORECASE,
)
_ALWAYS = re.compile(
    r"\b(?:always|never|every|everyone|everybody|everything|all\s+the\s+time|constantly|whatever|no\s+matter|anything|at\s+all\s+times)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Stance:
    """Where a sentence stands on a scale (+1 or -1), by which words, and how widely."""

    scale: str
    end: int
    words: str
    sometimes: bool
    always: bool


def apart(character: Constitution, tested: Tested) -> Iterator[Finding]:
    """Pairs of traits that no answer can follow both, with the two phrases."""
    stances = [(trait, _stances(trait.trait)) for trait in character.traits]
    for (one, first), (other, second) in combinations(stances, 2):
        clash = _clash(first, second) or _always_and_never(one.trait, other.trait)
        if clash:
            yield _TELL.found(
                f"pulls against another trait: “{clash[0]}” here, “{clash[1]}” there. "
                "Keep one, or say when each holds.",
                trait=one.id,
                also=other.id,
                quotes=clash,
                about=(one.trait, other.trait),
            )


def _clash(first: tuple[Stance, ...], second: tuple[Stance, ...]) -> tuple[str, str] | None:
    for one in first:
        for other in second:
            if one.scale == other.scale and one.end != other.end and _at_once(one, other):
                return one.words, other.words
    return None


def _at_once(one: Stance, other: Stance) -> bool:
    """Whether both hold in one and the same answer."""
    if one.sometimes and other.sometimes:
        return False
    return not (one.sometimes or other.sometimes) or (one.always or other.always)


@lru_cache(maxsize=2_000)
def _stances(text: str) -> tuple[Stance, ...]:
    found: list[Stance] = []
    for sentence in re.split(r"[.;:!?]+", text):
        found += _stances_of(sentence)
    # Both ends of one scale in a trait: the writer has balanced them on purpose.
    ends = {(stance.scale, stance.end) for stance in found}
    return tuple(stance for stance in found if (stance.scale, -stance.end) not in ends)


def _stances_of(sentence: str) -> Iterator[Stance]:
    sometimes = bool(_SOMETIMES.search(sentence))
    for scale, pattern, end in _ENDS:
        for match in pattern.finditer(sentence):
            before, after = sentence[: match.start()], sentence[match.end() :]
            if _PASSED_OVER.search(before) or _of_others(before) or not _describes(match[0], before, after):
                continue
            always = bool(_ALWAYS.search(before.rpartition(",")[2] + match[0] + after.partition(",")[0]))
            negated = _NEGATED.search(before)
            words = (negated[0].strip() + " " if negated else "") + match[0]
            yield Stance(scale, -end if negated else end, words, sometimes, always)


def _of_others(before: str) -> bool:
    """Whether what comes next is said of somebody else: "when people shout", "those who flatter"."""
    _, when, since = _last(_WHEN, before)
    return bool(when and not _MYSELF.search(since)) or bool(_THOSE.search(before))


def _last(pattern: re.Pattern[str], text: str) -> tuple[str, str, str]:
    """A text before, at and after the last match; "" at where there is none."""
    matches = list(pattern.finditer(text))
    if not matches:
        return text, "", ""
    return text[: matches[-1].start()], matches[-1][0], text[matches[-1].end() :]


def _describes(words: str, before: str, after: str) -> bool:
    """Whether an adjective is about the speaker or the answers, and not about a soup or a sky."""
    if words.casefold() not in _ADJECTIVES:
        return True
    following = words_of(after)[:1]
    ends = not following or bool(re.match(r"\W*[,;.]", after)) or following[0] in _AFTER
    return ends or following[0] in _OF_MINE or bool(_IS.search(before) and following[0] in SMALL)


_WHEN = re.compile(r"\b(?:when|whenever|if|where|who|whoever)\b", re.IGNORECASE)
_MYSELF = re.compile(r"\b(?:I|my|me)\b", re.IGNORECASE)
_THOSE = re.compile(
    r"\b(?:who(?:ever)?(?:\s+(?:is|are|was))?|(?:people|those|somebody|someone|others)(?:\s+\w+)?)\W+$",
    re.IGNORECASE,
)
_IS = re.compile(r"\b(?:am|be|being|stay|remain|sound|keep)\W+(?:\w+\W+){0,2}$", re.IGNORECASE)
_ADJECTIVES = word_set(
    """warm cold harsh gentle tender kind loving caring dramatic bitter serious formal casual
    informal silly brief funny sunny quiet loud calm direct blunt frank honest modern cautious
    daring patient superior modest humble reserved shy merry ornate flowery archaic tidy
    structured"""
)
_AFTER = word_set(
    """and or in with to about toward towards even as at from for by on of because so like until no
    whoever whatever all always everywhere through too enough when if while beyond inside among
    though but"""
)
_OF_MINE = word_set(
    """answer answers voice voices tone tones manner way ways reply replies word words sentence
    sentences person man woman soul humour humor temper person speaker language style with advice
    companion vocabulary english phrases"""
)


_ENDS = tuple(ends())

_WIDE = re.compile(r"\bI\s+(always|never)\s+((?:\w+\s+)?\w+(?:\s+\w+){0,4})", re.IGNORECASE)
_BARE = word_set("do make take give get let have be say go keep try feel want like use")


def _always_and_never(one: str, other: str) -> tuple[str, str] | None:
    """ "I always answer in rhyme" against "I never answer in rhyme"."""
    for first in _WIDE.finditer(one):
        for second in _WIDE.finditer(other):
            if first[1].casefold() != second[1].casefold() and _same_deed(first[2], second[2]):
                return first[0].removeprefix("I ").strip(), second[0].removeprefix("I ").strip()
    return None


def _same_deed(one: str, other: str) -> bool:
    first, second = (_deed(text) for text in (one, other))
    if not first or not second or first[0] != second[0]:
        return False
    shared = set(first) & set(second)
    enough = 2 if min(len(first), len(second)) > 1 else 1
    return len(shared - _BARE) >= 1 and len(shared) >= enough


def _deed(text: str) -> list[str]:
    return [stem(word) for word in words_of(text) if word not in SMALL]


RULES = (_TELL.rule("pull apart", apart),)
