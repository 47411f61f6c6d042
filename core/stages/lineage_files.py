"""Where the files that lineage is read from stand, and what they hold, read once for each state of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from core.errors import CoreError
from core.evaluation.results import KINDS
from core.settings import Settings
from core.store.jsonl import read_json
from core.store.looks import Look, look

SUFFIXES = ("dpo", "sft", "merged", "trial")
PROVENANCE = "provenance.json"
MOST_KEPT = 4096

# What was read of a file while it looked like that.
_read: dict[Look, Any] = {}


def runs_named(settings: Settings, name: str) -> list[Path]:
    """The run folders of a character, found by what their run.json says."""
    return [
        path.parent
        for path in sorted(settings.runs_path.glob("*/run.json"))
        if kept(path, _name_in) == name
    ]


def _name_in(path: Path) -> str:
    return str(as_object(object_in(path).get("constitution")).get("name") or "")


def results_in(run: Path) -> list[Path]:
    """The results of evaluations in a run folder, of every kind."""
    return [path for kind in KINDS for path in sorted(run.glob(f"evals/{kind}/*/result.json"))]


def manifests_of(settings: Settings, name: str) -> list[Path]:
    """What is said beside each data file of a character."""
    return [
        path
        for folder in ("dpo", "sft_data")
        for path in sorted((settings.data_path / folder).glob(f"*/{name}.manifest.json"))
    ]


def provenances_of(settings: Settings, name: str) -> list[tuple[str, str, Path]]:
    """(kind, student, file) of every adapter that stands at its place."""
    found: list[tuple[str, str, Path]] = []
    for kind in SUFFIXES:
        for place in sorted(settings.lora_path.glob(f"*-{kind}/{name}")):
            inside = place / "adapter" / PROVENANCE
            path = inside if inside.exists() else place / PROVENANCE
            found.append((kind, place.parent.name.removesuffix(f"-{kind}"), path))
    return found


def kept(path: Path, read: Any) -> Any:
    """What `read` finds in a file, read once for each state of it."""
    key = look(path)
    name = (f"{read.__name__}:{key[0]}", key[1], key[2])
    if (found := _read.get(name, _read)) is not _read:
        return found
    # Several tabs read at once: one of them may empty the table at any time.
    if len(_read) > MOST_KEPT:
        _read.clear()
    value = _read[name] = read(path)
    return value


def object_in(path: Path) -> dict[str, Any]:
    """A JSON object; empty where there is none or it is damaged: lineage is told as far as it is known."""
    try:
        return as_object(read_json(path))
    except CoreError:
        return {}


def as_object(value: Any) -> dict[str, Any]:
    """The value where it is a JSON object, else an empty one."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def as_number(value: Any) -> float:
    """The value where it is a number, else 0."""
    usable = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if usable else 0.0
