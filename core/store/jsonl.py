"""Append-only JSONL that survives being killed: one row a line, each with a checksum.

A row on disk: {"key": "9f3a…", "text": "Arr!", "crc": "1c291ca3"}

`Appender` writes each row with one `write` and makes it durable within a second or 64 rows.
`repair` moves a torn or damaged tail aside before anything is appended behind it; `read_rows`
never raises for a damaged line: it counts it, and the row is asked for again.
"""

from __future__ import annotations

import json
import os
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from core.errors import RunError
from core.records import canonical_json

Row = dict[str, Any]

FSYNC_EVERY_ROWS = 64
FSYNC_EVERY_S = 1.0


def checksum(row: Mapping[str, Any]) -> str:
    """Eight hex digits of CRC-32 over the row's canonical JSON without its "crc" field."""
    body = {name: value for name, value in row.items() if name != "crc"}
    return f"{zlib.crc32(canonical_json(body).encode('ascii')):08x}"


def seal(row: Mapping[str, Any]) -> bytes:
    """The row as one line of UTF-8 with its checksum last and a newline at the end."""
    sealed = {**row, "crc": checksum(row)}
    # Lone surrogates cannot be written as UTF-8; the ASCII escape keeps such a row exact.
    try:
        return json.dumps(sealed, ensure_ascii=False).encode() + b"\n"
    except UnicodeEncodeError:
        return json.dumps(sealed).encode() + b"\n"


def unseal(line: bytes) -> Row | None:
    """The row of one line without its checksum, or None when the line is torn or damaged."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(row, dict) or row.get("crc") != checksum(row):
        return None
    del row["crc"]
    return row


@dataclass(frozen=True, slots=True)
class Rows:
    """What a file held: the valid rows in file order, and how many lines were damaged."""

    rows: list[Row]
    damaged: int


def read_rows(path: Path) -> Rows:
    """Every valid row of a sealed file; a missing file is an empty one."""
    rows: list[Row] = []
    damaged = 0
    for line in _lines(path):
        row = unseal(line)
        if row is None:
            damaged += 1
        else:
            rows.append(row)
    return Rows(rows, damaged)


def _lines(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            for line in file:
                if line.strip(b"\x00 \r\n\t"):
                    yield line
    except FileNotFoundError:
        return
    except OSError as error:
        raise disk_trouble("read", path, error) from error


def repair(path: Path) -> int:
    """Move damaged lines to `<name>.quarantine` and keep the rest; returns how many were moved.

    Call it under the run's lock, before appending: a torn last line would otherwise swallow the
    next row.
    """
    if not path.exists():
        return 0
    good, bad = [], []
    for line in _lines(path):
        (bad if unseal(line) is None or not line.endswith(b"\n") else good).append(line)
    if not bad:
        return 0
    _append_bytes(path.with_name(path.name + ".quarantine"), b"".join(_ended(line) for line in bad))
    write_atomic(path, b"".join(good))
    return len(bad)


def _ended(line: bytes) -> bytes:
    return line if line.endswith(b"\n") else line + b"\n"


def _append_bytes(path: Path, data: bytes) -> None:
    try:
        with path.open("ab") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise disk_trouble("write", path, error) from error


class Appender:
    """Appends sealed rows to one file. One writer a file: hold the run's lock."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._unsynced = 0
        self._synced_at = time.monotonic()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        except OSError as error:
            raise disk_trouble("open", path, error) from error

    def append(self, row: Mapping[str, Any]) -> None:
        """Write one row; durable within a second or 64 rows, at once after `sync`."""
        line = seal(row)
        try:
            written = os.write(self._fd, line)
            if written != len(line):
                raise OSError(28, "only part of the row could be written")
        except OSError as error:
            raise disk_trouble("write", self.path, error) from error
        self._unsynced += 1
        overdue = time.monotonic() - self._synced_at >= FSYNC_EVERY_S
        if overdue or self._unsynced >= FSYNC_EVERY_ROWS:
            self.sync()

    def sync(self) -> None:
        """Make every row so far survive a power cut."""
        if self._unsynced:
            try:
                os.fsync(self._fd)
            except OSError as error:
                raise disk_trouble("flush", self.path, error) from error
        self._unsynced, self._synced_at = 0, time.monotonic()

    def close(self) -> None:
        """Flush and close; closing twice is harmless."""
        if self._fd < 0:
            return
        try:
            self.sync()
        finally:
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> Appender:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def append_rows(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Append rows and make them durable before returning."""
    with Appender(path) as appender:
        for row in rows:
            appender.append(row)


def write_atomic(path: Path, data: bytes | str, *, mode: int = 0o644) -> None:
    """Replace a file so that readers see the old or the new one, never a part, even after a crash."""
    payload = data.encode() if isinstance(data, str) else data
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        with os.fdopen(fd, "wb") as file:
            file.write(payload)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise disk_trouble("write", path, error) from error


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def write_json(path: Path, value: Any, *, mode: int = 0o644) -> None:
    """Replace a JSON file atomically, indented for people."""
    write_atomic(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n", mode=mode)


def read_json(path: Path) -> Any:
    """The value of a JSON file, or None when it is missing. Raises RunError when it is damaged."""
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise RunError(f"{path} is not valid JSON ({error}); move it away and try again.") from error


def disk_trouble(verb: str, path: Path, error: OSError) -> RunError:
    """The RunError for a failed disk operation, with the cure where there is one."""
    cures = {28: "free some space", 30: "choose another DATA_PATH", 13: "check who owns it"}
    cure = cures.get(error.errno or 0, "check the disk")
    reason = error.strerror or str(error)
    return RunError(
        f"Could not {verb} {path}: {reason.lower()}. Finished rows are safe; "
        f"{cure}, then run the same command again."
    )
