"""jobs.sqlite: finds jobs, newest first, and makes sure that one click starts one of them.

One row a job: id, token, started, ended. It is derived: it follows the folders, and a missing or
damaged table is made again from them.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Generator
from pathlib import Path
from typing import TypeVar

from filelock import FileLock

from core.errors import JobError
from core.jobs.job import JOB_ID
from core.jobs.states import read_quietly

T = TypeVar("T")

BUSY_S = 20.0
VERSION = 1
SCHEMA = f"""
CREATE TABLE IF NOT EXISTS jobs (
    id TEXT PRIMARY KEY,
    token TEXT UNIQUE,
    started REAL NOT NULL,
    ended INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS newest ON jobs (started DESC, id DESC);
PRAGMA user_version = {VERSION};
"""


class Table:
    """The table of all jobs of a data folder. Every call opens and closes its own connection."""

    def __init__(self, path: Path, folders: Path) -> None:
        self._path = path
        self._folders = folders

    def claim(self, job_id: str, token: str, started: float, write: Callable[[], None]) -> str:
        """The id of the token's job: an earlier one, or `job_id`, for which `write` is then called."""

        def work(table: sqlite3.Connection) -> str:
            with _transaction(table):
                self._follow_folders(table)
                owner = table.execute("SELECT id FROM jobs WHERE token = ?", (token,)).fetchone()
                if owner:
                    return owner[0]
                write()
                _insert(table, job_id, token, started)
            return job_id

        return self._with_table(work)

    def newest(self, *, limit: int, active_only: bool) -> list[tuple[str, bool]]:
        """Ids with whether they were seen ended, newest first; `active_only` leaves those out."""

        def work(table: sqlite3.Connection) -> list[tuple[str, bool]]:
            self._follow_folders(table)
            chosen = "WHERE NOT ended" if active_only else ""
            query = f"SELECT id, ended FROM jobs {chosen} ORDER BY started DESC, id DESC LIMIT ?"
            return [(job_id, bool(ended)) for job_id, ended in table.execute(query, (limit,))]

        return self._with_table(work)

    def was_ended(self, job_id: str) -> bool:
        """Whether somebody saw the job ended before."""
        query = "SELECT ended FROM jobs WHERE id = ?"
        row = self._with_table(lambda table: table.execute(query, (job_id,)).fetchone())
        return bool(row and row[0])

    def mark_ended(self, job_id: str) -> None:
        """Remember that the job is over."""
        self._change("UPDATE jobs SET ended = 1 WHERE id = ?", job_id)

    def remove(self, job_id: str) -> None:
        """Take the job and its token out."""
        self._change("DELETE FROM jobs WHERE id = ?", job_id)

    def _change(self, statement: str, job_id: str) -> None:
        self._with_table(lambda table: table.execute(statement, (job_id,)))

    def _with_table(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """What `work` returns. A damaged table is made again, once. Raises JobError."""
        try:
            try:
                return self._attempt(work)
            except sqlite3.OperationalError:
                raise
            except sqlite3.DatabaseError:
                self._make(start_afresh=True)
                return self._attempt(work)
        except (sqlite3.Error, OSError) as error:
            raise JobError(
                f"The list of jobs in {self._path} cannot be used ({error}); check that the folder can be "
                "written to and the disk has space, then try again."
            ) from error

    def _attempt(self, work: Callable[[sqlite3.Connection], T]) -> T:
        if not self._path.exists():
            self._make()
        with contextlib.closing(_connect(self._path)) as table:
            if table.execute("PRAGMA user_version").fetchone()[0] == VERSION:
                return work(table)
        self._make()
        with contextlib.closing(_connect(self._path)) as table:
            return work(table)

    def _make(self, *, start_afresh: bool = False) -> None:
        """Create the table from the folders; one process at a time, and only if it is still needed."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(self._path.with_suffix(".lock"), timeout=BUSY_S, mode=0o600):
            if start_afresh and not _is_sound(self._path):
                self._remove_files()
            self._path.touch(mode=0o600)
            with contextlib.closing(_connect(self._path)) as table:
                table.execute("PRAGMA journal_mode = WAL")
                table.executescript(SCHEMA)
                self._follow_folders(table)

    def _remove_files(self) -> None:
        for ending in ("", "-wal", "-shm"):
            self._path.with_name(self._path.name + ending).unlink(missing_ok=True)

    def _follow_folders(self, table: sqlite3.Connection) -> None:
        """Make the rows match the folders, which are the truth."""
        known = {row[0] for row in table.execute("SELECT id FROM jobs")}
        names = [folder.name for folder in self._folders.iterdir()] if self._folders.is_dir() else []
        there = {name for name in names if JOB_ID.fullmatch(name)}
        for gone in known - there:
            table.execute("DELETE FROM jobs WHERE id = ?", (gone,))
        for new in sorted(there - known):
            if asked := read_quietly(self._folders / new / "job.json"):
                _insert(table, new, str(asked.get("token", "")), asked.get("started", 0.0))


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=BUSY_S, isolation_level=None)


@contextlib.contextmanager
def _transaction(table: sqlite3.Connection) -> Generator[None]:
    """A write transaction from its first statement on, so that two clicks wait for each other."""
    table.execute("BEGIN IMMEDIATE")
    try:
        yield
        table.execute("COMMIT")
    finally:
        if table.in_transaction:
            table.execute("ROLLBACK")


def _insert(table: sqlite3.Connection, job_id: str, token: str, started: float) -> None:
    statement = "INSERT OR IGNORE INTO jobs (id, token, started) VALUES (?, ?, ?)"
    if not table.execute(statement, (job_id, token or None, started)).rowcount:
        # Two folders with one token, left by a lost table: both are shown.
        table.execute(statement, (job_id, None, started))


def _is_sound(path: Path) -> bool:
    try:
        with contextlib.closing(_connect(path)) as table:
            return table.execute("PRAGMA quick_check").fetchone()[0] == "ok"
    except sqlite3.DatabaseError:
        return False
