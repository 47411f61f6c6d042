"""The versions of a character as the page lists them, kept until their files change."""

from __future__ import annotations

from typing import NamedTuple

import streamlit as st

from app.reads import library
from core.changes import changes, in_one_line
from core.sittings import sittings
from core.store.history import State


class Entry(NamedTuple):
    """One line of the list: a sitting by the state it ended with, what changed in it, and its states."""

    state: State
    changed: str
    states: list[tuple[State, str]]


def entries(name: str) -> list[Entry]:
    """The saved states of a character gathered into sittings, the last one first. Raises CoreError."""
    stamp = tuple(
        (str(path), path.stat().st_size, path.stat().st_mtime_ns) if path.exists() else (str(path), 0, 0)
        for path in library().history_files(name)
    )
    return _entries(name, stamp)


@st.cache_data(max_entries=16, show_spinner=False)
def _entries(name: str, stamp: tuple[tuple[str, int, int], ...]) -> list[Entry]:
    states = library().states(name)
    lines = [(state, told_since(states, n, n)) for n, state in enumerate(states)]
    return [
        Entry(
            states[sitting.head],
            told_since(states, sitting.head, sitting.positions[-1]),
            [lines[position] for position in sitting.positions],
        )
        for sitting in sittings([state.version for state in states])
    ]


def told_since(states: list[State], head: int, last: int) -> str:
    """What changed from the state before `last` up to `head`, in one line."""
    now = states[head].value
    before = states[last + 1].value if last + 1 < len(states) else None
    if now is None:
        return "cannot be read"
    return "the first one kept" if before is None else in_one_line(changes(before, now))
