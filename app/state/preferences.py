"""What the person of this tab chose once for every page: kept on disk, read anew on each run."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from app.reads import settings
from app.state.memory import recall, remember
from app.state.person import person
from core.errors import CoreError
from core.store.preferences import prefer, preferences

LAST = "last_character"


def preference(name: str, default: Any = None) -> Any:
    """A choice as it stands on disk."""
    return preferences(settings(), person()).get(name, default)


def set_preference(name: str, value: Any) -> None:
    """Keep a choice; where the disk refuses, it holds for this tab alone until its next run."""
    with suppress(CoreError):
        prefer(settings(), name, value, person())


def remember_visit(name: str | None, page: str) -> None:
    """Keep which character was looked at last; written only when it changed."""
    if name and recall("visited") != name and page:
        remember("visited", name)
        if preference(LAST) != name:
            set_preference(LAST, name)
