"""Why the chosen answer of a pair wins, in numbers, and what in it should not be there, in words. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from core.constitution import Constitution
from core.pairs import LEAKED_WORDS, PairRules, length_ratio, role_leaks
from core.telling_apart import Learned
from core.voice import VOICES, voice_words

# What models write when they have nothing to say; found in a chosen answer it is what a student learns.
CLICHES = (
    "as an ai",
    "delve into",
    "it's important to note",
    "it is important to note",
    "in today's fast-paced world",
    "i hope this helps",
    "great question",
    "in conclusion",
    "rich tapestry",
    "a testament to",
    "let me know if you",
    "feel free to",
    "at the end of the day",
    "certainly!",
)


class Leak(NamedTuple):
    """A stretch of a text that a reviewer should look at, and why, in words."""

    start: int
    end: int
    why: str


class Fact(NamedTuple):
    """One number about a pair: what it is, its value in words, and what it means."""

    label: str
    value: str
    means: str


@dataclass(frozen=True, slots=True)
class Sides:
    """The two answers of a pair."""

    chosen: str
    rejected: str


def leaks(text: str, prompt: str, rules: PairRules) -> list[Leak]:
    """What in a chosen answer gives the game away or is nobody's voice, in the text's order.

    Words that the prompt itself says do not count. Overlapping finds stay one, the first named.
    """
    found = [
        *[Leak(start, end, "speaks about its role") for start, end in role_leaks(text, prompt)],
        *_quoted(text, rules.constitution),
        *_names(text, prompt, rules.teacher_names),
        *_cliches(text, prompt),
    ]
    return _apart(sorted(found))


def _quoted(text: str, constitution: Constitution) -> list[Leak]:
    """Eight words in a row of a trait, found as they stand in the text."""
    spots = [(match.start(), match.end(), match.group().casefold()) for match in _WORD.finditer(text)]
    found: list[Leak] = []
    for number, trait in enumerate(constitution.traits, 1):
        own = [match.casefold() for match in _WORD.findall(trait.trait)]
        runs = {tuple(own[at : at + LEAKED_WORDS]) for at in range(len(own) - LEAKED_WORDS + 1)}
        found += _runs(spots, runs, f"quotes trait {number} of the constitution")
    return found


def _runs(spots: Sequence[tuple[int, int, str]], runs: set[tuple[str, ...]], why: str) -> list[Leak]:
    if not runs:
        return []
    words = [word for _, _, word in spots]
    starts = [
        at for at in range(len(words) - LEAKED_WORDS + 1) if tuple(words[at : at + LEAKED_WORDS]) in runs
    ]
    return [Leak(spots[at][0], spots[at + LEAKED_WORDS - 1][1], why) for at in starts]


def _names(text: str, prompt: str, names: Sequence[str]) -> list[Leak]:
    patterns = [re.compile(rf"(?<!\w){re.escape(name)}(?!\w)") for name in names]
    return [
        Leak(match.start(), match.end(), "names the teacher's maker")
        for pattern in patterns
        if not pattern.search(prompt)
        for match in pattern.finditer(text)
    ]


def _cliches(text: str, prompt: str) -> list[Leak]:
    plain, asked = text.casefold().replace("’", "'"), prompt.casefold()
    if len(plain) != len(text):  # folding changed the length somewhere: places would not fit
        plain = text.lower() if len(text.lower()) == len(text) else text
    return [
        Leak(match.start(), match.end(), "a phrase that every model uses")
        for phrase in CLICHES
        if phrase not in asked
        for match in re.finditer(re.escape(phrase), plain)
    ]


def _apart(found: list[Leak]) -> list[Leak]:
    kept: list[Leak] = []
    for leak in found:
        if kept and leak.start <= kept[-1].end:
            kept[-1] = kept[-1]._replace(end=max(leak.end, kept[-1].end))
        else:
            kept.append(leak)
    return kept


_WORD = re.compile(r"[\w']+")


def reasons(sides: Sides, name: str, learned: Learned | None) -> list[Fact]:
    """What sets the chosen answer apart. `learned` tells the character's words from plain ones."""
    mine, theirs = _vocabulary(sides.chosen), _vocabulary(sides.rejected)
    counts = (len(sides.chosen.split()), len(sides.rejected.split()))
    found = [
        Fact("Words", f"{counts[0]:,} and {counts[1]:,}", _length_words(sides)),
        Fact("Words in common", _share(mine, theirs), "Of the words in chosen, how many rejected has too."),
    ]
    if name in VOICES:
        spoken = [len(voice_words(name, text)) for text in (sides.chosen, sides.rejected)]
        found.append(Fact("Voice words", f"{spoken[0]} and {spoken[1]}", _voice(spoken)))
    if learned is not None:
        scores = [learned.score(text) for text in (sides.chosen, sides.rejected)]
        found.append(
            Fact("In character", f"{scores[0]:+.0f} and {scores[1]:+.0f}".replace("-", "−"), _score(scores))
        )
    return found


def _vocabulary(text: str) -> set[str]:
    return {word.casefold() for word in _WORD.findall(text)}


def _share(mine: set[str], theirs: set[str]) -> str:
    return f"{round(100 * len(mine & theirs) / len(mine))} %" if mine else "–"


def _length_words(sides: Sides) -> str:
    ratio = length_ratio(sides.chosen, sides.rejected)
    if ratio > 1.5:
        return f"Chosen is {ratio:.1f} times as long: too much of that teaches length, not character."
    if ratio < 1 / 1.5:
        return f"Chosen has {ratio:.2f} words for each in rejected: too much of that teaches brevity."
    return f"About the same length ({ratio:.2f}), so length is not what is learned."


def _voice(spoken: Sequence[int]) -> str:
    if spoken[0] > spoken[1]:
        return "Chosen has more words of the character's list."
    return "The list of the character's words does not tell these two apart."


def _score(scores: Sequence[float]) -> str:
    if scores[0] > 0 >= scores[1]:
        return "By the other pairs' words only chosen is in character (above 0)."
    if scores[0] > scores[1]:
        return "By the other pairs' words chosen is the more in character. Above 0 is in character."
    return "By the other pairs' words chosen is no more in character than rejected: read it well."
