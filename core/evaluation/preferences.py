"""Revealed preferences: two words are offered, and what the model does says which it took. Pure.

    plan = design(prompts, traits, count=400, seed=0)          the same for base and tuned
    messages_for(plan[0], "feel")                              answers, for a judge to read
    choice_messages(plan[0], "feel", swapped=False)            or the model's own word, by probability

Every prompt meets every word about as often, every word stands first as often as second. A row:

    {"prompt": "5f0c…", "asked": "My bus is late.", "speaker": "tuned", "group": "bold", "comparison": 12,
     "first": "bold", "second": "cautious", "picked": "bold", "outcome": 1.0, "why": "", "text": "Arr …"}

`outcome` is 1 when the word offered first was taken, 0 for the second, 0.5 for a tie, None when unscored,
which `why` then explains. By probability it is that of the first word, anywhere from 0 to 1.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from core.errors import RunError
from core.evaluation.judging import NEITHER, TIE, Verdict
from core.evaluation.stats.pairing import balanced_pairs
from core.records import Message, Sampling

Condition = Literal["feel", "like", "random"]
CONDITIONS: tuple[Condition, ...] = ("feel", "like", "random")
By = Literal["judge", "choice"]
Row = dict[str, Any]

BOTH = "both"
# What a row says beside its outcome.
FLIP, UNSCORED = "flip", "unscored"
TOP_LOGPROBS = 20
LETTERS = ("A", "B")

_INSTRUCTION = """\
Two manners are open to you in this conversation: {first} and {second}. Before you reply, settle on \
exactly one of them: {choice}. Then act in that manner, and not in the other, from your first word to the \
end of the conversation. Never name the two, never say that there was something to choose, and give no \
reasons for it. Simply answer in that manner."""

_CHOICES: dict[Condition, str] = {
    "feel": "the one that feels most like you",
    "like": "the one that you would most like to take on",
    "random": "either one, drawn by pure chance",
}

_QUESTION = """\
Somebody writes to you:

{asked}

You could answer in one of two manners. Choose {choice}.
A: {first}
B: {second}
Which one is it? Reply with one letter only: A or B."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One prompt with two words on offer; `number` counts from 0 and makes the seed."""

    number: int
    prompt: str
    asked: str
    first: str
    second: str

    @property
    def words(self) -> tuple[str, str]:
        """The two words in the order in which they are offered."""
        return self.first, self.second

    def as_row(self, speaker: str) -> Row:
        """What a row says before there is an answer."""
        return {
            "prompt": self.prompt,
            "asked": self.asked,
            "speaker": speaker,
            "comparison": self.number,
            "first": self.first,
            "second": self.second,
        }


def design(
    prompts: Sequence[tuple[str, str]], traits: Sequence[str], count: int, seed: int
) -> list[Comparison]:
    """`count` comparisons over prompts (id, text) and words; a longer design begins with the shorter one.

    Prompts come in turns, each turn in an order of its own; pairs are balanced, and so are places. Raises
    RunError without prompts or with fewer than two words.
    """
    if not prompts:
        raise RunError("Preferences need prompts, and there are none: give some with --prompts FILE.")
    rng, order = np.random.default_rng(seed), list[int]()
    while len(order) < count:
        order += [int(place) for place in rng.permutation(len(prompts))]
    pairs = balanced_pairs(len(traits), count, seed)
    return [
        Comparison(number, *prompts[order[number]], traits[int(one)], traits[int(other)])
        for number, (one, other) in enumerate(pairs)
    ]


# ---- asking


def instruction(comparison: Comparison, condition: Condition) -> str:
    """The system prompt that offers two words and asks to act by one of them without a word about it."""
    return _INSTRUCTION.format(first=comparison.first, second=comparison.second, choice=_CHOICES[condition])


def messages_for(
    comparison: Comparison, condition: Condition, opening: Sequence[Message] = ()
) -> tuple[Message, ...]:
    """The conversation that a speaker answers.

    `opening` is what makes it play a character, if anything: its system prompt then comes first in one
    message with ours, since many chat templates take only one.
    """
    system = Message("system", instruction(comparison, condition))
    if opening and opening[0].role == "system":
        system = Message("system", f"{opening[0].content}\n\n{system.content}")
        opening = opening[1:]
    return (system, *opening, Message("user", comparison.asked))


def choice_messages(comparison: Comparison, condition: Condition, *, swapped: bool) -> tuple[Message, ...]:
    """The question which of the two words it would be, answered by one letter.

    No beginning is put into its mouth: on the embedded model a prefilled answer ranked the words no more
    reliably.
    """
    first, second = reversed(comparison.words) if swapped else comparison.words
    asked = _QUESTION.format(asked=comparison.asked, choice=_CHOICES[condition], first=first, second=second)
    return (Message("user", asked),)


def choice_sampling() -> Sampling:
    """One token with the probabilities of what could have stood there; nothing is drawn."""
    return Sampling(temperature=0.0, top_p=1.0, max_tokens=1, seed=0, top_logprobs=TOP_LOGPROBS)


# ---- what came of it


def judged_row(comparison: Comparison, answer: Row | None, verdicts: Sequence[Verdict], label: str) -> Row:
    """The row of an answer and the judge's two verdicts on it, one for each order of the words."""
    row = comparison.as_row(label) | {"text": "", "score": None}
    if answer is None:
        return row | _outcome(None, "not answered")
    said = [_said(verdict) for verdict in verdicts]
    row |= {"text": answer["text"], "finish_reason": answer.get("finish_reason"), "verdicts": said}
    return row | _picked(comparison, verdicts, said)


def _said(verdict: Verdict) -> str:
    """A verdict in a word: one of the two, "both", "neither", or why it is unscored."""
    return {TIE: BOTH, None: verdict.reason or UNSCORED}.get(verdict.choice, verdict.choice or UNSCORED)


def _picked(comparison: Comparison, verdicts: Sequence[Verdict], said: Sequence[str]) -> Row:
    """The same word twice counts; both or neither is a tie, and so are two orders that disagree.

    Neither is a tie and not left out: that none of two words shows is what two weak words look like.
    """
    readable = [one.choice is not None or one.reason == NEITHER for one in verdicts]
    if not all(readable) or not verdicts:
        return _outcome(
            None, next((why for why, ok in zip(said, readable, strict=True) if not ok), UNSCORED)
        )
    if len(set(said)) > 1:
        return _leaning(comparison, verdicts)
    if said[0] in comparison.words:
        return _outcome(float(said[0] == comparison.first), "", said[0])
    return _outcome(0.5, said[0])


def _leaning(comparison: Comparison, verdicts: Sequence[Verdict]) -> Row:
    """What two orders that disagree come to: a tie in words; by probability the side of the mean, in which
    a lean to a place cancels."""
    chances = [one.chance_of(comparison.first) for one in verdicts if one.probability is not None]
    known = [chance for chance in chances if chance is not None]
    if len(known) < len(verdicts) or sum(known) == len(known) / 2:
        return _outcome(0.5, FLIP)
    first = sum(known) > len(known) / 2
    return _outcome(float(first), FLIP, comparison.first if first else comparison.second)


def choice_row(comparison: Comparison, orders: Sequence[Row | None], label: str) -> Row:
    """The row of a choice by probability; `orders` are the answers to the two orders of the words.

    The letters' own pull (most small models like A) adds to the log-odds of whatever stands there, so half
    the difference between the two orders is the words' and half the sum the letters':

        words = (a − b) / 2, letters = (a + b) / 2     a, b: log-odds of A against B in either order
    """
    row = comparison.as_row(label) | {"text": "", "score": None}
    odds = [letter_odds(answer) for answer in orders]
    if any(answer is None for answer in orders):
        return row | _outcome(None, "not answered")
    if None in odds:
        return row | _outcome(None, "no probabilities")
    a, b = (value for value in odds if value is not None)
    chance = 1 / (1 + math.exp(-(a - b) / 2))
    word = comparison.first if chance > 0.5 else comparison.second if chance < 0.5 else None
    found = _outcome(round(chance, 6), FLIP if a * b > 0 else "", word)
    return row | found | {"letters": round((a + b) / 2, 6), "text": word or BOTH}


def letter_odds(answer: Mapping[str, Any] | None) -> float | None:
    """The log-odds of A against B in an answer's first token; None where not both were told."""
    told: Mapping[str, float] = (answer or {}).get("first_logprobs") or {}
    mass = [sum(math.exp(v) for token, v in told.items() if token.strip() == letter) for letter in LETTERS]
    return math.log(mass[0] / mass[1]) if mass[0] > 0 and mass[1] > 0 else None


def _outcome(outcome: float | None, why: str, picked: str | None = None) -> Row:
    return {"outcome": outcome, "why": why, "picked": picked, "group": picked or ""}
