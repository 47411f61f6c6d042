"""Append-only files read by and by: each look takes only the lines that came since the last one.

A file is known by its inode, its first bytes and the last ones that were read. One that was replaced, cut
or changed where it had been read is noticed, and is read from its beginning again.
"""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
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
            head = file.read(min(PROOF, offset))
            file.seek(max(0, offset - PROOF))
            tail = file.read(min(PROOF, offset))
    except OSError as error:
        raise disk_trouble("read", path, error) from error
    return hashlib.sha256(head).hexdigest()[:16], hashlib.sha256(tail).hexdigest()[:16]


def advanced(path: Path, seen: Seen, offset: int) -> Seen:
    """`seen` after reading on to `offset`."""
    if offset == seen.offset:
        return seen
    head, tail = proofs(path, offset)
    return replace(seen, offset=offset, head=head, tail=tail)


def lines_from(path: Path, offset: int) -> Iterator[Line]:
    """The whole lines from a byte on. One that is still being written is left out. Raises RunError."""
    try:
        with disk.reader(path) as file:
            file.seek(offset)
            for raw in file:
                row = unseal(raw)
                # A whole row that only wants its newline is a row all the same; its checksum says so.
                if not raw.endswith(b"\n") and row is None:
                    return
                if row is not None or clean(raw):
                    yield Line(offset, len(raw), zlib.crc32(clean(raw)), row)
                offset += len(raw)
    except FileNotFoundError:
        return
    except OSError as error:
        raise disk_trouble("read", path, error) from error


def row_at(fd: int, offset: int, length: int, key: bytes) -> Row | None:
    """The row that stood at a place, or None where something else stands now."""
    raw = os.pread(fd, length, offset)
    row = unseal(raw) if len(raw) == length else None
    return row if row is not None and row_key_of(row) == key else None
