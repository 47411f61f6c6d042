"""What a job is to everybody else: two frozen records."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

JOB_ID = re.compile(r"\d{8}-\d{6}-[0-9a-f]{4}")

JobState = Literal["starting", "running", "done", "incomplete", "failed", "cancelled", "interrupted"]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job is, in its own unit (rows, steps, bytes). `planned` 0 means not known yet.

    `figures` is what else the verb counts (requests, cost …); {} when it counts nothing else.
    """

    stage: str
    done: int
    planned: int
    failed: int
    note: str
    at: float
    figures: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class Job:
    """One job as its files and processes show it at this moment.

    `started` and `ended_at` are seconds since 1970. `pid` is the command's own process. `page` says which
    page started it and with what. `message` is one sentence for the person: why it ended; "" while it runs.
    """

    id: str
    verb: str
    title: str
    subject: str
    argv: tuple[str, ...]
    state: JobState
    pid: int | None
    started: float
    ended_at: float | None
    exit_code: int | None
    progress: Progress | None
    resumes: str | None
    page: dict[str, str]
    folder: Path
    message: str

    @property
    def active(self) -> bool:
        """Whether it is starting or running."""
        return self.state in ("starting", "running")

    @property
    def log_path(self) -> Path:
        """The file of everything that it printed."""
        return self.folder / "log.txt"
