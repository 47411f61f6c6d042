"""What a file of rows holds, found in one pass over its bytes, and its damage set aside.

A kill leaves half a row at the end; it is cut off without touching the rest. Damage in the middle,
from a failing disk or an editor, costs a rewrite. What is removed goes to `<name>.quarantine`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Protocol

from core.store import disk
from core.store.atomic import replacing
from core.store.disk import disk_trouble
from core.store.lines import clean, key_of, numbered

OnRow = Callable[[int, bytes], None]


@dataclass(frozen=True, slots=True)
class KeyScan:
    """What a file holds: compact keys of the valid rows, and how many rows and damaged lines.

    `duplicates` counts valid rows whose key an earlier row has.
    """

    keys: set[bytes]
    rows: int
    duplicates: int
    damaged: int


@dataclass(slots=True)
class Survey:
    """Where a file is damaged: spans of bytes, `lines` damaged lines in all.

    `end` is where the rows end, `size` where the file does: zeros may lie between. `is_ended` is
    false when the last line wants its newline.
    """

    spans: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    lines: int = 0
    end: int = 0
    size: int = 0
    is_ended: bool = True

    def add_damage(self, start: int, stop: int) -> None:
        """One more damaged line; neighbours become one span."""
        self.lines += 1
        if self.spans and self.spans[-1][1] == start:
            start = self.spans.pop()[0]
        self.spans.append((start, stop))


def scan_keys(path: Path) -> KeyScan:
    """The keys that a file holds, without parsing or keeping its rows. Raises RunError."""
    tally = _Tally()
    return tally.scan(survey(path, tally.count))


def open_for_append(path: Path) -> KeyScan:
    """Repair a file and tell what it holds, in one pass; `damaged` lines were set aside.

    Call it under the run's lock. Raises RunError.
    """
    tally = _Tally()
    return tally.scan(mend(path, tally.count))


def repair(path: Path) -> int:
    """Move damaged lines to `<name>.quarantine` and keep the rest; returns how many were moved.

    Call it under the run's lock, before appending: a torn last line would otherwise swallow the
    next row. Raises RunError.
    """
    return mend(path, lambda offset, key: None).lines


class _Tally:
    def __init__(self) -> None:
        self.keys: set[bytes] = set()
        self.rows = 0
        self.keyless = 0

    def count(self, offset: int, key: bytes) -> None:
        self.rows += 1
        if key:
            self.keys.add(key)
        else:
            self.keyless += 1

    def scan(self, found: Survey) -> KeyScan:
        return KeyScan(self.keys, self.rows, self.rows - self.keyless - len(self.keys), found.lines)


def survey(path: Path, on_row: OnRow) -> Survey:
    """Look at every line: `on_row` hears where each valid row begins, and its key."""
    found = Survey()
    for offset, line in numbered(path):
        found.size = offset + len(line)
        key = key_of(line)
        if key is not None:
            on_row(offset, key)
        elif clean(line):
            found.add_damage(offset, found.size)
        elif line[-1:] != b"\n":
            continue  # zeros at the end, as some file systems leave them after a power cut
        found.end = found.size
        found.is_ended = line[-1:] == b"\n"
    return found


def mend(path: Path, on_row: OnRow) -> Survey:
    """Survey a file and set its damage aside; rows behind damage in the middle move. Raises RunError."""
    found = survey(path, on_row)
    if found.spans:
        _quarantine(path, found)
    if len(found.spans) > 1 or (found.spans and found.spans[0][1] != found.end):
        _rewrite(path, found)
    elif found.spans:
        _cut(path, found.spans[0][0])
    elif not found.is_ended:
        _end_last_line(path)
    elif found.end != found.size:
        _cut(path, found.end)
    return found


def _quarantine(path: Path, found: Survey) -> None:
    """Append the damaged spans to the file beside, or leave that file as it was."""
    aside = path.with_name(path.name + ".quarantine")
    try:
        is_new = not aside.exists()
        fd = disk.open_file(aside, os.O_RDWR | os.O_CREAT | os.O_APPEND)
        try:
            _append_spans(fd, path, found)
        finally:
            os.close(fd)
        if is_new:
            disk.sync_folder(aside.parent)
    except OSError as error:
        raise disk_trouble("write", aside, error) from error


def _append_spans(fd: int, path: Path, found: Survey) -> None:
    size = os.fstat(fd).st_size
    try:
        with disk.reader(path) as file:
            for start, stop in found.spans:
                _copy(file, start, stop, _Descriptor(fd))
        if not found.is_ended:
            disk.write_all(fd, b"\n")
        disk.fsync(fd)
    except OSError:
        with suppress(OSError):
            disk.truncate(fd, size)
        raise


def _rewrite(path: Path, found: Survey) -> None:
    """Replace the file by one without the damaged spans."""
    with replacing(path) as new, disk.reader(path) as file:
        place = 0
        for start, stop in [*found.spans, (found.end, found.end)]:
            _copy(file, place, start, new)
            place = stop
        if not found.is_ended and found.spans[-1][1] != found.end:
            new.write(b"\n")


def _cut(path: Path, size: int) -> None:
    """Shorten the file in place: the rows before are not written again."""
    try:
        fd = disk.open_file(path, os.O_RDWR)
        try:
            disk.truncate(fd, size)
            disk.fsync(fd)
        finally:
            os.close(fd)
    except OSError as error:
        raise disk_trouble("repair", path, error) from error


def _end_last_line(path: Path) -> None:
    """A whole last row without its newline is a row all the same."""
    try:
        fd = disk.open_file(path, os.O_WRONLY | os.O_APPEND)
        try:
            disk.write_all(fd, b"\n")
            disk.fsync(fd)
        finally:
            os.close(fd)
    except OSError as error:
        raise disk_trouble("repair", path, error) from error


class _Out(Protocol):
    def write(self, data: bytes) -> None: ...


@dataclass(frozen=True, slots=True)
class _Descriptor:
    fd: int

    def write(self, data: bytes) -> None:
        disk.write_all(self.fd, data)


def _copy(file: BinaryIO, start: int, stop: int, out: _Out) -> None:
    file.seek(start)
    while start < stop and (piece := file.read(min(disk.BUFFER, stop - start))):
        out.write(piece)
        start += len(piece)
