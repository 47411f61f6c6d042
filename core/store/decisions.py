"""What people decided about pairs: append-only, the last word about a pair counts.

A decision: {"pair": "c0ffee…", "verdict": "drop", "reason": "not funny", "reviewer": "", "at": 1763…}
Undo is one more decision, so that nothing is ever lost.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from filelock import FileLock, Timeout

from core.errors import RunError
from core.store.jsonl import append_rows, read_rows, repair

Verdict = Literal["keep", "drop", "undecided"]


@dataclass(frozen=True, slots=True)
class Decision:
    """One person's word about one pair; `reason` is theirs, in their words."""

    pair: str
    verdict: Verdict
    reason: str = ""
    reviewer: str = ""
    at: float = 0.0


def decide(folder: Path, decision: Decision) -> None:
    """Append a decision to the run's folder, durable on return. Raises RunError."""
    path = folder / "decisions.jsonl"
    try:
        with FileLock(folder / ".decisions.lock", timeout=10):
            repair(path)
            append_rows(path, [asdict(decision) | {"at": decision.at or time.time()}])
    except Timeout:
        raise RunError("Another window is deciding about these pairs; try again.") from None


def decisions(folder: Path) -> dict[str, Decision]:
    """The standing decision for each pair id; undone ones are left out."""
    rows = read_rows(folder / "decisions.jsonl").rows
    last = {row["pair"]: Decision(**row) for row in rows}
    return {pair: decision for pair, decision in last.items() if decision.verdict != "undecided"}
