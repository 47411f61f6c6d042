"""Every error a user can meet, in one tree. Each message says what, where, and what to do now.

CoreError                     shown to the user as one sentence, exit code 1
├── ConstitutionError         a character file has problems; carries all of them
├── ConflictError             somebody else saved first; nothing was overwritten
├── EngineError               a model did not answer; says whether the row or the job is to blame
├── RunError                  a run folder or a file in it cannot be used
├── JobError                  a subprocess cannot be started, found or stopped
├── ModelError                an embedded model cannot be fetched or is damaged
└── SettingsError             a path, a key or a model name is wrong

To add one: subclass CoreError here, draw it above, and raise it with a message in that shape.
Anything else that escapes is a bug and shows a traceback.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class CoreError(Exception):
    """An expected failure, worded for the person who must act on it."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a file: where it is, what it is, and what to do.

    `severity` "error" keeps the file from being used; "advice" does not.
    """

    place: str
    message: str
    severity: str = "error"

    def __str__(self) -> str:
        return f"{self.place}: {self.message}" if self.place else self.message


class ConstitutionError(CoreError):
    """A character file that cannot be used, with all of its problems at once."""

    def __init__(self, source: str, problems: Sequence[Problem]) -> None:
        self.source = source
        self.problems = tuple(problems)
        lines = "\n".join(f"  - {problem}" for problem in self.problems)
        super().__init__(f"{source} has {len(self.problems)} problem(s):\n{lines}")


class ConflictError(CoreError):
    """The file changed since it was opened; the newer one is kept."""


class EngineError(CoreError):
    """A model did not give an answer.

    `stops_job` is true where asking again cannot help any row (a wrong key, no credit, an unknown
    model); `transient` where asking again may help this one, after `retry_after_s` seconds if the
    server said so. `status` is the HTTP status when there was one. `maybe_billed` marks a request
    that was sent and whose answer never came: the provider may have charged for it.
    """

    def __init__(
        self,
        message: str,
        *,
        kind: str = "transient",
        stops_job: bool = False,
        status: int | None = None,
        attempts: int = 1,
        transient: bool = False,
        retry_after_s: float | None = None,
        maybe_billed: bool = False,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.stops_job = stops_job
        self.status = status
        self.attempts = attempts
        self.transient = transient
        self.retry_after_s = retry_after_s
        self.maybe_billed = maybe_billed


class RunError(CoreError):
    """A run folder, or a file in it, cannot be read or written."""


class JobError(CoreError):
    """A job cannot be started, found or stopped."""


class ModelError(CoreError):
    """An embedded model is missing, damaged or cannot be fetched."""


class SettingsError(CoreError):
    """A setting, key, path or model name cannot be used."""
