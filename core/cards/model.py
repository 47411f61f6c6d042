"""A card as it was read, and what is proposed from it: values that a file and a page share. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, cast

from core.constitution import MAX_TEXT, MAX_TRAIT, Constitution, new_trait_id, parse
from core.errors import ConstitutionError, Problem
from core.texts import text_key

ItemKind = Literal["trait", "exchange"]
USUAL_TRAITS, USUAL_EXCHANGES = 12, 5


@dataclass(frozen=True, slots=True)
class Unused:
    """A piece of a card that becomes nothing, with the reason; `field` is where it stood."""

    source: str
    field: str
    reason: str


@dataclass(frozen=True, slots=True)
class Card:
    """What a file said of a character. `spec` is "V1", "V2", "V3", "YAML" or "biography".

    `fields` holds texts by the card's own names; `whole` is the character where our own export put it in.
    """

    name: str
    spec: str
    fields: Mapping[str, str] = dataclasses.field(default_factory=dict[str, str])
    greetings: tuple[str, ...] = ()
    ignored: tuple[Unused, ...] = ()
    whole: Constitution | None = None


@dataclass(frozen=True, slots=True)
class Proposal:
    """One trait or exchange that could be kept. `source` is the card's own sentence, `keep` the tick.

    Of an exchange, `text` is the character's answer and `user` what it answers. `whole` is the trait with
    its questions where our own export brought it.
    """

    id: int
    kind: ItemKind
    text: str
    source: str
    field: str
    keep: bool = True
    user: str = ""
    note: str = ""
    whole: Mapping[str, Any] = dataclasses.field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class Proposals:
    """Everything proposed from one card, and what could not be used. A person's edits go in here too."""

    name: str
    origin: str
    spec: str
    summary: str = ""
    items: tuple[Proposal, ...] = ()
    unused: tuple[Unused, ...] = ()
    assistant_name: str = ""

    @property
    def traits(self) -> list[Proposal]:
        """The proposed traits, in the card's order."""
        return [item for item in self.items if item.kind == "trait"]

    @property
    def exchanges(self) -> list[Proposal]:
        """The proposed exchanges, in the card's order."""
        return [item for item in self.items if item.kind == "exchange"]

    def changed(self, id: int, **changes: Any) -> Proposals:
        """The same with one item changed; unknown ids change nothing."""
        items = tuple(replace(item, **changes) if item.id == id else item for item in self.items)
        return replace(self, items=items)

    def as_dict(self) -> dict[str, Any]:
        """The proposals as they stand in a file."""
        return asdict(self)

    def constitution(self) -> Constitution:
        """The character that the ticked items make. Raises ConstitutionError with every problem."""
        kept = [item for item in self.traits if item.keep and item.text.strip()]
        taken: set[str] = set()
        traits: list[dict[str, Any]] = []
        for item in kept:
            trait = dict(item.whole) or {"id": new_trait_id(item.text, taken), "questions": []}
            taken.add(str(trait.get("id")))
            traits.append({**trait, "trait": item.text})
        value = {
            "name": self.name,
            **({"assistant_name": self.assistant_name} if self.assistant_name else {}),
            "summary": self.summary if self.summary.strip() else "",
            "traits": traits,
            "exchanges": [
                {"user": item.user, "assistant": item.text} for item in self.exchanges if item.keep
            ],
        }
        return parse(value, source=self.name)


def proposals_of(value: object, source: str) -> Proposals:
    """The proposals in a plain JSON value. Raises ConstitutionError for anything else."""
    fields = cast("dict[str, Any]", value) if isinstance(value, dict) else {}
    try:
        # Our reader of JSON knows no whole numbers.
        listed = cast("list[dict[str, Any]]", fields["items"])
        items = tuple(replace(Proposal(**item), id=int(item["id"])) for item in listed)
        unused = tuple(Unused(**one) for one in fields["unused"])
        texts = ("name", "origin", "spec", "summary", "assistant_name")
        head = {name: str(fields.get(name, "")) for name in texts}
        return Proposals(**head, items=items, unused=unused)
    except (KeyError, TypeError, ValueError) as error:
        problem = Problem("", f"holds no proposals ({error}); bring the character in again.")
        raise ConstitutionError(source, [problem]) from None


def without_repeats(items: list[Proposal]) -> list[Proposal]:
    """The items, each text once, numbered from 0 in their order; those too long for a file are cut."""
    seen: set[tuple[str, str]] = set()
    found: list[Proposal] = []
    for item in items:
        key = (item.kind, text_key(item.text + item.user))
        if item.text.strip() and key not in seen:
            seen.add(key)
            limit = MAX_TRAIT if item.kind == "trait" else MAX_TEXT
            found.append(replace(item, id=len(found), text=item.text[:limit], user=item.user[:MAX_TEXT]))
    return found
