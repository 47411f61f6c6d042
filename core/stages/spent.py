"""What was spent on a character's present version so far, read from what is on disk.

    spent_on(run, settings).usd    1.87

Answers carry what they cost; those borrowed or carried over from another run were paid there. Trainings
at Together carry their bill. What the whole way knows besides, such as requests that may be billed
although no answer came, stands in `runs/<run>/pipeline.jsonl`.

Files of answers only grow, so that only what is new in them is read at each look.
"""

from __future__ import annotations

import os
import re
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.settings import Settings
from core.store.jsonl import append_rows, read_json, read_rows, repair
from core.store.runs import Run
from core.tuning.state import tunings

RECORD = "pipeline.jsonl"
COST = re.compile(rb'"cost_usd": ([0-9.eE+-]+)')
ELSEWHERE = (b'"borrowed": "', b'"carried": {')

# (inode, how far it was read) and the sum until there, by file.
_seen: dict[str, tuple[int, int, float]] = {}


@dataclass(frozen=True, slots=True)
class Spent:
    """USD so far: for answers, for trainings, and what may have been billed besides."""

    answers: float = 0.0
    trainings: float = 0.0
    maybe: float = 0.0

    @property
    def usd(self) -> float:
        """All of it: a limit counts what may have been billed as spent."""
        return self.answers + self.trainings + self.maybe


def spent_on(run: Run, settings: Settings) -> Spent:
    """What this run has cost until now; nothing for one that has not begun."""
    answers = sum(_sum_of(path) for path in _answer_files(run))
    noted, maybe = _noted(run)
    return Spent(answers + noted, _trainings(run, settings), maybe)


def _answer_files(run: Run) -> list[Path]:
    """Turns where conversations have them, else rows; a conversation repeats what its turns cost."""
    found: list[Path] = []
    for rows in sorted(run.folder.glob("*/*/rows.jsonl")):
        if rows.parent.parent.name == "evals":
            continue
        turns = rows.with_name("turns.jsonl")
        found.append(turns if turns.exists() else rows)
    return found


def _sum_of(path: Path) -> float:
    """The costs in a file, of whole lines only: one that is just being written counts at the next look."""
    try:
        with path.open("rb") as file:
            inode, size = os.fstat(file.fileno()).st_ino, os.fstat(file.fileno()).st_size
            before, offset, total = _seen.get(str(path), (inode, 0, 0.0))
            if before != inode or size < offset:
                offset, total = 0, 0.0
            file.seek(offset)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                offset += len(line)
                total += _cost_in(line)
    except OSError:
        return 0.0
    _seen[str(path)] = inode, offset, total
    return total


def _cost_in(line: bytes) -> float:
    if any(mark in line for mark in ELSEWHERE):
        return 0.0
    found = COST.search(line)
    try:
        return float(found[1]) if found else 0.0
    except ValueError:
        return 0.0


def _trainings(run: Run, settings: Settings) -> float:
    """The bills of trainings whose rows were made in this run."""
    sources = {
        os.path.abspath(path.with_name(path.name.replace(".manifest.json", ".jsonl")))
        for folder in ("dpo", "sft_data")
        for path in (settings.data_path / folder).glob("*/*.manifest.json")
        if (read_json(path) or {}).get("run") == run.id
    }
    began = (read_json(run.folder / "run.json") or {}).get("created") or 0.0
    return sum(
        (one.cost_usd or (one.price_usd if one.job_id else 0.0) or 0.0)
        for one in tunings(settings)
        if one.training_source and os.path.abspath(one.training_source) in sources and one.made_at >= began
    )


# ---- what only the whole way knows


def note_begun(run: Run, stage: str, at_most: float) -> str:
    """Keep that a stage begins whose cost no row will carry; its id comes back. Raises RunError."""
    return _note(run, {"stage": stage, "at_most": at_most})


def note_ended(run: Run, id: str, stage: str, *, cost_usd: float, maybe_usd: float) -> None:
    """Keep what that stage did cost. Raises RunError."""
    _note(run, {"of": id, "stage": stage, "cost_usd_noted": cost_usd, "maybe_usd": maybe_usd})


def _note(run: Run, row: dict[str, Any]) -> str:
    path, id = run.folder / RECORD, uuid.uuid4().hex[:12]
    repair(path)
    append_rows(path, [{"id": id, **row}])
    return id


def _noted(run: Run) -> tuple[float, float]:
    """(noted costs, what may be billed): a stage that was killed counts with the most it could cost."""
    rows = read_rows(run.folder / RECORD).rows
    ended = {row["of"] for row in rows if "of" in row}
    noted = sum(float(row.get("cost_usd_noted") or 0.0) for row in rows)
    maybe = sum(float(row.get("maybe_usd") or 0.0) for row in rows)
    killed = sum(float(row.get("at_most") or 0.0) for row in rows if row["id"] not in ended)
    return noted, maybe + killed
