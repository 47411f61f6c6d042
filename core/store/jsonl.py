"""Append-only JSONL that survives being killed: one row a line, each with a checksum.

A row on disk: {"key": "9f3a…", "text": "Arr!", "crc": "1c291ca3"}

    scan = open_for_append(path)                 # repaired; which keys are there
    with Appender(path) as rows:
        rows.append({"key": …, "text": …})       # durable within a second or 64 rows
    for row in iter_rows(path): …                # damaged lines are skipped, and asked for again

This module is the front door. Behind it: `lines` (a row as bytes), `appender` (writing), `mending`
(scanning and repair), `atomic` (whole files), `disk` (every call to the system).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from core.store.appender import FSYNC_EVERY_ROWS, FSYNC_EVERY_S, Appender, append_rows
from core.store.atomic import read_json, sweep, write_atomic, write_json
from core.store.disk import disk_trouble
from core.store.lines import Row, clean, compact_key, numbered, seal, unseal
from core.store.mending import KeyScan, open_for_append, repair, scan_keys

__all__ = [
    "FSYNC_EVERY_ROWS",
    "FSYNC_EVERY_S",
    "Appender",
    "KeyScan",
    "Row",
    "Rows",
    "append_rows",
    "compact_key",
    "disk_trouble",
    "iter_rows",
    "open_for_append",
    "read_json",
    "read_rows",
    "repair",
    "scan_keys",
    "seal",
    "sweep",
    "unseal",
    "write_atomic",
    "write_json",
]


@dataclass(frozen=True, slots=True)
class Rows:
    """What a file held: the valid rows in file order, and how many lines were damaged."""

    rows: list[Row]
    damaged: int


def read_rows(path: Path) -> Rows:
    """Every valid row of a sealed file; a missing file is an empty one. Raises RunError."""
    found = [unseal(line) for _, line in numbered(path) if clean(line)]
    rows = [row for row in found if row is not None]
    return Rows(rows, len(found) - len(rows))


def iter_rows(path: Path) -> Iterator[Row]:
    """Each valid row of a sealed file, one at a time; damaged lines are skipped. Raises RunError."""
    for _, line in numbered(path):
        row = unseal(line)
        if row is not None:
            yield row
