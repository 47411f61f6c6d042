"""Where the whole way stands, for pages: one small file in the run, replaced at every stage.

runs/<run>/pipeline.json   {"stage": "student", "stages": […], "ended": "", "why": "", "spent_usd": 0.4, …}
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from core.errors import CoreError
from core.store.jsonl import read_json, write_json
from core.store.runs import Run
from core.whole import Plan


@dataclass(frozen=True, slots=True)
class Now:
    """The last whole way of a run. `ended` is "" while it goes on, or when it was killed."""

    preset: str
    stages: tuple[str, ...]
    stage: str
    ended: str
    why: str
    spent_usd: float
    budget_usd: float | None
    at: float


def now_path(run: Run) -> Path:
    """Where it is written."""
    return run.folder / "pipeline.json"


def write_now(
    run: Run, plan: Plan, stage: str, spent: float, budget: float | None, *, ended: str = "", why: str = ""
) -> None:
    """Say where it stands; "" as the stage keeps the one before. Raises RunError."""
    before = read_now(run)
    value: dict[str, Any] = {
        "preset": plan.shape.name,
        "stages": list(plan.shape.stages),
        "stage": stage or (before.stage if before and ended != "done" else ""),
        "ended": ended,
        "why": why,
        "spent_usd": spent,
        "budget_usd": budget,
        "at": time.time(),
    }
    write_json(now_path(run), value)


def read_now(run: Run) -> Now | None:
    """Where it stands, None before the first and for a damaged file."""
    try:
        value = read_json(now_path(run))
    except CoreError:
        return None
    if not isinstance(value, dict):
        return None
    about: dict[str, Any] = dict(cast("dict[str, Any]", value))
    try:
        about["stages"] = tuple(about["stages"])
        return Now(**{name: about[name] for name in Now.__slots__})
    except (KeyError, TypeError):
        return None
