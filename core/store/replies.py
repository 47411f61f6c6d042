"""What models answered to requests of which each is asked once: append-only, by key, for one writer.

A row: {"key": "9f3a…", "text": "1. I …", "finish_reason": "stop", "cost_usd": 0.001, "at": 1795392902.1}
A failed one: {"key": "9f3a…", "failed": "the server …", "kind": "timeout", "at": …}. The last row of a key
counts, but no failure takes the place of an answer.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from core.store import disk
from core.store.jsonl import Appender, Row, disk_trouble, read_rows, repair
from core.store.locks import held

PRIVATE_FILE, PRIVATE_FOLDER = 0o600, 0o700


def make_private_folder(folder: Path) -> None:
    """Make a folder that only its owner may open. Raises RunError."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=PRIVATE_FOLDER)
        folder.chmod(PRIVATE_FOLDER)
    except OSError as error:
        raise disk_trouble("make", folder, error) from error


def make_private_file(path: Path) -> None:
    """Make an empty file that only its owner may read, unless there is one. Raises RunError."""
    if path.exists():
        return
    try:
        os.close(disk.open_file(path, os.O_CREAT | os.O_WRONLY, PRIVATE_FILE))
    except OSError as error:
        raise disk_trouble("make", path, error) from error


class Replies:
    """The answers in one file; `what` is what they belong to, for a message."""

    def __init__(self, path: Path, what: str) -> None:
        self.path = path
        self._what = what

    def rows(self) -> dict[str, Row]:
        """The row that counts for each key, in the order of their first coming. Raises RunError."""
        found: dict[str, Row] = {}
        for row in read_rows(self.path).rows:
            key = str(row.get("key", ""))
            if "failed" not in row or "failed" in found.get(key, row):
                found[key] = row
        return found

    def answered(self) -> dict[str, Row]:
        """The rows that hold an answer, by key."""
        return {key: row for key, row in self.rows().items() if "failed" not in row}

    @contextmanager
    def writing(self) -> Generator[Appender]:
        """The file, repaired and held for this writer. Raises RunError when another one writes."""
        make_private_folder(self.path.parent)
        with held(self.path.with_name(f".{self.path.stem}.lock"), self._what, timeout=2.0):
            make_private_file(self.path)
            repair(self.path)
            with Appender(self.path) as rows:
                yield rows
