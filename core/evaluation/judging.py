"""What a judge is asked, and how its verdict is read: never guessed, never taken from what is judged. Pure.

    question = compare(STRENGTH, asked="Why is the sky blue?", one=tuned, other=base, traits=…)
    for order in both_orders(question):
        messages = messages_of(order)
        verdict = read_verdict(row, order)     # Verdict("one" | "other" | "tie" | None, …)

A verdict comes as a tag whose name is drawn for each request, as JSON with such a field, or as the
probabilities of one letter. What is not exactly one of the allowed words is unscored and says why.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple, cast

from core.evaluation.judging_framing import drawn_name, quoted
from core.evaluation.judging_wording import (
    INTRODUCTION,
    PAIR_END,
    WORD_TEXT,
    end_by_json,
    end_by_letter,
    end_by_tag,
    rubric_text,
)
from core.pairs import strip_reasoning
from core.records import Message, Sampling

By = Literal["text", "json", "logprob"]
ONE, OTHER, TIE = "one", "other", "tie"
NEITHER = "neither"
PREFILL = "My choice: letter"
# OpenAI and vLLM tell no more than twenty.
TOP_LOGPROBS = 20
MAX_TOKENS, LOCAL_MAX_TOKENS = 2048, 160


class Choice(NamedTuple):
    """An allowed answer: how it is said in text, its letter, and what it means."""

    word: str
    letter: str
    meaning: str


class Quoted(NamedTuple):
    """A text to be judged, under the name that the judge knows it by."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Question:
    """One request to a judge, which never learns whose a text is.

    `choices` stand in the order in which they are shown; `loose` is what may be said in text beside them
    without being a choice ("neither"). `seed_text` goes into delimiters and tags.
    """

    standard: str
    texts: tuple[Quoted, ...]
    choices: tuple[Choice, ...]
    by: By = "text"
    seed_text: str = ""
    loose: str = ""

    @property
    def lettered(self) -> tuple[Choice, ...]:
        """The choices that a letter stands for; a tie has none, since probabilities say it better."""
        return tuple(choice for choice in self.choices if choice.letter)

    @property
    def first_shown(self) -> str:
        """What the first choice means in this order."""
        return self.choices[0].meaning

    @property
    def characters(self) -> int:
        """About how long the request is."""
        return sum(len(message.content) for message in messages_of(self))


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a judge chose: a choice's meaning, or None with the reason why it is unscored.

    `probability` is that of the first lettered choice's meaning named `of`; None by text.
    """

    choice: str | None
    probability: float | None = None
    reason: str = ""
    of: str = ""

    def chance_of(self, meaning: str) -> float | None:
        """How likely the judge took a choice (of two): its probability, or 1, 0.5 for a tie, or 0."""
        if self.choice is None:
            return None
        if self.probability is not None:
            return self.probability if meaning == self.of else 1 - self.probability
        return 0.5 if self.choice == TIE else float(self.choice == meaning)


# ---- questions


def compare(
    rubric: str,
    *,
    asked: str,
    one: str,
    other: str,
    traits: str = "",
    seed_text: str = "",
    by: By = "text",
) -> Question:
    """Which of two answers is better by a rubric; verdicts mean "one", "other" or "tie"."""
    return Question(
        f"{rubric_text(rubric, traits)}\n\n{PAIR_END}",
        (Quoted("The message", asked), Quoted("Answer A", one), Quoted("Answer B", other)),
        (Choice("A", "A", ONE), Choice("B", "B", OTHER), Choice("tie", "", TIE)),
        by,
        seed_text,
    )


def ask_which_word(text: str, first: str, second: str, seed_text: str = "", by: By = "text") -> Question:
    """Which of two words a text shows; verdicts mean the word itself. "neither" is unscored."""
    return Question(
        WORD_TEXT,
        (Quoted("The answer", text),),
        (Choice(first, "A", first), Choice(second, "B", second)),
        by,
        seed_text,
        NEITHER,
    )


def ask_grade(standard: str, texts: tuple[Quoted, ...], highest: int, seed_text: str = "") -> Question:
    """A grade from 0 to `highest`; verdicts mean the number as text. Only in text."""
    grades = tuple(Choice(str(grade), "", str(grade)) for grade in range(highest + 1))
    return Question(standard, texts, grades, "text", seed_text)


def swapped(question: Question) -> Question:
    """The same question in the other order: what stood first now stands second, meanings kept.

    For two answers these change places; for two words, the words do.
    """
    one, other, *rest = question.choices
    choices = (
        Choice(_word(other, one), one.letter, other.meaning),
        Choice(_word(one, other), other.letter, one.meaning),
        *rest,
    )
    texts = question.texts
    if one.meaning in (ONE, OTHER):
        *before, first, second = texts
        texts = (*before, Quoted(first.name, second.text), Quoted(second.name, first.text))
    return replace(question, choices=choices, texts=texts)


def _word(moved: Choice, place: Choice) -> str:
    """Answers are called by their place, words by themselves."""
    return place.word if place.word == place.letter else moved.word


def both_orders(question: Question) -> tuple[Question, Question]:
    """The question, and the question in the other order."""
    return question, swapped(question)


# ---- asking


def messages_of(question: Question, *, can_prefill: bool = False) -> tuple[Message, ...]:
    """What the judge is asked: what all requests share comes first, so that servers may keep it.

    By letter, the answer's beginning is put into the judge's mouth where its engine allows that.
    """
    name = _delimiter(question)
    parts = [INTRODUCTION, question.standard]
    parts += [f"{one.name}:\n{quoted(name, one.text)}" for one in question.texts]
    parts.append(_ending(question))
    asked = Message("user", "\n\n".join(parts))
    if question.by == "logprob" and can_prefill:
        return asked, Message("assistant", PREFILL)
    return (asked,)


def _ending(question: Question) -> str:
    words = [choice.word for choice in question.choices] + ([question.loose] if question.loose else [])
    if question.by == "text":
        return end_by_tag(tag_of(question), words)
    if question.by == "json":
        return end_by_json(tag_of(question), words)
    letters = question.lettered
    meant = [f"{choice.letter}: {choice.word}" for choice in letters if choice.word != choice.letter]
    return "\n".join([*meant, end_by_letter([choice.letter for choice in letters])])


def _texts(question: Question) -> list[str]:
    return [one.text for one in question.texts]


def _delimiter(question: Question) -> str:
    return drawn_name("delimiter", question.seed_text, _texts(question))


def tag_of(question: Question) -> str:
    """The tag that this request's verdict comes in, which stands in none of its texts."""
    return f"verdict-{drawn_name('verdict', question.seed_text, _texts(question))}"


def sampling_for(question: Question, *, local: bool, seed: int = 0) -> Sampling:
    """How a judge is sampled: at temperature 0, and for a letter one token with its alternatives."""
    if question.by == "logprob":
        return Sampling(temperature=0.0, top_p=1.0, max_tokens=1, seed=seed, top_logprobs=TOP_LOGPROBS)
    tokens = LOCAL_MAX_TOKENS if local else MAX_TOKENS
    return Sampling(temperature=0.0, top_p=1.0, max_tokens=tokens, seed=seed)


# ---- reading


def read_verdict(row: Mapping[str, Any] | None, question: Question) -> Verdict:
    """The verdict in an answer's row ("text", "finish_reason", "first_logprobs"); no row: unscored."""
    if row is None:
        return Verdict(None, reason="not answered")
    if question.by == "logprob":
        return _by_letter(row.get("first_logprobs"), question)
    if row.get("finish_reason") == "length":
        return Verdict(None, reason="cut off")
    text = strip_reasoning(str(row.get("text") or ""))[0]
    said = _in_json(text, question) if question.by == "json" else _in_tag(text, question)
    if said is None:
        return Verdict(None, reason="no verdict")
    return _chosen(said, question)


def _in_tag(text: str, question: Question) -> str | None:
    tag = re.escape(tag_of(question))
    found = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
    return found[-1] if found else None


def _in_json(text: str, question: Question) -> str | None:
    fenced = re.fullmatch(r"```(?:json)?\s*(.*?)\s*```", text, re.DOTALL)
    try:
        value: Any = json.loads(fenced[1] if fenced else text)
    except (ValueError, RecursionError):
        return None
    said = cast(dict[str, Any], value).get(tag_of(question)) if isinstance(value, dict) else None
    return said if isinstance(said, str) else None


def _chosen(said: str, question: Question) -> Verdict:
    """Exactly one of the words; case, quotation marks and a full stop aside."""
    word = said.strip().strip("\"'“”‘’.").strip().casefold()
    for choice in question.choices:
        if word == choice.word.strip().casefold():
            return Verdict(choice.meaning)
    if question.loose and word == question.loose:
        return Verdict(None, reason=question.loose)
    return Verdict(None, reason="not one of the words")


def _by_letter(odds: Any, question: Question) -> Verdict:
    """Softmax over the letters' spellings among the likeliest first tokens."""
    if not isinstance(odds, Mapping):
        return Verdict(None, reason="no probabilities")
    told = cast(Mapping[str, float], odds)
    mass = [_mass(told, choice.letter) for choice in question.lettered]
    if not sum(mass):
        return Verdict(None, reason="no allowed letter")
    first, second, *_ = question.lettered
    chance = mass[0] / sum(mass)
    meaning = first.meaning if chance > 0.5 else second.meaning if chance < 0.5 else TIE
    return Verdict(meaning, chance, of=first.meaning)


def _mass(odds: Mapping[str, float], letter: str) -> float:
    return sum(math.exp(value) for token, value in odds.items() if token.strip() == letter)
