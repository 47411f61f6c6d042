"""Saved states gathered into sittings: what was written in one go is one line of the list. Pure.

The page saves at every change, so an evening's work is fifty states. A pause, a name or a step that
was no typing (a restore, an import) ends a sitting.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

PAUSE_S = 30 * 60


class Saved(Protocol):
    """A saved state: when, why, and what somebody called it."""

    @property
    def saved_at(self) -> float: ...
    @property
    def note(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def who(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Sitting:
    """States saved in one go, by their positions in the list they came from, the last one first."""

    positions: tuple[int, ...]

    @property
    def head(self) -> int:
        """The state that the sitting ended with."""
        return self.positions[0]


def sittings(states: Sequence[Saved], pause_s: float = PAUSE_S) -> list[Sitting]:
    """States, the last one first, as sittings, the last one first. Each state is in exactly one."""
    found: list[list[int]] = []
    for position, state in enumerate(states):
        if found and _goes_on(states[found[-1][-1]], state, pause_s):
            found[-1].append(position)
        else:
            found.append([position])
    return [Sitting(tuple(positions)) for positions in found]


def _goes_on(later: Saved, earlier: Saved, pause_s: float) -> bool:
    """Whether two neighbours belong together: a named or noted state always ends its sitting."""
    close = later.saved_at - earlier.saved_at <= pause_s
    return close and not earlier.name and not earlier.note and not later.note and later.who == earlier.who
