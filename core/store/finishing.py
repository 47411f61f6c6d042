"""The end of a job: rows in the plan's order, one a key, and a manifest that can be verified.

Rows first, then failures, then the manifest: a kill between any two steps leaves a set that is not
complete, or one that is complete and true. Running it again gives the same files.
"""

from __future__ import annotations

import hashlib
import io
import itertools
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from core.errors import RunError
from core.store import disk
from core.store.atomic import read_json, write_json
from core.store.disk import disk_trouble
from core.store.in_order import Offsets, in_file_order, rewrite
from core.store.lines import key_of, numbered
from core.store.mending import mend, open_for_append

# Rows are fetched here and there: a buffer of about a row, or most of what is fetched is thrown away.
_ROW = 1 << 12


@dataclass(frozen=True, slots=True)
class Files:
    """The files of one set of answers."""

    plan: Path
    rows: Path
    errors: Path
    manifest: Path


@dataclass(frozen=True, slots=True)
class _Counts:
    """What goes into the manifest beside the hashes."""

    answered: int = 0
    failed: int = 0
    duplicates: int = 0
    damaged: int = 0


@dataclass(slots=True)
class _Order:
    """Which lines stay, by where they begin, in the order they will have."""

    rows: array[int] = field(default_factory=lambda: array("Q"))
    errors: array[int] = field(default_factory=lambda: array("Q"))
    answered: int = 0
    failed: int = 0


def finish(files: Files) -> dict[str, Any]:
    """Put rows and failures in order and write the manifest, which comes back. Raises RunError."""
    plan = open_for_append(files.plan)
    planned = len(plan.keys)
    plan.keys.clear()  # room for the rows' offsets
    if not plan.duplicates and _is_finished(files):
        done = _Counts(answered=planned, damaged=plan.damaged)
    else:
        done = _put_in_order(files, plan.damaged)
    manifest = {
        "planned": planned,
        "rows": done.answered,
        "failed": done.failed,
        "complete": done.answered == planned,
        "rows_sha256": file_hash(files.rows),
        "plan_sha256": file_hash(files.plan),
        "duplicates": done.duplicates,
        "damaged": done.damaged,
    }
    _make_durable(files)
    write_json(files.manifest, manifest)
    return manifest


def _is_finished(files: Files) -> bool:
    """Whether plan and rows already are the same keys in the same order, without any failures."""
    pairs = itertools.zip_longest(_keys(files.plan), _keys(files.rows))
    return next(_keys(files.errors), None) is None and all(
        planned and planned == row for planned, row in pairs
    )


def _keys(path: Path) -> Iterator[bytes]:
    """The key of each line; nothing, as no request has it, for a line that is no row of ours."""
    return (key_of(line) or b"" for _, line in numbered(path))


def _put_in_order(files: Files, damaged: int) -> _Counts:
    rows, damaged_rows = _offsets(files.rows)
    errors, damaged_errors = _offsets(files.errors)
    with _reading(files.rows) as row_file, _reading(files.errors) as error_file:
        rows.open(row_file)
        errors.open(error_file)
        order = _order(files.plan, rows, errors)
        _arrange(files.rows, row_file, order.rows, len(rows))
        _arrange(files.errors, error_file, order.errors, len(errors))
    duplicates = len(rows) - len(order.rows)
    return _Counts(order.answered, order.failed, duplicates, damaged + damaged_rows + damaged_errors)


def verifies(files: Files) -> bool:
    """Whether the manifest says complete, its counts add up and its hashes fit the files."""
    try:
        manifest = read_json(files.manifest)
    except RunError:
        return False
    if not isinstance(manifest, dict) or manifest.get("complete") is not True:
        return False
    if manifest.get("rows") != manifest.get("planned") or manifest.get("failed") != 0:
        return False
    return manifest.get("plan_sha256") == file_hash(files.plan) and (
        manifest.get("rows_sha256") == file_hash(files.rows)
    )


def _offsets(path: Path) -> tuple[Offsets, int]:
    """Where the rows of a mended file begin, and how many damaged lines were set aside."""
    damaged = 0
    while True:
        offsets = Offsets()
        found = mend(path, offsets.add)
        damaged += found.lines
        if not found.spans:
            return offsets, damaged


def _order(plan: Path, rows: Offsets, errors: Offsets) -> _Order:
    order = _Order()
    for key in _keys(plan):
        _place(key, rows, errors, order)
    order.answered, order.failed = len(order.rows), len(order.errors)
    _place_strangers(rows, errors, order)
    return order


def _place(key: bytes, rows: Offsets, errors: Offsets, order: _Order) -> None:
    """The first row of a planned key, or without one its last failure."""
    answered_at, failed_at = rows.take(key), errors.take(key, last=True)
    if answered_at is not None:
        order.rows.append(answered_at)
    elif failed_at is not None:
        order.errors.append(failed_at)


def _place_strangers(rows: Offsets, errors: Offsets, order: _Order) -> None:
    """What the plan does not name was paid for all the same: it stays, at the end."""
    for offset, key in rows.untaken():
        if not key or rows.take(key) is not None:
            order.rows.append(offset)
    for offset, key in errors.untaken():
        at = errors.take(key, last=True) if key else offset
        if at is not None and not rows.has(key):
            order.errors.append(at)


def _arrange(path: Path, file: BinaryIO, offsets: array[int], total: int) -> None:
    if not in_file_order(offsets, total):
        rewrite(path, file, offsets)


def _reading(path: Path) -> BinaryIO:
    try:
        return disk.reader(path, _ROW)
    except FileNotFoundError:
        return io.BytesIO()
    except OSError as error:
        raise disk_trouble("read", path, error) from error


def _make_durable(files: Files) -> None:
    """The manifest must not outlive what it vouches for."""
    for path in (files.plan, files.rows, files.errors):
        try:
            disk.sync_file(path)
        except OSError as error:
            raise disk_trouble("flush", path, error) from error


def file_hash(path: Path) -> str:
    """Hex sha256 of a file; that of nothing for a missing one. Raises RunError."""
    try:
        with disk.reader(path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return hashlib.sha256().hexdigest()
    except OSError as error:
        raise disk_trouble("read", path, error) from error
