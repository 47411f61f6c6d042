"""What a tab has undone, so that it can be done again; any new change forgets it."""

from __future__ import annotations

from typing import Any, NamedTuple

from app.state.memory import recall, remember


class Redo(NamedTuple):
    """A value that was undone; it may be brought back from `revision`, where `under` is the value."""

    value: dict[str, Any]
    under: dict[str, Any]
    label: str
    revision: str
    field: str = ""


def remember_for_redo(name: str, redo: Redo) -> None:
    """Keep what was just undone."""
    stack: list[Redo] = recall(f"redo:{name}", [])
    remember(f"redo:{name}", [*stack, redo])


def last_redo(name: str) -> Redo | None:
    """The change that redo would bring back, or None."""
    stack: list[Redo] = recall(f"redo:{name}", [])
    return stack[-1] if stack else None


def pop_redo(name: str, *, now: str = "") -> None:
    """Take the last change for redo; `now` is the revision that redoing it has led to."""
    stack: list[Redo] = recall(f"redo:{name}", [])
    rest = list(stack[:-1])
    if rest and now:
        rest[-1] = rest[-1]._replace(revision=now)
    remember(f"redo:{name}", rest)


def forget_redo(name: str) -> None:
    """Forget what could be redone: something new was written."""
    remember(f"redo:{name}", [])
