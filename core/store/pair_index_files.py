"""Append-only files read by and by: each look takes only the lines that came since the last one.

A file is known by its inode, its first bytes and the last ones that were read. One that was replaced, cut
or changed where it had been read is noticed, and is read from its beginning again.
"""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from io import BufferedReader
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from core.store import disk
from core.store.disk import disk_trouble
from core.store.lines import Row, clean, row_key_of, unseal

PROOF = 4096


class Line(NamedTuple):
    """A whole line: where it begins, its bytes, a mark of what it says, its row (None: damaged)."""

    offset: int
    length: int
    mark: int
    row: Row | None


@dataclass(frozen=True, slots=True)
class Seen:
    """What a file looked like when it was read up to byte `offset`; `head` and `tail` are hashes."""

    inode: int = 0
    size: int = 0
    mtime: int = 0
    offset: int = 0
    head: str = ""
    tail: str = ""

    @property
    def unread(self) -> int:
        """Bytes that were there and not read."""
        return max(0, self.size - self.offset)


NEVER = Seen()


@dataclass(frozen=True, slots=True)
class Look:
    """A file now: what is known of it, and whether that has to be forgotten."""

    seen: Seen
    replaced: bool


def look(path: Path, before: Seen) -> Look:
    """How a file stands to what was read of it. A missing file is an empty one. Raises RunError."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return Look(NEVER, before.offset > 0)
    except OSError as error:
        raise disk_trouble("read", path, error) from error
    now = replace(before, inode=found.st_ino, size=found.st_size, mtime=found.st_mtime_ns)
    if now == before:
        return Look(now, False)
    if _is_the_same(path, before, now):
        return Look(now, False)
    return Look(Seen(now.inode, now.size, now.mtime), before.offset > 0)


def _is_the_same(path: Path, before: Seen, now: Seen) -> bool:
    if before.offset == 0:
        return True
    if now.inode != before.inode or now.size < before.offset:
        return False
    return proofs(path, before.offset) == (before.head, before.tail)


def proofs(path: Path, offset: int) -> tuple[str, str]:
    """Hashes of the first bytes of a file and of the last ones before `offset`. Raises RunError."""
    try:
        with disk.reader(path, PROOF) as file:
            return _proofs(file, offset)
    except OSError as error:
        raise disk_trouble("read", path, error) from error


def _proofs(file: BufferedReader, offset: int) -> tuple[str, str]:
    file.seek(0)
    head = file.read(min(PROOF, offset))
    file.seek(max(0, offset - PROOF))
    tail = file.read(min(PROOF, offset))
    return hashlib.sha256(head).hexdigest()[:16], hashlib.sha256(tail).hexdigest()[:16]


def advanced(path: Path, seen: Seen, offset: int) -> Seen:
    """`seen` after reading on to `offset`."""
    if offset == seen.offset:
        return seen
    head, tail = proofs(path, offset)
    return replace(seen, offset=offset, head=head, tail=tail)


class Part(NamedTuple):
    """Lines that follow what was read, and the file as it is then known.

    `is_there` is false when another file stands there than the one that was looked at: look again.
    """

    lines: list[Line]
    seen: Seen
    is_there: bool = True


def read_on(path: Path, seen: Seen, most: int, is_late: Callable[[], bool]) -> Part:
    """The next whole lines, `most` at once; of long ones fewer, so that time is kept. Raises RunError.

    Lines and proofs are read from one open file: a path may lead to another one from moment to moment.
    """
    try:
        with disk.reader(path) as file:
            if not _is_what_was_seen(file, seen):
                return Part([], seen, False)
            lines: list[Line] = []
            for line in islice(_lines(file, seen.offset), most):
                lines.append(line)
                if is_late():
                    break
            if not lines:
                return Part([], seen)
            end = lines[-1].offset + lines[-1].length
            head, tail = _proofs(file, end)
            return Part(lines, replace(seen, offset=end, head=head, tail=tail))
    except FileNotFoundError:
        return Part([], seen, False)
    except OSError as error:
        raise disk_trouble("read", path, error) from error


def _is_what_was_seen(file: BufferedReader, seen: Seen) -> bool:
    if os.fstat(file.fileno()).st_ino != seen.inode:
        return False
    return not seen.offset or _proofs(file, seen.offset) == (seen.head, seen.tail)


def _lines(file: BufferedReader, offset: int) -> Iterator[Line]:
    """The whole lines from a byte on. One that is still being written is left out."""
    file.seek(offset)
    for raw in file:
        row = unseal(raw)
        # A whole row that only wants its newline is a row all the same; its checksum says so.
        if not raw.endswith(b"\n") and row is None:
            return
        if row is not None or clean(raw):
            yield Line(offset, len(raw), zlib.crc32(clean(raw)), row)
        offset += len(raw)


def row_at(fd: int, offset: int, length: int, key: bytes) -> Row | None:
    """The row that stood at a place, or None where something else stands now."""
    raw = os.pread(fd, length, offset)
    row = unseal(raw) if len(raw) == length else None
    return row if row is not None and row_key_of(row) == key else None
