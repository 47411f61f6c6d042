"""A fix put into a character's value. Pure.

`apply(value, fix)` changes only texts that still stand as they were found, so that a fix agreed to
late, or twice, can never hit another text.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

from core.errors import ConflictError
from core.linting.findings import Change, Fix
from core.slugs import new_trait_id

Value = dict[str, Any]

CHANGED = "The text has changed since this was found. Nothing was touched; look at the check again."


def apply(value: Value, fix: Fix) -> Value:
    """The value with a fix made. Raises ConflictError when a text is not the one that was found."""
    fresh = deepcopy(value)
    for change in fix.changes:
        _MAKERS[change.part](fresh, change)
    return fresh


def _trait(value: Value, change: Change) -> Value:
    for trait in value.get("traits", []):
        if trait.get("id") == change.trait:
            return trait
    raise ConflictError(CHANGED)


def _set_text(field: str) -> Callable[[Value, Change], None]:
    def make(value: Value, change: Change) -> None:
        trait = _trait(value, change)
        if trait.get(field, "") != change.old:
            raise ConflictError(CHANGED)
        trait[field] = change.new
        if not change.new:
            del trait[field]

    return make


def _set_question(value: Value, change: Change) -> None:
    questions = _trait(value, change).get("questions", [])
    if change.old not in questions:
        raise ConflictError(CHANGED)
    index = questions.index(change.old)
    questions[index : index + 1] = [change.new] if change.new else []


def _add_question(value: Value, change: Change) -> None:
    questions = _trait(value, change).setdefault("questions", [])
    if change.new in questions:
        raise ConflictError(CHANGED)
    questions.append(change.new)


def _exchange(value: Value, change: Change) -> int:
    for index, exchange in enumerate(value.get("exchanges", [])):
        if (exchange.get("user"), exchange.get("assistant")) == (change.user, change.old):
            return index
    raise ConflictError(CHANGED)


def _remove_exchange(value: Value, change: Change) -> None:
    del value["exchanges"][_exchange(value, change)]


def _set_answer(value: Value, change: Change) -> None:
    value["exchanges"][_exchange(value, change)]["assistant"] = change.new


def _add_trait(value: Value, change: Change) -> None:
    traits = value.setdefault("traits", [])
    if any(trait.get("trait") == change.new for trait in traits):
        raise ConflictError(CHANGED)
    id = new_trait_id(change.trait, {trait.get("id", "") for trait in traits})
    traits.append({"id": id, "trait": change.new, "questions": list(change.questions)})


def _remove_trait(value: Value, change: Change) -> None:
    trait = _trait(value, change)
    if trait.get("trait") != change.old:
        raise ConflictError(CHANGED)
    value["traits"].remove(trait)


_MAKERS: dict[str, Callable[[Value, Change], None]] = {
    "trait": _set_text("trait"),
    "clarification": _set_text("clarification"),
    "question": _set_question,
    "add-question": _add_question,
    "exchange": _remove_exchange,
    "answer": _set_answer,
    "add-trait": _add_trait,
    "remove-trait": _remove_trait,
}
