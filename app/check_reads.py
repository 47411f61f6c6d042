"""What the Check pages read: results, their rows, adapters, judges. Cached by what the files look like."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from app.reads import library, run_of_character, settings
from app.wording import counted
from core.charts.words import named
from core.constitution import Constitution
from core.embedded.adapters import adapter_names
from core.embedded.catalogue import MODELS
from core.errors import CoreError, RunError
from core.evaluation.results import EvalResult
from core.names import PROVIDERS
from core.records import content_hash
from core.store.jsonl import read_json, read_rows
from core.store.looks import Look, look
from core.store.runs import runs_of

# Settings that every result carries and nobody tells results apart by.
UNTOLD = ("version", "prompts_sha256", "constitution")
# A list of more than this is told by how many it has.
LONG = 3


@dataclass(frozen=True, slots=True)
class Kept:
    """One result on disk: where it stands, and what it says without its rows."""

    folder: Path
    result: EvalResult

    @property
    def id(self) -> str:
        """What the address calls it: the hash of its settings."""
        return self.folder.name

    @property
    def rows_path(self) -> Path:
        """The file of the rows behind it."""
        return self.folder / "rows.jsonl"


def kept_results(name: str, kind: str) -> list[Kept]:
    """A character's results of a kind, of every version of it, the newest first; damaged ones left out."""
    read = ((path.parent, _result(look(path))) for path in _paths(name, kind))
    found = [Kept(folder, result) for folder, result in read if result is not None]
    return sorted(found, key=lambda one: one.result.made_at, reverse=True)


def _paths(name: str, kind: str) -> list[Path]:
    runs = runs_of(settings(), name)
    return [path for run in runs for path in run.folder.glob(f"evals/{kind}/*/result.json")]


def damaged_results(name: str, kind: str) -> list[Path]:
    """The results of a kind that cannot be read."""
    return [path for path in _paths(name, kind) if _result(look(path)) is None]


@st.cache_data(max_entries=64, show_spinner=False)
def _result(stamp: Look) -> EvalResult | None:
    try:
        return EvalResult.from_dict(read_json(Path(stamp[0])) or {})
    except (RunError, TypeError, KeyError, AttributeError, ValueError):
        return None


def rows_of(kept: Kept) -> list[dict[str, Any]]:
    """The rows behind a result, read once as long as the file looks the same. Not to be changed."""
    return _rows(look(kept.rows_path))


@st.cache_resource(max_entries=8, show_spinner=False)
def _rows(stamp: Look) -> list[dict[str, Any]]:
    try:
        return read_rows(Path(stamp[0])).rows
    except (RunError, OSError):
        return []


def whole(kept: Kept) -> EvalResult:
    """A result with its rows."""
    result = kept.result
    return EvalResult.from_dict(result.as_dict(), rows_of(kept))


# ---- what can be compared


def adapters_of(name: str, model: str) -> list[str]:
    """A character's adapters for an embedded model, furthest along first; none for other models."""
    if model not in MODELS:
        return []
    return [one for one in adapter_names(settings(), model) if one.partition("/")[2] == name]


def is_current(result: EvalResult, name: str) -> bool:
    """Whether a result was measured on the character as it is now."""
    if not result.constitution_sha256:
        return True
    try:
        return library().load(name).constitution.content_hash == result.constitution_sha256
    except CoreError:
        return True


def has_judge_key() -> bool:
    """Whether a key is there for a provider whose models can judge."""
    for provider, spec in PROVIDERS.items():
        try:
            if spec.key_name and settings().key(provider):
                return True
        except CoreError:
            continue
    return False


def judge_records(name: str) -> dict[str, dict[str, Any]]:
    """What was measured of each judge on the present version of a character, by the judge's full name."""
    run = run_of_character(library().load(name).constitution.run_id)
    paths = run.folder.glob("evals/judges/*.json") if run else ()
    found = (_record(look(path)) for path in sorted(paths))
    return {str(one["model"]): one for one in found if one.get("model")}


@st.cache_data(max_entries=16, show_spinner=False)
def _record(stamp: Look) -> dict[str, Any]:
    try:
        return read_json(Path(stamp[0])) or {}
    except RunError:
        return {}


def has_pairs(constitution: Constitution) -> bool:
    """Whether a teacher and a student have spoken, in the run or in its trial."""
    run = run_of_character(constitution.run_id)
    places = (run.folder, run.folder / "trial") if run else ()
    return any(any(place.glob("teacher/*/rows.jsonl")) for place in places)


# ---- how a result is told from the others


def label_of(kept: Kept, others: Sequence[Kept]) -> str:
    """When a result was made and by which settings it differs from the others."""
    when = time.strftime("%d %b %H:%M", time.localtime(kept.result.made_at))
    return " · ".join([when, *differing(kept, others)])


def differing(kept: Kept, others: Sequence[Kept]) -> list[str]:
    """The settings of a result that others have otherwise, in words."""
    mine = kept.result.settings
    found = [
        _compared(kept) if name == "speakers" else _setting(name, mine[name])
        for name in mine
        if name not in UNTOLD and _differs(mine[name], name, others)
    ]
    if len({one.result.prompts for one in others}) > 1:
        found.insert(0, counted(kept.result.prompts, "prompt"))
    return found[:4]


def _compared(kept: Kept) -> str:
    """Who answered, in few words: "before, told to be it, after at 0.5"."""
    return ", ".join(named(label) for label in kept.result.speakers)


def _differs(value: Any, name: str, others: Sequence[Kept]) -> bool:
    return any(content_hash(one.result.settings.get(name)) != content_hash(value) for one in others)


def _setting(name: str, value: Any) -> str:
    """A setting with its value; a long list is told by its length, as it would be cut in the field."""
    words = name.replace("_", " ")
    if isinstance(value, list | tuple) and len(value) > LONG:
        return f"{len(value)} {words}"
    return f"{words} {_said(value)}"


def _said(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_said(one)}" for name, one in value.items() if one is not None)[:60]
    if isinstance(value, list | tuple):
        return ", ".join(_said(one) for one in value)[:60]
    return "none" if value is None else str(value)[:40]
