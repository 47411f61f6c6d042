"""What was tried with a character and what people made of it: append-only, one file a character.

    <DATA_PATH>/switchboard/pirate.jsonl   ticks, questions and answers of the switchboard
    <DATA_PATH>/attacks/pirate.jsonl       what tried to break it, and who says that it held

Rows are sealed like all others; the last word about a thing counts, so undoing is one more row.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from filelock import FileLock, Timeout

from core.errors import ConstitutionError, RunError
from core.settings import Settings
from core.slugs import check_name
from core.store.disk import disk_trouble
from core.store.jsonl import Row, append_rows, read_rows, repair

Kind = Literal["switchboard", "attacks", "added-prompts"]
PATIENCE_S = 10.0


@dataclass(frozen=True, slots=True)
class PlayLog:
    """One character's file."""

    path: Path

    def rows(self) -> list[Row]:
        """Every valid row, oldest first; a missing file is an empty one. Raises RunError."""
        return read_rows(self.path).rows

    def add(self, *rows: Row) -> None:
        """Append rows, each with its moment, durable on return. Raises RunError."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(self.path.with_suffix(".lock"), timeout=PATIENCE_S, is_singleton=False):
                repair(self.path)
                append_rows(self.path, [{"at": time.time(), **row} for row in rows])
        except Timeout:
            raise RunError(f"Another window writes to {self.path.name} just now; try again.") from None
        except OSError as error:
            raise disk_trouble("write", self.path, error) from error

    @property
    def stamp(self) -> tuple[int, int]:
        """What changes whenever a row is added: size and time."""
        try:
            found = self.path.stat()
        except OSError:
            return 0, 0
        return found.st_size, found.st_mtime_ns


def play_log(settings: Settings, kind: Kind, name: str) -> PlayLog:
    """The file of a character. Raises ConstitutionError for what is no name."""
    if problems := check_name(name):
        raise ConstitutionError(repr(name[:40]), problems)
    return PlayLog(settings.data_path / kind / f"{name}.jsonl")
