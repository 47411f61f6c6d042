"""How far a job is: written by the child, read by the pages.

progress.json: {"stage": "teacher", "done": 41, "planned": 100, "failed": 1, "note": "", "at": 1795392902.1}
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from core.errors import RunError
from core.jobs.job import Progress
from core.store.jsonl import read_json

VARIABLE = "CHARACTER_PROGRESS"
SECONDS_BETWEEN_WRITES = 0.25


class ProgressReporter:
    """Tells the pages how far this process is; without a path every call does nothing.

    At most four writes a second: an update in between is written when its turn comes, the last one
    always. A full disk or a removed folder never disturbs the work.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._progress = Progress("", 0, 0, 0, "", 0.0)
        self._lock = threading.Lock()
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
    ) -> None:
        """Change what is given and keep the rest."""
        if self._path is None:
            return
        with self._lock:
            last = self._progress
            self._progress = Progress(
                stage=last.stage if stage is None else stage,
                done=last.done if done is None else done,
                planned=last.planned if planned is None else planned,
                failed=last.failed if failed is None else failed,
                note=last.note if note is None else note,
                at=time.time(),
            )
            if self._timer is None:
                self._schedule(self._written_at + SECONDS_BETWEEN_WRITES - time.monotonic())

    def flush(self) -> None:
        """Write the latest update now."""
        with self._lock:
            if self._timer:
                self._timer.cancel()
                self._timer = None
                self._write()

    def _schedule(self, wait_s: float) -> None:
        if wait_s <= 0:
            self._write()
            return
        self._timer = threading.Timer(wait_s, self.flush)
        self._timer.daemon = True
        self._timer.start()

    def _write(self) -> None:
        assert self._path is not None
        self._written_at = time.monotonic()
        temporary = self._path.with_suffix(f".{os.getpid()}.part")
        # No fsync: after a power cut the job is over, and its rows say how far it was.
        with contextlib.suppress(OSError, TypeError, ValueError):
            fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(fd, "w", encoding="utf-8") as file:
                json.dump(asdict(self._progress), file)
            temporary.replace(self._path)


def read_progress(path: Path) -> Progress | None:
    """The progress in a file, or None when there is none or it cannot be understood."""
    try:
        value = read_json(path)
        return Progress(
            stage=str(value["stage"]),
            done=int(value["done"]),
            planned=int(value["planned"]),
            failed=int(value["failed"]),
            note=str(value["note"]),
            at=float(value["at"]),
        )
    except (RunError, OSError, KeyError, TypeError, ValueError, OverflowError, RecursionError):
        return None
