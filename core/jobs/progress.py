"""How far a job is and how it came there: written by the child, read by the pages.

progress.json  {"stage": "teacher", "done": 41, "planned": 100, "failed": 1, "note": "",
                "at": 1795392902.1, "figures": {"requests": 44, "in_flight": 20, "cost_usd": 0.02}}
history.jsonl  {"at": 1795392902.1, "stage": "teacher", "limit": 37, "per_second": 31.2,
                "why": "38 at once was too many (HTTP 429): now 37"}
"""

from __future__ import annotations

import atexit
import contextlib
import json
import math
import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

from core.errors import RunError
from core.jobs.job import Progress
from core.store.jsonl import read_json

VARIABLE = "CHARACTER_PROGRESS"
HISTORY = "history.jsonl"
SECONDS_BETWEEN_WRITES = 0.25
MOST_HISTORY_BYTES = 20_000_000
SHOWN_HISTORY = 600

Figures = Mapping[str, Any]
Row = dict[str, Any]

# What a file of another program, or half of one, may lead to while it is understood.
UNREADABLE = (
    RunError,
    OSError,
    LookupError,
    TypeError,
    ValueError,
    AttributeError,
    RuntimeError,
    OverflowError,
)


class ProgressReporter:
    """Tells the pages how far this process is; without a path every call does nothing.

    At most four writes a second: an update in between is written when its turn comes, the last one
    always. Until then it costs about a microsecond. A full disk or a removed folder never disturbs
    the work. Any thread may call.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._stage, self._note = "", ""
        self._done = self._planned = self._failed = 0
        self._figures: Figures | Callable[[], Figures] = {}
        self._is_changed = False
        # The first guards the turn, the second the file: an update never waits for the disk.
        self._turn, self._file = threading.Lock(), threading.Lock()
        self._written_at = float("-inf")
        self._timer: threading.Timer | None = None
        if path:
            atexit.register(self.flush)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> ProgressReporter:
        """The reporter of the job that this process belongs to; a silent one outside a job."""
        path = (os.environ if environment is None else environment).get(VARIABLE)
        return cls(Path(path) if path else None)

    def update(
        self,
        *,
        stage: str | None = None,
        done: int | None = None,
        planned: int | None = None,
        failed: int | None = None,
        note: str | None = None,
        figures: Figures | Callable[[], Figures] | None = None,
    ) -> None:
        """Change what is given and keep the rest; `figures` takes the place of all earlier ones.

        `figures` may be a function: it is asked only when something is written, from any thread.
        """
        if self._path is None:
            return
        if stage is not None:
            self._stage = stage
        if done is not None:
            self._done = done
        if planned is not None:
            self._planned = planned
        if failed is not None:
            self._failed = failed
        if note is not None:
            self._note = note
        if figures is not None:
            self._figures = figures
        self._is_changed = True
        if self._timer is None:
            self._wait_for_turn()

    def note_history(self, row: Mapping[str, Any]) -> None:
        """Append a row to history.jsonl beside the progress, until that file is 20 MB long."""
        if self._path is None:
            return
        # No fsync, no checksum: the history is for looking at, and no work depends on it.
        with contextlib.suppress(Exception):
            line = _json(row).encode() + b"\n"
            fd = os.open(self._path.with_name(HISTORY), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                if os.fstat(fd).st_size + len(line) <= MOST_HISTORY_BYTES:
                    os.write(fd, line)
            finally:
                os.close(fd)

    def flush(self) -> None:
        """Write what is not written yet, now."""
        with self._turn:
            waiting, self._timer = self._timer, None
            self._written_at = time.monotonic()
        if waiting:
            waiting.cancel()
        self._write()

    def _wait_for_turn(self) -> None:
        with self._turn:
            if self._timer is not None:
                return
            wait_s = self._written_at + SECONDS_BETWEEN_WRITES - time.monotonic()
            if wait_s > 0:
                self._timer = threading.Timer(wait_s, self.flush)
                self._timer.daemon = True
                self._timer.start()
                return
            self._written_at = time.monotonic()
        self._write()

    def _write(self) -> None:
        # Waits for a write that is under way, so that none is cut off when the process ends.
        with self._file, contextlib.suppress(Exception):
            if self._path is None or not self._is_changed:
                return
            self._is_changed = False
            _replace(self._path, _json(asdict(self._now())))

    def _now(self) -> Progress:
        figures: Figures = {}
        with contextlib.suppress(Exception):
            figures = dict(self._figures() if callable(self._figures) else self._figures)
        return Progress(
            self._stage, self._done, self._planned, self._failed, self._note, time.time(), figures
        )


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, default=str, skipkeys=True)


def _replace(path: Path, text: str) -> None:
    temporary = path.with_suffix(f".{os.getpid()}.part")
    # No fsync: after a power cut the job is over, and its rows say how far it was.
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(fd, "w", encoding="utf-8") as file:
        file.write(text)
    temporary.replace(path)


def read_progress(path: Path) -> Progress | None:
    """The progress in a file, or None when there is none or it cannot be understood."""
    try:
        value = read_json(path)
        figures = value.get("figures")
        return Progress(
            stage=str(value["stage"]),
            done=int(value["done"]),
            planned=int(value["planned"]),
            failed=int(value["failed"]),
            note=str(value["note"]),
            at=float(value["at"]),
            figures=cast(Figures, figures) if isinstance(figures, dict) else {},
        )
    except UNREADABLE:
        return None


def read_history(path: Path, most: int = SHOWN_HISTORY) -> list[Row]:
    """The rows of a history file, the oldest first; what cannot be read is left out.

    Of rows that say nothing special at most `most` are kept, evenly; those with a `why` or the
    closing `figures` of a stage all are.
    """
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError:
        return []
    found = (_history_row(line) for line in _thinned(lines, most))
    return sorted((row for row in found if row), key=lambda row: row["at"])


def _thinned(lines: list[bytes], most: int) -> list[bytes]:
    """Every telling line, and of the others at most `most`, the last one always."""
    quiet = [number for number, line in enumerate(lines) if line.strip() and not _is_telling(line)]
    step = max(1, math.ceil(len(quiet) / max(1, most)))
    kept = set(quiet[::-1][::step])
    return [line for number, line in enumerate(lines) if number in kept or _is_telling(line)]


def _is_telling(line: bytes) -> bool:
    # As `json.dumps` spells it; a quotation mark inside a text has a backslash before it.
    return b'"figures":' in line or (b'"why":' in line and b'"why": ""' not in line)


def _history_row(line: bytes) -> Row | None:
    try:
        row = json.loads(line)
        usable = isinstance(row, dict) and math.isfinite(float(row["at"]))
    except UNREADABLE:
        return None
    return cast(Row, row) | {"at": float(row["at"])} if usable else None
