"""What a model wrote when it was asked for questions or for another wording → those. Lenient and pure.

As in `replies`, what cannot be used is kept with its reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, cast

from core.drafting.checking import reason_against
from core.drafting.clarifying import MOST_BY_MODEL, Asked, Clarifying
from core.drafting.first_person import as_sentence
from core.drafting.replies import (
    INLINE,
    ITEM,
    LONGEST_QUESTION,
    MOST_QUESTIONS,
    SHOWN,
    Unusable,
    from_lines,
    json_values,
    traits_in,
)
from core.pairs import strip_reasoning
from core.prompt_lists import clean_item, parse_prompts
from core.records import content_hash
from core.texts import check_text, text_key

NO_QUESTION = "is no question"

# Questions about a description --------------------------------------------------------------------


def read_asked(text: str) -> Asked:
    """Up to three clarifying questions of a model, with its choices; what is none keeps its reason."""
    text, _ = strip_reasoning(text)
    found = [item for value in json_values(text) for item in _asked_in(value)] or list(_asked_lines(text))
    kept: list[Clarifying] = []
    lost: list[tuple[str, str]] = []
    for ask, choices in found:
        if not ask.endswith("?"):
            lost.append((ask[:SHOWN], NO_QUESTION))
        elif len(kept) < MOST_BY_MODEL and text_key(ask) not in {text_key(one.ask) for one in kept}:
            kept.append(_clarifying(ask, choices))
    if not found:
        lost.append((text.strip()[:SHOWN] or "(an empty answer)", NO_QUESTION))
    return Asked(tuple(kept), tuple(lost))


def _clarifying(ask: str, choices: Iterable[str]) -> Clarifying:
    offered = dict.fromkeys(choices, "")
    return Clarifying(f"m-{content_hash(ask)[:8]}", ask, offered, "Or in your own words", "", by_model=True)


def _asked_in(value: Any) -> Iterator[tuple[str, tuple[str, ...]]]:
    if isinstance(value, str):
        yield clean_item(value), ()
    elif isinstance(value, list):
        for item in cast("list[Any]", value):
            yield from _asked_in(item)
    elif isinstance(value, dict):
        fields = cast("dict[str, Any]", value)
        ask = next(
            (fields[name] for name in ("question", "ask", "text") if isinstance(fields.get(name), str)),
            None,
        )
        if ask is None:
            yield from (
                item for inner in fields.values() if isinstance(inner, list) for item in _asked_in(inner)
            )
            return
        listed = next(
            (
                fields[name]
                for name in ("choices", "options", "answers")
                if isinstance(fields.get(name), list)
            ),
            [],
        )
        choices = [clean_item(text)[:60] for text in cast("list[Any]", listed) if isinstance(text, str)]
        yield clean_item(ask)[:300], tuple(dict.fromkeys(text for text in choices if text))[:5]


def _asked_lines(text: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    for line in INLINE.sub("\n", text).splitlines():
        match = ITEM.match(line)
        body = clean_item(match["rest"] if match else line)
        if body.endswith("?") or (match and not match["indent"] and body):
            yield body[:300], ()


# Rewrites ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Rewrites:
    """The usable wordings of a reply, the best first, and the rest with reasons."""

    texts: tuple[str, ...] = ()
    unusable: Unusable = ()


def read_rewrites(text: str, *, was: str) -> Rewrites:
    """The new wordings of a trait in a model's answer; one that changes nothing is none."""
    text, _ = strip_reasoning(text)
    found = [trait.trait for value in json_values(text) for trait in traits_in(value)]
    lines = [trait.trait for trait in from_lines(text).traits]
    kept: list[str] = []
    lost: list[tuple[str, str]] = []
    for one in found or lines or [clean_item(text)]:
        reason = "is the trait as it stands" if text_key(one) == text_key(was) else reason_against(one)
        if reason:
            lost.append((one[:SHOWN] or "(an empty answer)", reason))
        elif one not in kept:
            kept.append(as_sentence(one))
    return Rewrites(tuple(kept[:MOST_BY_MODEL]), tuple(lost))


def read_questions(text: str, *, taken: Iterable[str] = ()) -> tuple[tuple[str, ...], Unusable]:
    """Up to five new everyday questions in a model's answer, and what could not be used."""
    text, _ = strip_reasoning(text)
    used = {text_key(one) for one in taken}
    kept: list[str] = []
    lost: list[tuple[str, str]] = []
    for one in parse_prompts(text):
        reason = "is asked already" if text_key(one) in used else _question_reason(one)
        if reason:
            lost.append((one[:SHOWN], reason))
        elif len(kept) < MOST_QUESTIONS:
            kept.append(one)
            used.add(text_key(one))
    if not kept and not lost:
        lost.append((text.strip()[:SHOWN] or "(an empty answer)", NO_QUESTION))
    return tuple(kept), tuple(lost)


def _question_reason(text: str) -> str | None:
    if check_text(text, "", limit=LONGEST_QUESTION, cure=""):
        return "is too long or cannot be read"
    if len(text.split()) < 2:
        return "says too little"
    if re.match(r"I(?:['’]m| am) (?:an? )?(?:AI|assistant|language model)", text):
        return "is not something a person asks"
    return None
