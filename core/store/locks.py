"""One writer at a time, and a word about who it is.

    .run.lock: {"pid": 812, "ticks": 5120, "host": "mars", "since": 1795392902.1}

The lock is the system's and ends with its process, however that dies. The words in the file only
serve the message: a lock file that exists is not a lock that is held.
"""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from core.errors import RunError
from core.job_wrapper import process_stat, who_is
from core.store import disk
from core.store.disk import disk_trouble

LOCK_TIMEOUT_S = 10.0


@contextmanager
def held(path: Path, what: str, *, timeout: float = LOCK_TIMEOUT_S) -> Generator[None]:
    """Hold the lock file at `path` while the block runs. Raises RunError when another one does.

    `what` is what is being written, for the message.
    """
    # An object of its own for each call: two threads exclude each other like two processes.
    lock = FileLock(path, is_singleton=False)
    try:
        disk.make_folder(path.parent)
        lock.acquire(timeout=timeout)
    except Timeout:
        raise RunError(
            f"Another job{_holder(path)} is writing {what}. Wait for it or cancel it, then run again."
        ) from None
    except OSError as error:
        raise disk_trouble("lock", path, error) from error
    try:
        _leave_word(path)
        yield
    finally:
        lock.release()


def _leave_word(path: Path) -> None:
    note = json.dumps({**who_is(os.getpid()), "host": socket.gethostname(), "since": time.time()})
    # A full disk must not keep anybody from finishing: without the words the lock still holds.
    with suppress(OSError):
        fd = disk.open_file(path, os.O_WRONLY | os.O_TRUNC)
        try:
            disk.write_all(fd, note.encode() + b"\n")
        finally:
            os.close(fd)


def _holder(path: Path) -> str:
    """Who holds the lock, as far as the file's words can be trusted: " (process 812, since 14:03)"."""
    try:
        note = json.loads(path.read_text(encoding="utf-8"))
        when = time.strftime("%H:%M", time.localtime(note["since"]))
        if note["host"] != socket.gethostname():
            return f" (process {note['pid']} on {note['host']}, since {when})"
        return f" (process {note['pid']}, since {when})" if _still_runs(note) else ""
    except (OSError, ValueError, KeyError, TypeError, OverflowError):
        return ""


def _still_runs(note: dict[str, Any]) -> bool:
    """Whether the process of a note is the one that wrote it: numbers are used again."""
    if note["ticks"] is None:
        return True  # no /proc here: believe the note
    stat = process_stat(note["pid"])
    return stat is not None and stat.ticks == note["ticks"]
