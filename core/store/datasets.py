"""Every file to train on that was ever written, so that an old adapter can still say what it learned.

A row of `runs/<run>/datasets.jsonl`:
{"kind": "dpo", "student": "smollm2-135m", "sha256": "9f3a…", "rows": 612, "held_out": 68,
 "constitution_sha256": "1f8a…", "carried": {"77c0…": 184}, "made_at": 1763…}

The files themselves are replaced by the next ones of the same student; this record is only appended to.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.store.jsonl import Row, append_rows, read_rows, repair

RECORD = "datasets.jsonl"


def record_dataset(
    run_folder: Path,
    kind: str,
    student: str,
    sha256: str,
    *,
    rows: int,
    held_out: int,
    constitution_sha256: str,
    carried: Mapping[str, int] | None = None,
) -> None:
    """Remember a file that was just written; the same content again adds nothing. Raises RunError."""
    if any(row["sha256"] == sha256 for row in datasets_of(run_folder)):
        return
    path = run_folder / RECORD
    repair(path)
    row: dict[str, Any] = {
        "kind": kind,
        "student": student,
        "sha256": sha256,
        "rows": rows,
        "held_out": held_out,
        "constitution_sha256": constitution_sha256,
        "carried": dict(carried or {}),
        "made_at": time.time(),
    }
    append_rows(path, [row])


def datasets_of(run_folder: Path) -> list[Row]:
    """The files that were ever made of a run's answers, oldest first."""
    return read_rows(run_folder / RECORD).rows
