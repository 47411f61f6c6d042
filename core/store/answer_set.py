"""One model's answers to a run's prompts under one set of settings: plan, rows, failures, manifest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.store.atomic import read_json, sweep
from core.store.finishing import Files, finish, verifies
from core.store.jsonl import KeyScan, Row, append_rows, iter_rows, open_for_append, repair, scan_keys
from core.store.lines import row_key_of


@dataclass(frozen=True, slots=True)
class AnswerSet:
    """One model's answers to a run's prompts under one set of settings.

    Of two rows with one key the first counts, everywhere. What writes here wants the run's lock.
    """

    folder: Path

    @property
    def settings(self) -> dict[str, Any]:
        """What the answers were asked with: model, sampling, template version."""
        return read_json(self.folder / "settings.json") or {}

    @property
    def slug(self) -> str:
        """The model's name in paths."""
        return self.folder.name[:-9]

    @property
    def model(self) -> str:
        """The model's full name."""
        return str(self.settings.get("model", ""))

    @property
    def used_at(self) -> float:
        """When answers last came in or a job last ran to its end, since 1970; 0 without answers."""
        if not self.rows_path.exists() or not self.rows_path.stat().st_size:
            return 0.0
        manifest = self.folder / "manifest.json"
        return max(path.stat().st_mtime for path in (self.rows_path, manifest) if path.exists())

    @property
    def rows_path(self) -> Path:
        """The file that finished answers are appended to."""
        return self.folder / "rows.jsonl"

    @property
    def errors_path(self) -> Path:
        """The file that failures are appended to."""
        return self.folder / "errors.jsonl"

    @property
    def plan_path(self) -> Path:
        """The file that requests are appended to before the first is sent."""
        return self.folder / "plan.jsonl"

    @property
    def files(self) -> Files:
        """All files that finishing needs."""
        return Files(self.plan_path, self.rows_path, self.errors_path, self.folder / "manifest.json")

    def plan(self) -> dict[str, Row]:
        """Every planned request by key: {key, prompt, trait, sample}. All in memory; see `iter_plan`."""
        return by_key(iter_rows(self.plan_path))

    def iter_plan(self) -> Iterator[Row]:
        """Every planned request in the plan's order, one at a time."""
        return first_of_each_key(iter_rows(self.plan_path))

    def extend_plan(self, requests: Iterable[Row], *, unique: bool = False) -> int:
        """Plan the requests that are not planned yet; durable before the first is sent.

        Returns how many were new. With `unique` the caller promises that no two of them share a key,
        and a new plan of any length costs no memory. Raises RunError.
        """
        known = open_for_append(self.plan_path).keys
        fresh = _not_in(requests, known) if unique else first_of_each_key(requests, known)
        return append_rows(self.plan_path, fresh)

    def rows(self) -> dict[str, Row]:
        """Finished answers by key. All in memory; see `iter_rows`."""
        return by_key(iter_rows(self.rows_path))

    def iter_rows(self) -> Iterator[Row]:
        """Every finished answer in file order, one at a time."""
        return first_of_each_key(iter_rows(self.rows_path))

    def done_keys(self) -> set[bytes]:
        """The compact key of every finished answer."""
        return scan_keys(self.rows_path).keys

    def failures(self) -> dict[str, Row]:
        """The last failure of every request that has no answer, by key."""
        answered = self.done_keys()
        failed = {row["key"]: row for row in iter_rows(self.errors_path) if row_key_of(row)}
        return {key: row for key, row in failed.items() if row_key_of(row) not in answered}

    def repair(self) -> int:
        """Set damaged lines aside before appending; returns how many there were. Raises RunError."""
        return self.reopen().damaged

    def reopen(self) -> KeyScan:
        """The same as `repair`, and which answers there are, in one pass over the rows.

        `damaged` counts the failures' damaged lines too. Raises RunError.
        """
        files = self.files
        for path in (files.plan, files.rows, files.errors, files.manifest):
            sweep(path)
        rows = open_for_append(self.rows_path)
        return KeyScan(rows.keys, rows.rows, rows.duplicates, rows.damaged + repair(self.errors_path))

    def finalise(self) -> dict[str, Any]:
        """Put the rows in the plan's order, one a key, and write the manifest, which comes back.

        Rows that the plan does not name stay, at the end. Of the failures the last one stays for
        each request without an answer. Complete when no request is open. Raises RunError.
        """
        return finish(self.files)

    def is_complete(self) -> bool:
        """Whether the manifest says complete and its counts and hashes fit plan and rows."""
        return verifies(self.files)


def _not_in(rows: Iterable[Row], known: set[bytes]) -> Iterator[Row]:
    return (row for row in rows if row_key_of(row) not in known)


def first_of_each_key(rows: Iterable[Row], known: set[bytes] | None = None) -> Iterator[Row]:
    """The rows whose key neither an earlier one nor `known` has; `known` grows by theirs."""
    seen = set[bytes]() if known is None else known
    for row in rows:
        key = row_key_of(row)
        if key and key not in seen:
            seen.add(key)
            yield row


def by_key(rows: Iterable[Row]) -> dict[str, Row]:
    """Rows by their key; the first of equals stays."""
    found: dict[str, Row] = {}
    for row in rows:
        if row_key_of(row):
            found.setdefault(row["key"], row)
    return found
