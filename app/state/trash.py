"""What this tab deleted last, so that one click brings it back."""

from __future__ import annotations

from app.state.memory import recall, remember


def deleted_last() -> tuple[str, str] | None:
    """The id in the trash and the name of what was deleted last here, until it is back or gone."""
    return recall("deleted")


def remember_deleted(id: str, name: str) -> None:
    """Keep what was just deleted."""
    remember("deleted", (id, name))


def forget_deleted(id: str) -> None:
    """Forget it: it is back, or gone for good."""
    last = deleted_last()
    if last and last[0] == id:
        remember("deleted", None)
