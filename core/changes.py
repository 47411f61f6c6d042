"""What changed between two states of a character, piece by piece and in one line. Pure.

    pieces = changes(before, after)
    in_one_line(pieces)                  "changed 2 traits, added 1 question"

The states are plain values, as in a file; a draft's empty texts are no obstacle. Traits are known by
their ids, questions and exchanges by their words.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Literal

Value = dict[str, Any]
Kind = Literal["sentence", "own name", "trait", "clarification", "question", "exchange", "order"]


@dataclass(frozen=True, slots=True)
class Piece:
    """A text that differs: what it is, where it stands now (or stood), and both wordings, "" for none.

    `trait` is the id of the trait it belongs to, "" for none.
    """

    kind: Kind
    where: str
    before: str
    after: str
    trait: str = ""

    @property
    def deed(self) -> str:
        """What was done to it: "added", "removed", "changed" or "moved"."""
        if self.kind == "order":
            return "moved"
        return "changed" if self.before and self.after else "added" if self.after else "removed"


def changes(before: Value, after: Value) -> list[Piece]:
    """Every text that differs, in the order of the page: the sentence, trait by trait, the exchanges."""
    return [*_fields(before, after), *_traits(before, after), *_exchanges(before, after)]


def in_one_line(pieces: Sequence[Piece]) -> str:
    """The changes in a few words; "nothing changed" for none."""
    counted: Counter[tuple[str, Kind]] = Counter(
        (piece.deed, piece.kind) for piece in pieces if not _of_a_new_trait(piece, pieces)
    )
    return (
        ", ".join(_told(deed, kind, count) for (deed, kind), count in counted.items()) or "nothing changed"
    )


def _of_a_new_trait(piece: Piece, pieces: Sequence[Piece]) -> bool:
    """Whether a piece came or went with its whole trait, which tells it already."""
    whole = {p.trait for p in pieces if p.kind == "trait" and p.deed in ("added", "removed")}
    return piece.kind in ("question", "clarification") and piece.trait in whole


def _told(deed: str, kind: Kind, count: int) -> str:
    if kind == "sentence":
        return f"{deed} the one sentence"
    if kind == "own name":
        return f"{deed} what it calls itself"
    if kind == "order":
        return "changed the order of the traits"
    return f"{deed} {count} {kind}{'s' if count > 1 else ''}"


def _fields(before: Value, after: Value) -> Iterator[Piece]:
    named: tuple[tuple[Kind, str, str], ...] = (
        ("sentence", "In one sentence", "summary"),
        ("own name", "What it calls itself", "assistant_name"),
    )
    for kind, where, field in named:
        old, new = str(before.get(field) or ""), str(after.get(field) or "")
        if old != new:
            yield Piece(kind, where, old, new)


def _traits(before: Value, after: Value) -> Iterator[Piece]:
    old = {trait.get("id"): trait for trait in before.get("traits", [])}
    new = {trait.get("id"): trait for trait in after.get("traits", [])}
    places = {id: f"Trait {number}" for number, id in enumerate(new, 1)}
    gone = {id: f"Trait {number}, as it was" for number, id in enumerate(old, 1)}
    for id in [*new, *(id for id in old if id not in new)]:
        place = places.get(id) or gone[id]
        yield from _one_trait(str(id), place, old.get(id, {}), new.get(id, {}))
    if [id for id in old if id in new] != [id for id in new if id in old]:
        yield Piece("order", "The order", _order(before), _order(after))


def _order(value: Value) -> str:
    return ", ".join(str(trait.get("id")) for trait in value.get("traits", []))


def _one_trait(id: str, place: str, old: Value, new: Value) -> Iterator[Piece]:
    kinds: tuple[tuple[Kind, str], ...] = (("trait", ""), ("clarification", ", clarification"))
    for kind, more in kinds:
        before, after = str(old.get(kind) or ""), str(new.get(kind) or "")
        if before != after:
            yield Piece(kind, place + more, before, after, id)
    for before, after, number in _moves(old.get("questions", []), new.get("questions", [])):
        yield Piece("question", f"{place}, question {number}", before, after, id)


def _exchanges(before: Value, after: Value) -> Iterator[Piece]:
    old, new = ([_spoken(exchange) for exchange in value.get("exchanges", [])] for value in (before, after))
    for was, now, number in _moves(old, new):
        yield Piece("exchange", f"Exchange {number}", was, now)


def _spoken(exchange: Value) -> str:
    return f"{exchange.get('user', '')}\n— {exchange.get('assistant', '')}"


def _moves(old: Sequence[str], new: Sequence[str]) -> Iterator[tuple[str, str, int]]:
    """What differs between two lists: the old text, the new one, and the number it has or had, from 1."""
    for tag, i, j, k, m in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            continue
        for offset in range(max(j - i, m - k)):
            before = old[i + offset] if i + offset < j else ""
            after = new[k + offset] if k + offset < m else ""
            yield before, after, (k if after else i) + offset + 1
