"""A disk that fails at the call of one's choice, and what a power cut leaves of the files on it.

It stands in for the functions of `core.store.disk`, the only way of `core.store` to files. Flushing
is only noted: what counts is which bytes were flushed, not that this machine's disk is slow.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.store import disk

CALLS = ("reader", "open_file", "write", "fsync", "truncate", "replace", "unlink", "mkdir")


class PowerCutError(BaseException):
    """The computer is off: no `except` and no clean-up of the program runs after it."""


class FailingDisk:
    """Lets `good` calls through; the next one fails with `error`, or cuts the power when that is None.

    With `for_good` every call after it fails too. A failing write may leave `torn` bytes behind.
    """

    def __init__(
        self,
        patch: pytest.MonkeyPatch,
        good: int,
        error: int | None,
        *,
        for_good: bool = False,
        torn: int = 0,
    ) -> None:
        self.left = good
        self.error = error
        self.for_good = for_good or error is None
        self.torn = torn
        self.failed = ""
        # The bytes of each file, by inode, that survive a power cut.
        self.durable: dict[int, int] = {}
        # Names that a power cut takes back, with what each stood for before; None for a new one.
        self.names: dict[Path, bytes | None] = {}
        for name in CALLS:
            patch.setattr(disk, name, self._failing(name, getattr(disk, name)))
        patch.setattr(os, "fsync", self._note)

    def _failing(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            self.left -= 1
            if self.left == -1 or (self.for_good and self.left < 0):
                self.failed = self.failed or name
                if name == "write" and self.left == -1 and self.torn:
                    real(args[0], bytes(args[1])[: self.torn])
                self._fail()
            if name == "replace":
                self._note_replaced(*args)
            is_new = name == "open_file" and bool(args[1] & os.O_CREAT) and not args[0].exists()
            result = real(*args)
            if is_new:
                self._note_new(args[0], result)
            return result

        return call

    def _fail(self) -> None:
        if self.error is None:
            raise PowerCutError
        raise OSError(self.error, os.strerror(self.error))

    def _note_replaced(self, source: Path, target: Path) -> None:
        self.names.pop(source, None)
        self.names.setdefault(target, self._durable_bytes(target))

    def _note_new(self, path: Path, fd: int) -> None:
        self.names[path] = None
        self.durable[os.fstat(fd).st_ino] = 0  # the number may have been another file's

    def _durable_bytes(self, path: Path) -> bytes | None:
        if not path.exists():
            return None
        return path.read_bytes()[: self.durable.get(path.stat().st_ino, 0)]

    def _note(self, fd: int) -> None:
        about = os.fstat(fd)
        if stat.S_ISDIR(about.st_mode):
            folder = Path(os.readlink(f"/proc/self/fd/{fd}"))
            self.names = {path: old for path, old in self.names.items() if path.parent != folder}
        self.durable[about.st_ino] = about.st_size

    def forget_unflushed(self, folder: Path, kept: float) -> None:
        """What a power cut does: of the bytes that were not flushed only the share `kept` is there.

        Without a share, names that were not flushed are gone as well, and replaced files are back.
        """
        for path in folder.rglob("*.jsonl*"):
            about = path.stat()
            durable = min(self.durable.get(about.st_ino, 0), about.st_size)
            os.truncate(path, durable + int((about.st_size - durable) * kept))
        for path, old in () if kept else self.names.items():
            path.unlink(missing_ok=True) if old is None else path.write_bytes(old)
