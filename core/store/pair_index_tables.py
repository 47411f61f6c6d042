"""The tables of a pair index, and the connection to them.

The file is derived: what it says stands in the run's own files, and it may be deleted at any time.
"""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from pathlib import Path

from core.errors import RunError
from core.store import disk
from core.store.locks import held

# Raise it when a table changes: an index of another number is thrown away and built anew.
SCHEMA = 1

_TABLES = """
CREATE TABLE meta(name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
CREATE TABLE files(name TEXT PRIMARY KEY, inode INT, size INT, mtime INT, offset INT, head TEXT, tail TEXT)
    WITHOUT ROWID;
CREATE TABLE prompts(id TEXT PRIMARY KEY, text TEXT, trait TEXT, source TEXT, removed INT DEFAULT 0)
    WITHOUT ROWID;
CREATE TABLE answers(side INT, key BLOB, prompt TEXT, sample INT, offset INT, length INT, mark INT,
    generation INT, PRIMARY KEY(side, key)) WITHOUT ROWID;
CREATE INDEX answers_place ON answers(side, prompt, sample, offset);
CREATE TABLE lengths(prompt TEXT PRIMARY KEY, tokens INT) WITHOUT ROWID;
CREATE INDEX lengths_none ON lengths(prompt) WHERE tokens = 0;
CREATE TABLE words(folder TEXT, pair TEXT, at REAL, decision TEXT, PRIMARY KEY(pair, folder)) WITHOUT ROWID;
CREATE TABLE pairs(n INTEGER PRIMARY KEY, key BLOB UNIQUE, prompt TEXT, sample INT, trait TEXT,
    id TEXT, base TEXT, objection TEXT, print BLOB, repeated INT DEFAULT 0, answered INT DEFAULT 0,
    dropped TEXT, flags TEXT DEFAULT '[]', ratio REAL, decision TEXT, reviewer TEXT DEFAULT '',
    decided_at REAL, edited INT DEFAULT 0, dirty INT DEFAULT 1, rev INT DEFAULT 0);
CREATE INDEX pairs_prompt ON pairs(prompt, sample);
CREATE INDEX pairs_id ON pairs(id);
CREATE INDEX pairs_print ON pairs(print, n) WHERE print IS NOT NULL AND objection IS NULL;
CREATE INDEX pairs_dirty ON pairs(n) WHERE dirty > 0;
CREATE INDEX pairs_rev ON pairs(rev);
CREATE TABLE previews(n INTEGER PRIMARY KEY, text TEXT, chosen TEXT, rejected TEXT);
CREATE TABLE folded(n INTEGER PRIMARY KEY, text TEXT);
"""
_NAMES = ("meta", "files", "prompts", "answers", "lengths", "words", "pairs", "previews", "folded")
# A thousand tell that they are many. CROSS JOIN keeps the order: SQLite would read every answer first.
WAITING = """
SELECT coalesce(sum(length), 0) FROM
    (SELECT prompt, sample FROM pairs INDEXED BY pairs_dirty WHERE dirty > 0 AND dirty = 1 LIMIT 1000)
    AS waiting CROSS JOIN answers INDEXED BY answers_place
    ON side IN (0, 1) AND answers.prompt = waiting.prompt AND answers.sample = waiting.sample
"""
_ENDINGS = ("", "-wal", "-shm")


def connect(path: Path) -> sqlite3.Connection:
    """A connection to the index at a path, made when missing; a damaged or older one is made anew.

    Raises RunError when the folder cannot be written.
    """
    disk.make_folder(path.parent)
    found = _usable(path)
    if found is not None:
        return found
    # One process at a time throws it away, and none an index that another has made anew meanwhile.
    with held(path.with_name(f".{path.name}.lock"), "the list of pairs"):
        found = _usable(path)
        if found is not None:
            return found
        remove(path)
        try:
            return _opened(path)
        except sqlite3.DatabaseError as error:
            raise trouble(path, error) from error


def _usable(path: Path) -> sqlite3.Connection | None:
    """A connection to the index, None where it is damaged or of another format."""
    try:
        return _opened(path)
    except sqlite3.DatabaseError as error:
        if is_of_the_disk(error):
            raise trouble(path, error) from error
    return None


def _opened(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=2.0, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA page_size = 8192")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA cache_size = -16384")
        connection.execute("PRAGMA wal_autocheckpoint = 4000")
        _prepare(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version == SCHEMA:
        # Asks for a page of each, so that a file cut short is found out here and not later.
        for table in _NAMES:
            connection.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone()
        return
    if version:
        raise sqlite3.DatabaseError("an index of another version")
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Another process may have made the tables while we waited.
        if not connection.execute("PRAGMA user_version").fetchone()[0]:
            for statement in _TABLES.split(";"):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {SCHEMA}")
        connection.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise


def remove(path: Path) -> None:
    """Delete an index; it is built anew when it is asked for."""
    for ending in _ENDINGS:
        disk.unlink(path.with_name(path.name + ending))


def is_of_the_disk(error: sqlite3.DatabaseError) -> bool:
    """Whether making the file anew would not help."""
    words = str(error)
    return isinstance(error, sqlite3.OperationalError) and any(
        part in words for part in ("unable to open", "readonly", "full", "locked", "disk I/O")
    )


def trouble(path: Path, error: sqlite3.Error) -> RunError:
    """A failure of the index in words, with the cure."""
    return RunError(
        f"The list of pairs at {path} cannot be used: {error}. Nothing is lost: free some space or check "
        "who owns the folder, and delete that file if it goes on; it is made anew."
    )
