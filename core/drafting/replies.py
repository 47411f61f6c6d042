"""What a model wrote → drafts, questions and rewrites. Lenient in form, strict in substance. Pure.

Understood: JSON objects and lists (in a fence, with talk around, cut off in the middle), numbered and
bulleted lists with questions under each trait. What cannot be used is kept with its reason.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

from core.drafting.checking import reason_against
from core.drafting.first_person import is_first_person
from core.pairs import strip_reasoning
from core.prompt_lists import clean_item
from core.records import content_hash
from core.texts import check_text, text_key

Unusable = tuple[tuple[str, str], ...]
NOTHING = "no trait was found in it"
REPEAT = "says the same as a trait above"
NO_QUESTION = "is no question"
MOST_TRAITS, MOST_QUESTIONS, MOST_EXCHANGES = 20, 5, 3
LONGEST_QUESTION, LONGEST_TURN, SHOWN = 600, 1200, 500


@dataclass(frozen=True, slots=True)
class Proposed:
    """A trait as proposed; `source` is the person's own words that it stands on, where that is known."""

    trait: str
    questions: tuple[str, ...] = ()
    source: str = ""

    @property
    def id(self) -> str:
        """What tells it from every other proposal."""
        return content_hash([self.trait, self.source])[:12]

    def as_dict(self) -> dict[str, Any]:
        """The proposal as plain JSON."""
        return {"trait": self.trait, "questions": list(self.questions), "source": self.source}


@dataclass(frozen=True, slots=True)
class Draft:
    """One draft: `angle` is how it was asked for, `by` who wrote it; `unusable` keeps text and reason."""

    angle: str
    by: str
    summary: str = ""
    traits: tuple[Proposed, ...] = ()
    unusable: Unusable = ()
    exchanges: tuple[tuple[str, str], ...] = ()
    key: str = ""


def read_draft(text: str, *, angle: str, by: str, key: str = "") -> Draft:
    """The draft in a model's answer; what cannot be used is in `unusable`, never left out."""
    text, _ = strip_reasoning(text)
    found = json_values(text)
    draft = _from_json(found) if _tells_of_traits(found) else from_lines(text)
    kept, lost = _sorted_out(draft.traits)
    lost = [*draft.unusable, *lost]
    if not kept and not lost:
        lost = [(text.strip()[:SHOWN] or "(an empty answer)", NOTHING)]
    return replace(draft, angle=angle, by=by, traits=kept, unusable=tuple(lost), key=key)


def _sorted_out(traits: Iterable[Proposed]) -> tuple[tuple[Proposed, ...], list[tuple[str, str]]]:
    kept: dict[str, Proposed] = {}
    lost: list[tuple[str, str]] = []
    for trait in traits:
        reason = REPEAT if text_key(trait.trait) in kept else reason_against(trait.trait)
        if reason is None and len(kept) >= MOST_TRAITS:
            reason = f"is more than {MOST_TRAITS} traits"
        if reason:
            lost.append((trait.trait[:SHOWN], reason))
        else:
            kept[text_key(trait.trait)] = trait
    return tuple(kept.values()), lost


# JSON ------------------------------------------------------------------------------------------

_OPENING = re.compile(r"[\[{]")
_TRAIT_FIELDS = ("trait", "text", "sentence", "statement", "description", "principle")
_LISTS = ("traits", "constitution", "principles", "character")


def json_values(text: str) -> list[Any]:
    """Every complete JSON value in the text; of an array that is cut off, the items that are whole."""
    decoder, at, values = json.JSONDecoder(), 0, cast("list[Any]", [])
    while match := _OPENING.search(text, at):
        try:
            value, at = decoder.raw_decode(text, match.start())
        except (ValueError, RecursionError):
            at = match.start() + 1
            continue
        values.append(value)
    return values


def _tells_of_traits(values: Iterable[Any]) -> bool:
    return any(True for value in values for _ in traits_in(value))


def _from_json(values: Iterable[Any]) -> Draft:
    traits: list[Proposed] = []
    exchanges: list[tuple[str, str]] = []
    summary = ""
    for value in values:
        traits += traits_in(value)
        fields = cast("dict[str, Any]", value) if isinstance(value, dict) else {}
        exchanges += _exchanges_in(fields)
        summary = summary or _one_line(fields.get("summary"))
    return Draft("", "", summary, tuple(traits), exchanges=tuple(exchanges[:MOST_EXCHANGES]))


def traits_in(value: Any) -> Iterator[Proposed]:
    if isinstance(value, str):
        if is_first_person(value):
            yield Proposed(trait_text(value))
    elif isinstance(value, list):
        for item in cast("list[Any]", value):
            yield from traits_in(item)
    elif isinstance(value, dict):
        yield from _traits_of(cast("dict[str, Any]", value))


def _traits_of(fields: Mapping[str, Any]) -> Iterator[Proposed]:
    named = next((fields[name] for name in _LISTS if isinstance(fields.get(name), list)), None)
    if named is not None:
        for item in cast("list[Any]", named):
            # Under "traits" every text was meant as a trait, also one that is to be refused.
            if isinstance(item, str):
                yield Proposed(trait_text(item))
            else:
                yield from traits_in(item)
        return
    text = next((fields[name] for name in _TRAIT_FIELDS if isinstance(fields.get(name), str)), None)
    if text is not None:
        yield Proposed(trait_text(text), questions_in(fields.get("questions")))


def _exchanges_in(fields: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    listed = fields.get("exchanges")
    for item in cast("list[Any]", listed) if isinstance(listed, list) else ():
        if isinstance(item, dict):
            turn = cast("dict[str, Any]", item)
            user, answer = _turn(turn.get("user")), _turn(turn.get("assistant"))
            if user and answer:
                yield user, answer


def _turn(value: Any) -> str:
    text = value.strip() if isinstance(value, str) else ""
    return "" if check_text(text, "", limit=LONGEST_TURN, cure="") else text


def questions_in(value: Any) -> tuple[str, ...]:
    """At most five different questions of a JSON list of texts; what is none is left out."""
    listed = cast("list[Any]", value) if isinstance(value, list) else []
    texts = [clean_item(text) for text in listed if isinstance(text, str)]
    usable = {text_key(text): text for text in texts if text and len(text) <= LONGEST_QUESTION}
    return tuple(usable.values())[:MOST_QUESTIONS]


def _one_line(value: Any) -> str:
    return " ".join(value.split())[:300] if isinstance(value, str) else ""


# Lines -----------------------------------------------------------------------------------------

ITEM = re.compile(
    r"^(?P<indent>\s*)(?:\*\*|__)?(?P<mark>\(?\d{1,2}[.):]\)?|[-*•–‣▪])(?:\*\*|__)?\s+(?P<rest>.*)$"
)
_SUMMARY = re.compile(r"^\W*(?:summary|in one sentence)\W*:\W*(?P<rest>.+)$", re.IGNORECASE)
_TITLE = re.compile(r"^(?:\*\*|__)?[A-Z][\w ,'’/&-]{1,40}(?::(?:\*\*|__)?|(?:\*\*|__):?)\s+(?=\S)")
INLINE = re.compile(r"(?<=[.!?\"”]) +(?=\d{1,2}[.)] +[\"“A-Z])")


def from_lines(text: str) -> Draft:
    """Each item that is a question belongs to the trait above it; other talk is left out."""
    traits: list[Proposed] = []
    summary = ""
    for line in INLINE.sub("\n", text).splitlines():
        if match := _SUMMARY.match(line):
            summary = _one_line(match["rest"])
            continue
        match = ITEM.match(line)
        body = trait_text(match["rest"] if match else line)
        if not body or (match is None and not _bare_trait(body)):
            continue
        if body.endswith("?") and traits:
            traits[-1] = _with_question(traits[-1], body)
        else:
            traits.append(Proposed(body))
    return Draft("", "", summary, tuple(traits))


def _bare_trait(text: str) -> bool:
    """Whether a line outside of any list reads like a trait, and not like talk about the list."""
    return (
        re.match(r"(?:I|I['’]m|My|When|If)\b", text) is not None
        and is_first_person(text)
        and not text.endswith(":")
    )


def _with_question(trait: Proposed, question: str) -> Proposed:
    known = {text_key(text) for text in trait.questions}
    if len(known) >= MOST_QUESTIONS or text_key(question) in known or len(question) > LONGEST_QUESTION:
        return trait
    return replace(trait, questions=(*trait.questions, question))


def trait_text(text: str) -> str:
    """A trait without quotes, marks and a title ("Warmth: I …") in front."""
    text = clean_item(text)
    bare = _TITLE.sub("", text)
    return clean_item(bare) if bare != text and is_first_person(bare) else text
