"""Which characters a verb works on."""

from __future__ import annotations

from core.settings import Settings
from core.store.library import Library


def names_of(constitution: str, settings: Settings) -> list[str]:
    """The character named, or every one for "all"."""
    if constitution != "all":
        return [constitution]
    return [entry.name for entry in Library(settings).names()]
