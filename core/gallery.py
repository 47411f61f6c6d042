"""Why each shipped character works, and what it teaches whoever writes one. Pure.

    constitutions/gallery.json: {"pirate": {"level": "start", "why": "…", "teaches": "…"}, …}

It stands beside the constitutions, so that their format stays what it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

from core.errors import ConstitutionError, Problem
from core.strict_json import read_value

Level = Literal["start", "subtle", "hard"]
LEVELS: tuple[Level, ...] = get_args(Level)
TITLES: Mapping[Level, str] = {"start": "Start here", "subtle": "Subtle", "hard": "Hard"}
MEANS: Mapping[Level, str] = {
    "start": "The voice shows in the first word, on the small model too.",
    "subtle": "It shows in what is noticed and left out. Give it more exchanges, or a larger model.",
    "hard": "Close to what a plain model does, or against it. For research, and for patient authors.",
}


@dataclass(frozen=True, slots=True)
class Note:
    """One character of the gallery: how hard it is to hear, why it works, what it teaches an author."""

    level: Level
    why: str
    teaches: str


def read_gallery(data: bytes, source: str = "gallery.json") -> dict[str, Note]:
    """Every note by the character's name. Raises ConstitutionError with all problems at once."""
    value = read_value(data, source=source)
    if not isinstance(value, dict):
        raise ConstitutionError(source, [Problem("", "holds no object; give one entry a character.")])
    entries = cast("dict[str, Any]", value)
    problems = [problem for name, entry in entries.items() for problem in _problems(name, entry)]
    if problems:
        raise ConstitutionError(source, problems)
    return {name: Note(entry["level"], entry["why"], entry["teaches"]) for name, entry in entries.items()}


def _problems(name: str, entry: Any) -> list[Problem]:
    if not isinstance(entry, dict):
        return [Problem(name, "is no object; give it level, why and teaches.")]
    fields = cast("dict[str, Any]", entry)
    found = [
        Problem(f"{name}.{field}", "is missing; write one sentence.")
        for field in ("why", "teaches")
        if not isinstance(fields.get(field), str) or not fields[field].strip()
    ]
    if fields.get("level") not in LEVELS:
        found.append(Problem(f"{name}.level", f"is none of {', '.join(LEVELS)}."))
    return found


def fits(text: str, *pieces: str) -> bool:
    """Whether every word of a search occurs in one of the pieces, large and small letters alike."""
    hay = "\n".join(pieces).casefold()
    return all(word in hay for word in text.casefold().split())
