"""Where results of evaluations stand, and how they are written and found again."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any, cast

from core.errors import RunError
from core.evaluation.results import KINDS, EvalResult
from core.records import content_hash
from core.store.jsonl import read_json, read_rows, seal, write_atomic, write_json
from core.store.runs import Run


def result_folder(run: Run, kind: str, settings: dict[str, Any]) -> Path:
    """The folder of one kind under one set of settings."""
    return run.folder / "evals" / kind / content_hash(settings)[:8]


def keep(run: Run, result: EvalResult) -> Path:
    """Write rows and result, in this order, and return the result's path. Raises RunError."""
    folder = result_folder(run, result.kind, result.settings)
    result.made_at = time.time()
    write_atomic(folder / "rows.jsonl", b"".join(seal(finite(row)) for row in result.rows))
    write_json(folder / "result.json", finite(result.as_dict()))
    return folder / "result.json"


def finite(value: Any) -> Any:
    """The value with null for every number that JSON has no word for: not a number, infinite."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {name: finite(one) for name, one in cast("dict[str, Any]", value).items()}
    if isinstance(value, list | tuple):
        return [finite(one) for one in cast("list[Any]", value)]
    return value


def results_of(run: Run, kind: str | None = None, *, rows: bool = False) -> list[EvalResult]:
    """The results of a run, newest first; damaged ones are left out. Rows only where asked for."""
    found: list[EvalResult] = []
    for name in KINDS if kind is None else (kind,):
        for path in run.folder.glob(f"evals/{name}/*/result.json"):
            try:
                value = read_json(path) or {}
                kept = read_rows(path.with_name("rows.jsonl")).rows if rows else []
                found.append(EvalResult.from_dict(value, kept))
            except (RunError, TypeError, KeyError):
                continue
    return sorted(found, key=lambda result: result.made_at, reverse=True)


def latest(run: Run, kind: str, *, rows: bool = True) -> EvalResult | None:
    """The newest result of a kind with its rows, None before the first."""
    found = results_of(run, kind)
    if not found or not rows:
        return found[0] if found else None
    path = result_folder(run, kind, found[0].settings) / "rows.jsonl"
    found[0].rows = read_rows(path).rows
    return found[0]
