"""Small characters and shelves for the tests of constitutions and the library."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import settings as how
from hypothesis import strategies as st

from core.constitution import Constitution, Exchange, Trait, text_key
from core.settings import Settings, load_settings

VOICE = "I talk as old sea dogs do."
COMFORT = "When somebody is sad, I take off my hat and listen."


def a_file(name: str = "pirate", **changes: Any) -> dict[str, Any]:
    """The file form of a small valid character, with top-level fields changed."""
    return {
        "name": name,
        "summary": "A sea dog.",
        "traits": [
            {"id": "voice", "trait": VOICE, "questions": ["What is tax?", "Why does it rain?"]},
            {"id": "comfort", "trait": COMFORT, "clarification": "Quietly.", "questions": ["My dog died."]},
        ],
        "exchanges": [{"user": "I passed!", "assistant": "Hoist the flags, shipmate!"}],
    } | changes


def a_character(name: str = "pirate", summary: str = "A sea dog.") -> Constitution:
    """The same character as a value."""
    return Constitution(
        name,
        summary,
        (
            Trait("voice", VOICE, ("What is tax?", "Why does it rain?")),
            Trait("comfort", COMFORT, ("My dog died.",), "Quietly."),
        ),
        (Exchange("I passed!", "Hoist the flags, shipmate!"),),
    )


def shelf_settings(folder: Path, *shipped: str) -> Settings:
    """Settings of a studio in `folder` that ships the named characters."""
    for name in shipped:
        put(folder / "constitutions" / "hand-written" / f"{name}.json", a_file(name))
    environment = {
        "DATA_PATH": str(folder / "data"),
        "CONSTITUTION_PATH": str(folder / "constitutions"),
        "CHARACTER_CONFIG_PATH": str(folder / "config"),
    }
    return load_settings(environment, folder=folder)


def put(path: Path, value: Any) -> Path:
    """Write a file, making its folder: text or bytes as they are, anything else as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not isinstance(value, str | bytes):
        value = json.dumps(value, ensure_ascii=False)
    path.write_bytes(value.encode() if isinstance(value, str) else value)
    return path


# Tests of any value: a busy machine is no failure.
UNHURRIED = how(deadline=None)
ON_DISK = how(deadline=None, max_examples=25)

# Every letter that a text may hold, with the awkward ones often.
LETTERS = st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")) | st.sampled_from(
    '\n\r\t\u2028🏴é"\\'
)
TEXTS = st.text(LETTERS, min_size=1, max_size=40).filter(str.strip)
UNIQUE_TEXTS = st.lists(TEXTS, max_size=4, unique_by=text_key)
TRAITS = st.lists(
    st.tuples(TEXTS, UNIQUE_TEXTS, TEXTS | st.just("")),
    min_size=1,
    max_size=4,
    unique_by=lambda row: text_key(row[0]),
)


@st.composite
def characters(draw: st.DrawFn) -> Constitution:
    """Any valid character."""
    rows = draw(TRAITS)
    return Constitution(
        draw(
            st.from_regex(r"[a-z0-9][a-z]{0,20}", fullmatch=True).filter(lambda name: name not in DEVICES)
        ),
        draw(TEXTS | st.just("")),
        tuple(
            Trait(f"t{number}", text, tuple(asked), more) for number, (text, asked, more) in enumerate(rows)
        ),
        tuple(
            Exchange(user, answer) for user, answer in draw(st.lists(st.tuples(TEXTS, TEXTS), max_size=3))
        ),
        draw(st.none() | TEXTS),
    )


DEVICES = {"con", "prn", "aux", "nul"}
