"""Trainings that ran elsewhere, as records in the run that they belong to, so that they travel with it.

    runs/<run>/trainings/<backend>--<id>/training.json    what was learned, and the verdict
                                         metrics.jsonl    the curve, a row a step

A record is only looked at: nothing is gone on with, paid or served because of it. What drives a training,
with its jobs and prices, stays in DATA_PATH/tunings of the studio that began it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.store.atomic import write_atomic, write_json
from core.store.jsonl import read_json
from core.store.runs import Run

FOLDER = "trainings"
MADE, CURVE = "training.json", "metrics.jsonl"


@dataclass(frozen=True, slots=True)
class Keepsake:
    """A training as it is kept: its id, and what `training.json` and the curve say of it."""

    id: str
    about: dict[str, Any]
    curve: tuple[dict[str, Any], ...]


def keep(run: Run, kept: Iterable[Keepsake]) -> None:
    """Write the records of a run; what is there already is left as it is. Raises RunError."""
    for one in kept:
        folder = run.folder / FOLDER / one.id.replace("/", "--")
        curve = "".join(json.dumps(row) + "\n" for row in one.curve)
        if read_json(folder / MADE) == one.about and _text(folder / CURVE) == curve:
            continue
        write_json(folder / MADE, one.about)
        write_atomic(folder / CURVE, curve)


def _text(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None


def folders_of(run: Run) -> Iterator[tuple[str, Path]]:
    """(id, folder) of each record of a run."""
    for path in sorted(run.folder.glob(f"{FOLDER}/*/{MADE}")):
        backend, _, name = path.parent.name.partition("--")
        yield f"{backend}/{name}", path.parent
