"""What a character is, and how its file is read: all problems at once, each with its place. Pure.

A file, `constitutions/hand-written/<name>.json`:

    {"name": "pirate", "summary": "A big-hearted old sea dog.",
     "traits": [{"id": "voice", "trait": "I talk as old sea dogs do.", "questions": ["What is tax?"]}],
     "exchanges": [{"user": "I passed my exam!", "assistant": "Hoist the flags, shipmate!"}]}

"assistant_name" (the file) and "clarification" (a trait) may be left out.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, cast

from core.errors import ConstitutionError, Problem
from core.records import content_hash
from core.slugs import check_name, is_id, new_trait_id, slug_for
from core.strict_json import read_value
from core.texts import check_text, kind_of, text_key
from core.titles import title_of

__all__ = [
    "Constitution",
    "Exchange",
    "Trait",
    "check_name",
    "new_trait_id",
    "parse",
    "parse_json",
    "slug_for",
]

MAX_TRAIT = 1_000
MAX_TEXT = 4_000
MAX_ASSISTANT_NAME = 64
MAX_TRAITS = 200

WRITE_QUESTION = "write a question or remove it."
WRITE_TRAIT = "write a sentence that begins with I, or remove it."


@dataclass(frozen=True, slots=True)
class Trait:
    """One first-person sentence or two, and the hand-written questions that let it show."""

    id: str
    trait: str
    questions: tuple[str, ...]
    clarification: str = ""

    def as_dict(self) -> dict[str, Any]:
        """The trait as it stands in a file."""
        clarification = {"clarification": self.clarification} if self.clarification else {}
        return {"id": self.id, "trait": self.trait, **clarification, "questions": list(self.questions)}


@dataclass(frozen=True, slots=True)
class Exchange:
    """An example of the character at work: what somebody wrote and what it answered."""

    user: str
    assistant: str

    def as_dict(self) -> dict[str, str]:
        """The exchange as it stands in a file."""
        return {"user": self.user, "assistant": self.assistant}


@dataclass(frozen=True, slots=True)
class Constitution:
    """A whole character. Made by `parse`, which lets no broken one through."""

    name: str
    summary: str
    traits: tuple[Trait, ...]
    exchanges: tuple[Exchange, ...]
    assistant_name: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """The exact form of the file; optional fields that are not set are left out."""
        assistant = {"assistant_name": self.assistant_name} if self.assistant_name else {}
        return {
            "name": self.name,
            **assistant,
            "summary": self.summary,
            "traits": [trait.as_dict() for trait in self.traits],
            "exchanges": [exchange.as_dict() for exchange in self.exchanges],
        }

    @property
    def content_hash(self) -> str:
        """The hash of everything in the file: any edit changes it."""
        return content_hash(self.as_dict())

    @property
    def run_id(self) -> str:
        """The run in which the verbs of this very version find each other: "pirate-9f3a12cd"."""
        return f"{self.name}-{self.content_hash[:8]}"

    @property
    def title(self) -> str:
        """The name as a person writes it: "Madame Odile"."""
        return title_of(self.name, self.summary)

    def trait_list(self) -> str:
        """The trait sentences, numbered from 1, a line each, as the prompts quote them."""
        sentences = dict.fromkeys(trait.trait for trait in self.traits)
        return "\n".join(f"{number}: {sentence}" for number, sentence in enumerate(sentences, 1))

    def trait_by_id(self, id: str) -> Trait:
        """The trait of an id. Raises ConstitutionError naming the ids there are."""
        for trait in self.traits:
            if trait.id == id:
                return trait
        known = ", ".join(trait.id for trait in self.traits)
        raise ConstitutionError(
            self.name, [Problem("", f"there is no trait {id!r}; its traits are {known}.")]
        )


def parse_json(data: bytes, *, source: str) -> Constitution:
    """The character in the bytes of a file. Raises ConstitutionError with everything that is wrong."""
    return _parsed(data, source)


# A page asks for the same dozen characters on every run; nothing of one can be changed in place.
@lru_cache(maxsize=64)
def _parsed(data: bytes, source: str) -> Constitution:
    return parse(read_value(data, source=source), source=source)


def parse(value: object, *, source: str) -> Constitution:
    """The character in a plain JSON value. Raises ConstitutionError with everything that is wrong."""
    reader = _Reader()
    constitution = reader.constitution(value)
    if reader.problems:
        raise ConstitutionError(source, reader.problems)
    return constitution


@dataclass(slots=True)
class _Reader:
    """Walks through a value, noting every problem; what it returns is whole only if there was none."""

    problems: list[Problem] = field(default_factory=list[Problem])

    def constitution(self, value: object) -> Constitution:
        fields = self.fields(value, "", ("name", "summary", "traits", "exchanges"), ("assistant_name",))
        assistant_name = self.optional(fields, "assistant_name", "assistant_name", MAX_ASSISTANT_NAME)
        return Constitution(
            name=self.name(fields),
            summary=self.optional(fields, "summary", "summary", MAX_TRAIT),
            traits=self.traits(fields),
            exchanges=self.exchanges(fields),
            assistant_name=assistant_name or None,
        )

    def fields(
        self, value: object, place: str, required: Sequence[str], optional: Sequence[str] = ()
    ) -> Mapping[str, object]:
        """The object's fields; unknown and missing ones are noted."""
        if not isinstance(value, dict):
            names = ", ".join(f'"{name}"' for name in required)
            self.note(place, f"is {kind_of(value)}; it must be an object with {names}.")
            return {}
        fields = cast("dict[str, object]", value)
        for name in fields:
            if name not in (*required, *optional):
                self.note(place, _unknown(str(name), [*required, *optional]))
        for name in required:
            if name not in fields:
                self.note(place, f'has no "{name}"; add it.')
        return fields

    def name(self, fields: Mapping[str, object]) -> str:
        name = fields.get("name")
        if isinstance(name, str):
            self.problems += check_name(name)
        elif "name" in fields:
            self.note("name", f"is {kind_of(name)}; write a text in double quotes.")
        return str(name)

    def text(self, fields: Mapping[str, object], name: str, place: str, limit: int, cure: str) -> str:
        if name not in fields:
            return ""
        self.problems += check_text(fields[name], place, limit=limit, cure=cure)
        return str(fields[name])

    def optional(self, fields: Mapping[str, object], name: str, place: str, limit: int) -> str:
        """A text that may be empty or absent."""
        value = fields.get(name)
        if value is None or value == "":
            return ""
        return self.text(fields, name, place, limit, "write it or leave it quite empty.")

    def items(self, fields: Mapping[str, object], name: str, place: str) -> list[object]:
        value = fields.get(name, [])
        if not isinstance(value, list):
            self.note(place, f"is {kind_of(value)}; it must be a list [ … ].")
            return []
        return cast("list[object]", value)

    def traits(self, fields: Mapping[str, object]) -> tuple[Trait, ...]:
        items = self.items(fields, "traits", "traits")
        if items == [] and isinstance(fields.get("traits"), list):
            self.note("traits", "there is none; write at least one sentence that begins with I.")
        if len(items) > MAX_TRAITS:
            self.note("traits", f"there are {len(items):,}; about ten are good, {MAX_TRAITS} the most.")
            return ()
        traits = tuple(self.trait(item, f"trait {number}") for number, item in enumerate(items, 1))
        self.no_repeats([trait.trait for trait in traits], "trait")
        self.no_repeated_ids(traits)
        return traits

    def trait(self, value: object, place: str) -> Trait:
        fields = self.fields(value, place, ("trait", "questions"), ("id", "clarification"))
        sentence = self.text(fields, "trait", place, MAX_TRAIT, WRITE_TRAIT)
        return Trait(
            self.id(fields, place, sentence),
            sentence,
            self.questions(fields, place),
            self.optional(fields, "clarification", f"{place}, clarification", MAX_TEXT),
        )

    def id(self, fields: Mapping[str, object], place: str, sentence: str) -> str:
        id = fields.get("id")
        if id is None and fields:
            self.note(place, f'has no "id"; add one, such as "{new_trait_id(sentence, ())}".')
        elif fields and not (isinstance(id, str) and is_id(id)):
            better = new_trait_id(id if isinstance(id, str) else sentence, ())
            cure = f'use lower-case letters, digits, - and _, such as "{better}"'
            self.note(place, f"its id {str(id)[:40]!r} cannot be used; {cure}.")
        return str(id)

    def questions(self, fields: Mapping[str, object], place: str) -> tuple[str, ...]:
        items = self.items(fields, "questions", f"{place}, questions")
        for number, item in enumerate(items, 1):
            where = f"{place}, question {number}"
            self.problems += check_text(item, where, limit=MAX_TEXT, cure=WRITE_QUESTION)
        self.no_repeats([item if isinstance(item, str) else "" for item in items], f"{place}, question")
        return tuple(str(item) for item in items)

    def exchanges(self, fields: Mapping[str, object]) -> tuple[Exchange, ...]:
        items = self.items(fields, "exchanges", "exchanges")
        return tuple(self.exchange(item, f"exchange {number}") for number, item in enumerate(items, 1))

    def exchange(self, value: object, place: str) -> Exchange:
        fields = self.fields(value, place, ("user", "assistant"))
        cure = "write it, or remove the exchange."
        user, assistant = (
            self.text(fields, side, f"{place}, {side}", MAX_TEXT, cure) for side in ("user", "assistant")
        )
        return Exchange(user, assistant)

    def no_repeats(self, texts: Sequence[str], what: str) -> None:
        first: dict[str, int] = {}
        for number, text in enumerate(texts, 1):
            key = text_key(text)
            if key and first.setdefault(key, number) != number:
                of = f"{what.rpartition(', ')[2]} {first[key]}"
                self.note(f"{what} {number}", f"says the same as {of}; change or remove one.")

    def no_repeated_ids(self, traits: Sequence[Trait]) -> None:
        first: dict[str, int] = {}
        for number, trait in enumerate(traits, 1):
            if is_id(trait.id) and first.setdefault(trait.id, number) != number:
                message = f'has the id "{trait.id}" of trait {first[trait.id]}; choose another.'
                self.note(f"trait {number}", message)

    def note(self, place: str, message: str) -> None:
        self.problems.append(Problem(place, message))


def _unknown(name: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, known, 1)
    guess = f'did you mean "{close[0]}"?' if close else f"known are {', '.join(known)}. Remove it."
    return f"has a field {name[:40]!r} that no character file has; {guess}"
