"""Following a training while it runs: its words into the log, its figures into the curves.

output.log       everything that was printed
metrics.jsonl    a row a step; what a resumed training makes again is taken out first
"""

from __future__ import annotations

import math
import os
import re
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from core.jobs import ProgressReporter
from core.store import disk
from core.store.disk import disk_trouble
from core.store.jsonl import append_rows, read_rows, seal, write_atomic
from core.tuning.openrlhf.progress import BAR, Reading

Say = Callable[[str], None]
KEPT_LINES = 400
LOG_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_APPEND
LINES = re.compile(r"[\r\n]+")
SHOWN = ("loss", "margin", "accuracy", "held_out_loss")


class Follower:
    """Keeps what the program says: all of it in the log, its figures as metrics, its last words for us."""

    def __init__(self, folder: Path, reading: Reading, say: Say, reporter: ProgressReporter) -> None:
        self.reading, self.say, self.log = reading, say, folder / "output.log"
        self._reporter, self._metrics = reporter, folder / "metrics.jsonl"
        self._open = ""
        self._words: deque[str] = deque(maxlen=KEPT_LINES)
        self._file: IO[str] | None = None
        self._told_nan = self._has_begun = False
        self.figures: dict[str, Any] = {}
        reporter.update(stage="Loading the model", done=0, planned=reading.planned)

    @property
    def words(self) -> str:
        """The last lines that are no bars."""
        return "\n".join(self._words)

    def hear(self, text: str) -> None:
        """Take in some more of the program's words."""
        self._write(text)
        *lines, self._open = LINES.split(self._open + text)
        for line in lines:
            self._line(line)

    def finish(self) -> None:
        """Take in the last line, and what was still open."""
        self._line(self._open)
        self._open = ""
        self._keep(self.reading.finish())

    def close(self) -> None:
        """Let go of the log."""
        if self._file:
            self._file.close()

    def _write(self, text: str) -> None:
        try:
            if self._file is None:
                fd = disk.open_file(self.log, LOG_FLAGS, 0o600)
                self._file = open(fd, "a", encoding="utf-8", errors="replace")  # noqa: SIM115
            self._file.write(text)
            self._file.flush()
        except OSError as error:
            raise disk_trouble("write", self.log, error) from error

    def _line(self, line: str) -> None:
        if not line.strip():
            return
        before = self.reading.resumed_at
        rows = self.reading.hear(line)
        if self.reading.resumed_at != before:
            self._go_on()
        if not BAR.search(line):
            self._words.append(line)
        self._keep(rows)

    def _go_on(self) -> None:
        """Forget the steps after the checkpoint, which are made again."""
        step = self.reading.resumed_at
        kept = [row for row in read_rows(self._metrics).rows if row.get("step", 0) <= step]
        write_atomic(self._metrics, b"".join(seal(row) for row in kept))
        self.say(f"Going on after step {step}.")

    def _keep(self, rows: list[dict[str, float]]) -> None:
        if not rows:
            return
        if not self._has_begun and not self.reading.resumed_at and self._metrics.exists():
            # Stopped before its first checkpoint, it begins anew, and so do the curves.
            write_atomic(self._metrics, b"")
        self._has_begun = True
        made = [_without_nan(row) | {"at": time.time()} for row in rows]
        append_rows(self._metrics, made)
        for row, known in zip(rows, made, strict=True):
            self._tell(row, known)

    def _tell(self, row: dict[str, float], known: dict[str, Any]) -> None:
        step, planned = self.reading.step, self.reading.planned
        shown = ", ".join(f"{name.replace('_', ' ')} {row[name]:.3g}" for name in SHOWN if name in row)
        self.say(f"Step {int(row['step'])} of {planned}: {shown}")
        if "loss" in row:
            self.figures = known
            self._warn(row)
        self._reporter.update(
            stage="Training with OpenRLHF", done=step, planned=planned, note="", figures=known
        )

    def _warn(self, row: dict[str, float]) -> None:
        if math.isnan(row["loss"]) and not self._told_nan:
            self._told_nan = True
            self.say("The loss is no number any more; a smaller --learning-rate may help.")


def _without_nan(row: dict[str, float]) -> dict[str, Any]:
    return {name: value if math.isfinite(value) else None for name, value in row.items()}
