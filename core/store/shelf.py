"""Where a character's files are, and the only hands that touch them.

    <CONSTITUTION_PATH>/hand-written/pirate.json       shipped, never written
    <DATA_PATH>/constitutions/hand-written/pirate.json the own copy, which shadows it
                             /few-shot/  .history/  .drafts/  .ignored/  .trash/  .locks/

A name is checked and its path resolved before anything is opened: no name and no link leads out of
the folder it belongs to. Writing is atomic, and every failure says what was left unchanged.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from filelock import FileLock, Timeout

from core.constitution import check_name
from core.errors import ConflictError, ConstitutionError, Problem, RunError
from core.sample import UNCHANGED, is_sample
from core.settings import Settings
from core.store.jsonl import write_atomic
from core.strict_json import MAX_BYTES, size_problem

Folder = Literal["hand-written", "few-shot", ".history", ".drafts", ".ignored", ".locks"]

LOCK_TIMEOUT_S = 10.0

_CURES = {
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some space, your quota is used up",
    errno.EFBIG: "raise the limit on file sizes",
    errno.EROFS: "choose another DATA_PATH, this disk is read-only",
    errno.EACCES: "check who owns the folder, or choose another DATA_PATH",
    errno.EPERM: "check who owns the folder, or choose another DATA_PATH",
    errno.ENOTDIR: "choose another DATA_PATH, a file stands where a folder should be",
    errno.EEXIST: "choose another DATA_PATH, a file stands where a folder should be",
}


@dataclass(frozen=True, slots=True)
class Shelf:
    """The two folders of characters: `own` is written, `shipped` is only read."""

    own: Path
    shipped: Path

    def own_path(self, folder: Folder, name: str, ending: str = ".json") -> Path:
        """Where the own file of a name belongs. Raises ConstitutionError if it leads elsewhere."""
        return _contained(self.own / folder, name, ending)

    def shipped_path(self, folder: Folder, name: str, ending: str = ".json") -> Path:
        """Where the shipped file of a name belongs. Raises ConstitutionError likewise."""
        return _contained(self.shipped / folder, name, ending)

    def effective(self, folder: Folder, name: str, ending: str = ".json") -> Path | None:
        """The file that counts: the own one, else the shipped one, else None."""
        candidates = (self.own_path(folder, name, ending), self.shipped_path(folder, name, ending))
        return next((path for path in candidates if exists(path)), None)

    @contextmanager
    def locked(self, name: str) -> Generator[None]:
        """Hold all files of a name for one writer. Raises ConflictError when another one does.

        Raises RunError for the finished sample, which nobody changes.
        """
        if is_sample(name):
            raise RunError(UNCHANGED)
        path = self.own_path(".locks", name, ".lock")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # A lock object of its own for each call: two threads exclude each other like two processes.
            lock = FileLock(path, is_singleton=False)
            lock.acquire(timeout=LOCK_TIMEOUT_S)
        except Timeout:
            message = (
                f"Another window or job is saving {name!r} just now. Nothing was overwritten; try again."
            )
            raise ConflictError(message) from None
        except OSError as error:
            raise trouble("save", path, error) from error
        try:
            yield
        finally:
            lock.release()


def shelf_of(settings: Settings) -> Shelf:
    """The shelf that the settings point at; nothing is made yet."""
    return Shelf(settings.data_path / "constitutions", settings.constitution_path)


def _contained(folder: Path, name: str, ending: str) -> Path:
    if problems := check_name(name):
        raise ConstitutionError(repr(name[:40]), problems)
    path = folder / file_name(name, ending)
    # A checked name has no folders in it: only a link can lead elsewhere.
    if not os.path.islink(path):
        return path
    try:
        inside = path.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError):
        inside = False  # a link that runs in a circle
    if not inside:
        message = "is a link that leads out of its folder; put the file itself there."
        raise ConstitutionError(str(path), [Problem("", message)])
    return path


def file_name(name: str, ending: str) -> str:
    """The name of a file; what is still being made (".pirate.accepted.jsonl") hides behind a dot."""
    return f".{name}{ending}" if ending.count(".") > 1 else f"{name}{ending}"


def exists(path: Path) -> bool:
    """Whether something stands at `path`. Raises RunError where that cannot even be asked."""
    try:
        path.stat()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise trouble("read", path, error) from error
    return True


def read(path: Path, limit: int = MAX_BYTES) -> bytes | None:
    """The bytes of a file, None when it is missing. A huge file is refused before it is read."""
    try:
        about = path.stat()
        if not stat.S_ISREG(about.st_mode):
            raise ConstitutionError(str(path), [Problem("", "is not a file; move it away.")])
        if problem := size_problem(about.st_size, limit):
            raise ConstitutionError(str(path), [problem])
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise trouble("read", path, error) from error


def write(path: Path, data: bytes) -> None:
    """Replace a file whole or not at all. Raises RunError."""
    with in_our_words(path):
        write_atomic(path, data)


@contextmanager
def in_our_words(path: Path, verb: Literal["read", "save"] = "save") -> Generator[None]:
    """Turn a failure of the disk into words for somebody who is editing a character."""
    try:
        yield
    except RunError as error:
        if not isinstance(error.__cause__, OSError):
            raise
        raise trouble(verb, path, error.__cause__) from error
    except OSError as error:
        raise trouble(verb, path, error) from error


def trouble(verb: Literal["read", "save"], path: Path, error: OSError) -> RunError:
    """The RunError for a disk operation that failed: what, where, why, and what to do."""
    reason = (error.strerror or str(error)).lower()
    cure = _CURES.get(error.errno or 0, "check the disk")
    kept = "What was saved before is unchanged; " if verb == "save" else "Nothing is lost; "
    return RunError(f"Could not {verb} {path}: {reason}. {kept}{cure}, then try again.")


def ends_torn(path: Path) -> bool:
    """Whether a kill left half a row at the end of a file, which would swallow the next one."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - 1))
            return size > 0 and file.read(1) != b"\n"
    except FileNotFoundError:
        return False


def revision_of(data: bytes) -> str:
    """What tells one state of a file from every other: the sha256 of its bytes."""
    return hashlib.sha256(data).hexdigest()


def changed_at(path: Path) -> float:
    """When a file last changed, in seconds since 1970; 0 when it is not there."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def in_words(moment: float) -> str:
    """A moment for a sentence, in the reader's own time: "at 14:05:09 on 23 November 2025"."""
    return time.strftime("at %H:%M:%S on %d %B %Y", time.localtime(moment))
