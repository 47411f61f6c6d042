"""The only way rows are appended: one write a row, durable in groups, never a torn row left behind."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any

from core.errors import RunError
from core.store import disk
from core.store.disk import disk_trouble
from core.store.lines import seal

FSYNC_EVERY_ROWS = 64
FSYNC_EVERY_S = 1.0
ROWS_A_WRITE = 128


class Appender:
    """Appends sealed rows to one file. One writer a file: hold the run's lock.

    With `group` a row is durable within 64 rows or a second, as long as rows follow; without it only
    `sync`, `fsync_now` and `close` make rows durable. A failed write takes back what it left of its
    row. After a failed flush nobody knows what is on the disk: every later call raises, and the file
    must be repaired and opened again.
    """

    def __init__(self, path: Path, *, group: bool = True) -> None:
        self.path = path
        self._group = group
        # Counted in rows since opening. Only the appending thread counts `_written`.
        self._written = 0
        self._durable = 0
        self._synced_at = time.monotonic()
        self._trouble: RunError | None = None
        # Keeps the descriptor open while another thread flushes it.
        self._flushing = threading.Lock()
        self._fd, self._size = _opened(path)

    @property
    def pending(self) -> int:
        """How many rows are written but would not survive a power cut yet."""
        return self._written - self._durable

    def append(self, row: Mapping[str, Any]) -> None:
        """Write one row. Raises RunError; the file then holds the rows before it and no more."""
        self.append_line(seal(row))

    def append_line(self, line: bytes) -> None:
        """Write what `seal` made, one line or several. Raises RunError like `append`."""
        self._refuse_after_trouble()
        try:
            disk.write_all(self._fd, line)
        except OSError as error:
            self._take_back(len(line), error)
            raise disk_trouble("write", self.path, error) from error
        self._size += len(line)
        self._written += 1
        if self._group and self._is_due():
            self.fsync_now()

    def _is_due(self) -> bool:
        overdue = time.monotonic() - self._synced_at >= FSYNC_EVERY_S
        return overdue or self.pending >= FSYNC_EVERY_ROWS

    def _take_back(self, most: int, error: OSError) -> None:
        """Remove what a failed write left; where that fails too, the file needs `repair`."""
        try:
            # More than one row's bytes behind our last row means that somebody else writes here.
            if not 0 <= os.fstat(self._fd).st_size - self._size <= most:
                self._trouble = disk_trouble("write", self.path, error)
            else:
                disk.truncate(self._fd, self._size)
        except OSError:
            self._trouble = disk_trouble("write", self.path, error)

    def sync(self) -> None:
        """Make every row so far survive a power cut. Raises RunError."""
        self.fsync_now()

    def fsync_now(self) -> None:
        """The same as `sync`, for any thread: rows written while it runs stay pending."""
        with self._flushing:
            if self._fd < 0:
                return  # a flush that was under way when the file was closed: nothing is left to do
            self._refuse_after_trouble()
            covered = self._written
            if covered > self._durable:
                self._flush()
            self._durable, self._synced_at = covered, time.monotonic()

    def _flush(self) -> None:
        try:
            disk.fsync(self._fd)
        except OSError as error:
            self._trouble = disk_trouble("flush", self.path, error)
            raise self._trouble from error

    def _refuse_after_trouble(self) -> None:
        if self._trouble is not None:
            raise RunError(str(self._trouble)) from self._trouble
        if self._fd < 0:
            raise ValueError(f"{self.path} is closed")

    def close(self) -> None:
        """Flush and close; closing twice is harmless. Raises RunError when rows may not be durable."""
        if self._fd < 0:
            return
        try:
            self.fsync_now()
        finally:
            with self._flushing:
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
        if error is None:
            self.close()
            return
        # What went wrong first is what the person must hear of.
        with suppress(RunError):
            self.close()


def _opened(path: Path) -> tuple[int, int]:
    """The descriptor of a file to append to and the file's size; its name is made durable too."""
    try:
        disk.make_folder(path.parent)
        is_new = not path.exists()
        fd = disk.open_file(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        try:
            if is_new:
                disk.sync_folder(path.parent)
            return fd, os.fstat(fd).st_size
        except OSError:
            os.close(fd)
            raise
    except OSError as error:
        raise disk_trouble("open", path, error) from error


def append_rows(path: Path, rows: Iterable[Mapping[str, Any]]) -> int:
    """Append rows and make them durable before returning how many there were. Raises RunError."""
    count = 0
    with Appender(path, group=False) as appender:
        # Many rows a write: nobody waits for one of them, and a failed write takes all of its rows back.
        sealed = map(seal, rows)
        while lines := list(islice(sealed, ROWS_A_WRITE)):
            appender.append_line(b"".join(lines))
            count += len(lines)
    return count
