"""Changes to a character that is being edited. Pure: each returns a new value, the old one stays.

They work on the file form, a plain dict, because a draft may be unfinished: a trait without text, an
exchange without an answer. `core.constitution.parse` says whether the value is ready.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

Value = dict[str, Any]


def _changed(value: Value, change: Callable[[Value], None]) -> Value:
    fresh = deepcopy(value)
    fresh.setdefault("traits", [])
    fresh.setdefault("exchanges", [])
    change(fresh)
    return fresh


def set_field(value: Value, name: str, text: str) -> Value:
    """The value with a top-level text changed; an empty assistant name is left out of the file."""
    fresh = _changed(value, lambda fresh: fresh.__setitem__(name, text.strip()))
    if name == "assistant_name" and not text.strip():
        del fresh["assistant_name"]
    return fresh


def position(value: Value, trait_id: str) -> int:
    """Where a trait stands, from 0. Raises KeyError for an unknown id."""
    for index, trait in enumerate(value["traits"]):
        if trait["id"] == trait_id:
            return index
    raise KeyError(trait_id)


def set_trait(value: Value, trait_id: str, name: str, text: str) -> Value:
    """The value with a trait's text or clarification changed."""

    def change(fresh: Value) -> None:
        trait = fresh["traits"][position(fresh, trait_id)]
        trait[name] = text.strip()
        if name == "clarification" and not text.strip():
            del trait["clarification"]

    return _changed(value, change)


def add_trait(value: Value, trait_id: str) -> Value:
    """The value with an empty trait at the end."""
    empty = {"id": trait_id, "trait": "", "questions": []}
    return _changed(value, lambda fresh: fresh["traits"].append(empty))


def remove_trait(value: Value, trait_id: str) -> Value:
    """The value without a trait."""
    return _changed(value, lambda fresh: fresh["traits"].pop(position(fresh, trait_id)))


def move_trait(value: Value, trait_id: str, step: int) -> Value:
    """The value with a trait moved up (-1) or down (1); at the edge it stays."""

    def change(fresh: Value) -> None:
        _move(fresh["traits"], position(fresh, trait_id), step)

    return _changed(value, change)


def _move(items: list[Any], index: int, step: int) -> None:
    target = index + step
    if 0 <= target < len(items):
        items[index], items[target] = items[target], items[index]


def set_question(value: Value, trait_id: str, index: int, text: str) -> Value:
    """The value with a question changed; a text at the end adds one, an empty text removes one."""

    def change(fresh: Value) -> None:
        questions = fresh["traits"][position(fresh, trait_id)].setdefault("questions", [])
        if not text.strip():
            del questions[index : index + 1]
        elif index >= len(questions):
            questions.append(text.strip())
        else:
            questions[index] = text.strip()

    return _changed(value, change)


def add_exchange(value: Value) -> Value:
    """The value with an empty exchange at the end."""
    return _changed(value, lambda fresh: fresh["exchanges"].append({"user": "", "assistant": ""}))


def begin_exchanges(value: Value, count: int = 2) -> Value:
    """The value with its first exchanges to be answered: a question each, of different traits."""

    def change(fresh: Value) -> None:
        if fresh["exchanges"]:
            return
        firsts = [trait.get("questions", [])[:1] for trait in fresh["traits"]]
        rest = [trait.get("questions", [])[1:] for trait in fresh["traits"]]
        questions = [one for some in (*firsts, *rest) for one in some]
        chosen = [*dict.fromkeys(questions), *[""] * count][:count]
        fresh["exchanges"] += [{"user": question, "assistant": ""} for question in chosen]

    return _changed(value, change)


def set_exchange(value: Value, index: int, side: str, text: str) -> Value:
    """The value with one side ("user" or "assistant") of an exchange changed."""
    return _changed(value, lambda fresh: fresh["exchanges"][index].__setitem__(side, text.strip()))


def remove_exchange(value: Value, index: int) -> Value:
    """The value without an exchange."""
    return _changed(value, lambda fresh: fresh["exchanges"].pop(index))


def move_exchange(value: Value, index: int, step: int) -> Value:
    """The value with an exchange moved up (-1) or down (1); at the edge it stays."""
    return _changed(value, lambda fresh: _move(fresh["exchanges"], index, step))
