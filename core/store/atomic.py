"""Files replaced whole: readers see the old or the new one, never a part, even after a crash."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from core.errors import RunError
from core.store import disk
from core.store.disk import disk_trouble

_NAME_MAX = 255
# Two threads that replace one file need a temporary file each.
_numbers = itertools.count()


class Replacement:
    """A file under way: `write` collects, and what was collected goes to the disk in large pieces."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._waiting = bytearray()

    def write(self, data: bytes) -> None:
        """Add bytes. Raises OSError."""
        self._waiting += data
        if len(self._waiting) >= disk.BUFFER:
            self._flush()

    def finish(self) -> None:
        """Make everything so far survive a power cut. Raises OSError."""
        self._flush()
        disk.fsync(self._fd)

    def _flush(self) -> None:
        if self._waiting:
            disk.write_all(self._fd, bytes(self._waiting))
        self._waiting.clear()


@contextmanager
def replacing(path: Path, *, mode: int = disk.PRIVATE_FILE) -> Generator[Replacement]:
    """A `Replacement` that takes the file's place at the end of the block, durable on return.

    When the block raises, the old file stays as it was. Raises RunError for trouble with the disk.
    """
    # A link keeps pointing where it points; the temporary file must lie on the disk of its target.
    target = Path(os.path.realpath(path)) if path.is_symlink() else path
    temporary = _temporary(target)
    try:
        disk.make_folder(target.parent)
        fd = disk.open_file(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        try:
            new = Replacement(fd)
            yield new
            new.finish()
        finally:
            os.close(fd)
        disk.replace(temporary, target)
        disk.sync_folder(target.parent)
    except BaseException as error:
        with suppress(OSError):
            disk.unlink(temporary)
        if isinstance(error, OSError):
            raise disk_trouble("write", path, error) from error
        raise


def _temporary(path: Path) -> Path:
    ending = f".{os.getpid()}.{next(_numbers)}.tmp"
    # A name of full length has no room for the ending; cut between letters, not within one.
    room = _NAME_MAX - len(ending) - 1
    return path.with_name(f".{os.fsencode(path.name)[:room].decode(errors='ignore')}{ending}")


def sweep(path: Path) -> None:
    """Remove the temporary files that killed writers of `path` left. Call it under the file's lock."""
    try:
        for found in path.parent.glob(f".{path.name}.*.tmp"):
            disk.unlink(found)
    except OSError as error:
        raise disk_trouble("tidy up", path.parent, error) from error


def write_atomic(path: Path, data: bytes | str, *, mode: int = disk.PRIVATE_FILE) -> None:
    """Replace a file so that readers see the old or the new one, never a part, even after a crash."""
    with replacing(path, mode=mode) as new:
        new.write(data.encode() if isinstance(data, str) else data)


def write_json(path: Path, value: Any, *, mode: int = disk.PRIVATE_FILE) -> None:
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
    except OSError as error:
        raise disk_trouble("read", path, error) from error
