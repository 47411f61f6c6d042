"""Two people changed one character at once: can both changes stand? Pure.

`merged(base, mine, theirs)` takes what each of them changed of `base`; None where they touched the
same text, so that a person has to choose.
"""

from __future__ import annotations

from typing import Any

Value = dict[str, Any]
_MISSING = object()


def merged(base: Value, mine: Value, theirs: Value) -> Value | None:
    """The value with both changes, or None when they meet."""
    try:
        traits = _lists(*(_by_id(value) for value in (base, mine, theirs)))
        exchanges = _one(*(value.get("exchanges", []) for value in (base, mine, theirs)))
        fields = _fields(base, mine, theirs)
    except _Meets:
        return None
    return {**fields, "traits": traits, "exchanges": exchanges}


class _Meets(Exception):
    """Both changed the same thing in two ways."""


def _one(base: Any, mine: Any, theirs: Any) -> Any:
    """The one of three that changed; raises _Meets when both did, differently."""
    if mine == theirs or theirs == base:
        return mine
    if mine == base:
        return theirs
    raise _Meets


def _fields(base: Value, mine: Value, theirs: Value) -> Value:
    names = [name for name in {**theirs, **mine} if name not in ("traits", "exchanges")]
    chosen = {
        name: _one(base.get(name, _MISSING), mine.get(name, _MISSING), theirs.get(name, _MISSING))
        for name in names
    }
    return {name: value for name, value in chosen.items() if value is not _MISSING}


def _by_id(value: Value) -> dict[str, Value]:
    return {trait["id"]: trait for trait in value.get("traits", [])}


def _lists(base: dict[str, Value], mine: dict[str, Value], theirs: dict[str, Value]) -> list[Value]:
    """The traits of both, in the order of the one that moved them; new ones of the other at the end."""
    order = _order(list(base), list(mine), list(theirs))
    kept = {id: _trait(base.get(id), mine.get(id), theirs.get(id)) for id in order}
    return [trait for trait in kept.values() if trait is not None]


def _order(base: list[str], mine: list[str], theirs: list[str]) -> list[str]:
    common = [id for id in base if id in mine and id in theirs]
    ways = [[id for id in ids if id in common] for ids in (common, mine, theirs)]
    _one(*ways)
    first, second = (theirs, mine) if ways[1] == common else (mine, theirs)
    return [*first, *(id for id in second if id not in first)]


def _trait(base: Value | None, mine: Value | None, theirs: Value | None) -> Value | None:
    """A trait field by field; gone when one removed it and the other left it alone."""
    if base is None or mine is None or theirs is None:
        return _one(base, mine, theirs)
    names = list({**theirs, **mine})
    chosen = {
        name: _one(base.get(name, _MISSING), mine.get(name, _MISSING), theirs.get(name, _MISSING))
        for name in names
    }
    return {name: value for name, value in chosen.items() if value is not _MISSING}
