"""Before a training is launched: what is there, what is not, and the cure. Sends nothing, loads no trainer.

found = preflight(Wish("pirate", "local", "dpo", "smollm2-135m", batch=4), settings)
found.blocked    whether something must be mended first
found.rows       how many rows it would learn from
"""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, cast

from core.embedded.catalogue import MODELS
from core.environments import find_environment
from core.errors import CoreError, RunError
from core.formats import MOST_FILE_BYTES, Kind, Problem, Target
from core.settings import Settings
from core.store.decisions import decided_since
from core.store.jsonl import read_json
from core.store.library import Library
from core.store.runs import Run, run_folder
from core.tuning.convert import numbered_problems, owner_of
from core.tuning.local import NEEDS
from core.tuning.prepare import SOURCES

Bad = tuple[tuple[Problem, str], ...]
Backend = Literal["local", "together", "openrlhf"]
Standing = Literal["good", "note", "stop"]
ROOM = {"local": 1_500_000_000, "together": 600_000_000, "openrlhf": 30_000_000_000}
SHOWN = 5
FEW_PAIRS = 40
LONGEST_ROW = 160


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at. A "note" does not hinder, a "stop" does; `page` is where it is mended."""

    standing: Standing
    text: str
    cure: str = ""
    page: str = ""
    rows: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be trained where. `batch` None leaves it to the trainer."""

    constitution: str
    backend: Backend
    kind: Kind
    student: str
    batch: int | None = None
    base: str = ""


@dataclass(frozen=True, slots=True)
class Preflight:
    """Every check, the rows to learn from, and how long the file is."""

    checks: tuple[Check, ...]
    rows: int = 0
    held_out: int = 0
    size: int = 0

    @property
    def blocked(self) -> bool:
        """Whether a check forbids to launch."""
        return any(check.standing == "stop" for check in self.checks)


def rows_path(wish: Wish, settings: Settings) -> Path:
    """The file that the wish learns from."""
    return settings.data_path / SOURCES[wish.kind] / wish.student / f"{wish.constitution}.jsonl"


def preflight(wish: Wish, settings: Settings) -> Preflight:
    """Look at everything; a file that is not there hides what could only be said of it."""
    path = rows_path(wish, settings)
    around = [*_tools(wish, settings), _room(wish, settings)]
    if not path.exists():
        return Preflight((_missing(wish), *around))
    rows, held_out = _lines(path), _lines(path.with_suffix(".validation.jsonl"))
    size = [_there(wish, rows, held_out), _few(wish, rows)]
    checks = [*size, *_about_file(wish, path, settings), _batch(wish, rows)]
    return Preflight((*(one for one in checks if one), *around), rows, held_out, path.stat().st_size)


# ---- the file


def _missing(wish: Wish) -> Check:
    if wish.kind == "sft":
        verbs = "character reflect, character interact, then character sft-data"
        return Check("stop", "Its own words are not written yet.", f"Write them in a shell: {verbs}.")
    cure = f"Make pairs with the student {wish.student}, then press “Write the DPO file”."
    return Check("stop", f"There is no file of pairs for {wish.student} yet.", cure, "pairs")


def _there(wish: Wish, rows: int, held_out: int) -> Check:
    noun = "pairs" if wish.kind == "dpo" else "conversations"
    kept = f", {held_out} more held out to measure on" if held_out else ""
    if not rows:
        cure = "Keep some pairs, then write the file again."
        return Check("stop", "The file holds no rows.", cure, "pairs")
    return Check("good", f"{rows:,} {noun} to learn from{kept}.")


def _few(wish: Wish, rows: int) -> Check | None:
    """A word about what few pairs can teach: after 20 a model answers otherwise, not as itself."""
    if wish.kind != "dpo" or not 0 < rows < FEW_PAIRS:
        return None
    cure = "Make more pairs, keep the good ones, and write the file again."
    text = "Few pairs teach a tone and not yet a voice; the pirate of the sample learned from 48."
    return Check("note", text, cure, "pairs")


def _about_file(wish: Wish, path: Path, settings: Settings) -> Iterator[Check]:
    yield from _bad_rows(wish, path)
    owner = owner_of(path)
    if owner.student and owner.student.casefold() != wish.student.casefold():
        cure = f"Choose {owner.student} as the student, or make pairs with {wish.student}."
        yield Check("stop", f"These are pairs of another student, {owner.student}.", cure, "pairs")
    else:
        yield Check("good", f"They are pairs of this student, {wish.student}.")
    if owner.is_changed:
        text = "The file was changed by hand since it was written."
        yield Check("note", text, "That is fine if you did it.")
    if wish.kind == "dpo":
        yield _fresh(wish, path, settings)


def _bad_rows(wish: Wish, path: Path) -> Iterator[Check]:
    """Every bad line with its row beside it."""
    if path.stat().st_size > MOST_FILE_BYTES:
        return
    target: Target = "trl" if wish.backend == "local" else wish.backend
    try:
        bad = _problems(path, _look(path), wish.kind, target)
    except RunError as error:
        yield Check("stop", str(error))
        return
    if bad:
        shown = tuple((_worded(problem), row[:LONGEST_ROW]) for problem, row in bad[:SHOWN])
        more = f", {SHOWN} of them shown" if len(bad) > SHOWN else ""
        text = f"{len(bad)} rows cannot be used{more}." if len(bad) > 1 else "One row cannot be used."
        yield Check("stop", text, "Write the file again, or mend the rows named.", "pairs", shown)


def _look(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_size, found.st_mtime_ns


@lru_cache(maxsize=8)
def _problems(path: Path, look: tuple[int, int], kind: Kind, target: Target) -> Bad:
    """Kept for as long as the file looks alike: a page asks at every click."""
    return tuple(numbered_problems(path, kind, target))


def _worded(problem: Problem) -> str:
    return f"{problem.place.capitalize()}: {problem.message}"


def _fresh(wish: Wish, path: Path, settings: Settings) -> Check:
    """Whether the character and what people decided are still those that the file was made from."""
    made = _manifest(path)
    again = "Write the file again on the Pairs page."
    try:
        now = Library(settings).load(wish.constitution).constitution
    except CoreError as error:
        return Check("note", str(error))
    if made.get("constitution_sha256") not in (None, now.content_hash):
        return Check("note", "The character was changed since these pairs were made.", again, "pairs")
    run = Run(run_folder(settings, str(made.get("run") or now.run_id)))
    known = made.get("acts")
    since = (float(made.get("created") or 0), known if isinstance(known, int) else None)
    later = decided_since(run.folder, *since) if made else 0
    if later:
        pairs = f"{later} pair" + ("s" if later > 1 else "")
        text = f"You decided on {pairs} since the file was written."
        return Check("note", text, again, "pairs")
    return Check("good", "The character is still the one that these pairs show.")


def _manifest(path: Path) -> dict[str, Any]:
    try:
        value = read_json(path.with_suffix(".manifest.json"))
    except RunError:
        return {}
    return cast(dict[str, Any], value) if isinstance(value, dict) else {}


def _batch(wish: Wish, rows: int) -> Check | None:
    if not rows or wish.batch is None:
        return None
    if rows >= wish.batch:
        return Check("good", f"Enough for a step of {wish.batch}.")
    text = f"{rows} rows are fewer than one step of {wish.batch}."
    if wish.backend == "local":
        return Check("note", text, "It would make one step a pass: choose fewer rows a step.")
    cure = f"Make more pairs, or set rows a step to {rows} or fewer."
    return Check("stop", text, cure, "pairs")


def _lines(path: Path) -> int:
    try:
        with path.open("rb") as file:
            return sum(1 for line in file if line.strip())
    except OSError:
        return 0


# ---- what it needs


def tools_of(wish: Wish, settings: Settings) -> list[Check]:
    """What a backend needs to be there: packages, keys, models."""
    return list(_tools(wish, settings))


def _tools(wish: Wish, settings: Settings) -> Iterator[Check]:
    yield from TOOLS.get(wish.backend, lambda wish, settings: iter(()))(wish, settings)


def _local_tools(wish: Wish, settings: Settings) -> Iterator[Check]:
    if _installed(*NEEDS):
        yield Check("good", "The trainer is installed.")
    else:
        cure = "pip install 'character-studio[train]' (about 1 GB), then open this page again."
        yield Check("stop", "The trainer is not installed.", cure)
    model = MODELS.get(wish.student)
    if model and not (settings.model_path / model.name / model.file).exists():
        text = f"The model is not here yet: {model.source_size / 1e6:.0f} MB are fetched first."
        yield Check("note", text, "", "settings")


def _together_tools(wish: Wish, settings: Settings) -> Iterator[Check]:
    if settings.key("together"):
        yield Check("good", "The key of Together is there.")
    else:
        cure = "Enter TOGETHER_API_KEY under Engines and keys."
        yield Check("stop", "There is no key of Together.", cure, "settings")
    if not _installed("together", "zstandard"):
        cure = 'pip install "character-studio[together]", then open this page again.'
        yield Check("stop", "Together's package is not installed.", cure)


def _installed(*names: str) -> bool:
    return all(importlib.util.find_spec(name) is not None for name in names)


def _openrlhf_tools(wish: Wish, settings: Settings) -> Iterator[Check]:
    found = find_environment(settings, "openrlhf")
    if found is not None:
        yield Check("good", "OpenRLHF is installed in an environment of its own.")
        return
    cure = "In a shell: character setup openrlhf (about 14 GB, on Linux with an NVIDIA GPU)."
    yield Check("stop", "OpenRLHF is not installed.", cure)


TOOLS: dict[str, Callable[[Wish, Settings], Iterator[Check]]] = {
    "local": _local_tools,
    "together": _together_tools,
    "openrlhf": _openrlhf_tools,
}


def _room(wish: Wish, settings: Settings) -> Check:
    """Whether the disk has room for the adapter and what is made on the way."""
    place = settings.lora_path
    while not place.exists():
        place = place.parent
    free, needed = shutil.disk_usage(place).free, ROOM.get(wish.backend, ROOM["local"])
    words = f"{free / 1e9:.0f} GB free"
    if free < needed:
        text = f"The disk is nearly full: {words}, about {needed / 1e9:.1f} GB are needed."
        return Check("stop", text, "Free some space, or set LORA_PATH to another disk.")
    return Check("good", f"There is room on the disk ({words}).")
