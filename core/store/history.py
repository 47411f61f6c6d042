"""Every saved state of a character, so that any of them can come back.

A row of `.history/pirate.jsonl`:
{"revision": "9f3a…", "saved_at": 1763…, "note": "", "who": "", "text": "{\\"name\\": …", "crc": "1c291ca3"}

A state equal to the last one is not repeated, and the newest `KEPT` states are kept. A state that
somebody has named is kept for as long as it has its name. Names are rows of a file of their own, the
last one counts: `.history/.pirate.names.jsonl`:
{"state": "9f3a…-1763…", "name": "Grumpier", "remark": "before the cats", "who": "", "at": 1763…, "crc": …}
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from core.errors import ConstitutionError, Problem
from core.store.jsonl import Row, append_rows, read_rows, repair, seal, unseal
from core.store.shelf import Shelf, ends_torn, in_our_words, revision_of, write

KEPT = 200
# Old states are dropped in one go, so that most saves only append.
SPARE = 50

MAX_NAME, MAX_REMARK = 80, 500

FOUND_FIRST = "before the first change here"
FOUND_LATER = "changed outside the studio"


@dataclass(frozen=True, slots=True)
class Version:
    """One saved state: its revision, when it was saved (seconds since 1970), by whom and why.

    `name` and `remark` are what somebody has called it since, "" before that.
    """

    revision: str
    saved_at: float
    note: str
    who: str = ""
    name: str = ""
    remark: str = ""

    @property
    def id(self) -> str:
        """What tells this state from every other, also from an earlier one with the same words."""
        return _state_id(self.revision, self.saved_at)


@dataclass(frozen=True, slots=True)
class State:
    """A saved state with the character as it was then; `value` is None where the file was damaged."""

    version: Version
    value: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class History:
    """The saved states of all characters on a shelf."""

    shelf: Shelf

    def versions(self, name: str, limit: int = KEPT) -> list[Version]:
        """The newest saved states of a name, the last one first; named ones beyond `limit` not counted."""
        rows = reversed(self._rows(name)[-limit:] if limit > 0 else [])
        names = self._names(name)
        return [_version(row, names) for row in rows]

    def states(self, name: str) -> list[State]:
        """Every kept state with its character, the last one first."""
        names = self._names(name)
        return [State(_version(row, names), _value(row["text"])) for row in reversed(self._rows(name))]

    def bytes_of(self, name: str, revision: str) -> bytes:
        """The file as it was at a revision. Raises ConstitutionError when that is not kept."""
        for row in reversed(self._rows(name)):
            if row["revision"] == revision:
                return _unfold(row["text"])
        message = f"has no saved version {revision[:12]!r}; choose one from its list of versions."
        raise ConstitutionError(name, [Problem("", message)])

    def record(self, name: str, data: bytes, note: str = "", who: str = "") -> None:
        """Keep a state unless it is the last one already. Call it under the shelf's lock."""
        path = self.shelf.own_path(".history", name, ".jsonl")
        row = {
            "revision": revision_of(data),
            "saved_at": time.time(),
            "note": note,
            "who": who,
            "text": _fold(data),
        }
        with in_our_words(path):
            if ends_torn(path):
                repair(path)
            count, last = _tail(path)
            if last == row["revision"]:
                return
            if count < KEPT + SPARE:
                append_rows(path, [row])
                return
        self._record_and_drop_old(name, path, row)

    def record_found(self, name: str, data: bytes) -> None:
        """Keep what is on disk before it is written over, unless a version holds it. Under the lock."""
        revision = revision_of(data)
        if _tail(self.shelf.own_path(".history", name, ".jsonl"))[1] == revision:
            return
        rows = self._rows(name)
        if all(row["revision"] != revision for row in rows):
            self.record(name, data, FOUND_LATER if rows else FOUND_FIRST)

    def _record_and_drop_old(self, name: str, path: Path, row: Row) -> None:
        rows, names = self._rows(name), self._names(name)
        older, newer = rows[: -KEPT + 1], rows[-KEPT + 1 :]
        pinned = [old for old in older if _version(old, names).name]
        if len(older) - len(pinned) <= SPARE:  # so many are named that dropping would not be worth it
            with in_our_words(path):
                append_rows(path, [row])
            return
        write(path, b"".join(seal(kept) for kept in [*pinned, *newer, row]))

    def call(self, name: str, version: Version, title: str, remark: str = "", who: str = "") -> Version:
        """Name a kept state, or take its name away with ""; returns it so. Call it under the shelf's lock.

        Raises ConstitutionError for a name or a remark that is too long.
        """
        problems = [
            Problem(what, f"has {len(text):,} characters; shorten it to {limit}.")
            for what, text, limit in (("the name", title, MAX_NAME), ("the note", remark, MAX_REMARK))
            if len(text) > limit
        ]
        if problems:
            raise ConstitutionError(f"The version of {name}", problems)
        path = self._names_path(name)
        row = {"state": version.id, "name": title, "remark": remark, "who": who, "at": time.time()}
        with in_our_words(path):
            if ends_torn(path):
                repair(path)
            append_rows(path, [row])
        return Version(version.revision, version.saved_at, version.note, version.who, title, remark)

    def forget(self, name: str) -> None:
        """Remove every kept state of a name, for good. Call it under the shelf's lock."""
        for path in (self.shelf.own_path(".history", name, ".jsonl"), self._names_path(name)):
            with in_our_words(path):
                path.unlink(missing_ok=True)

    def paths(self, name: str) -> tuple[Path, Path]:
        """The files that states and their names are kept in."""
        return self.shelf.own_path(".history", name, ".jsonl"), self._names_path(name)

    def _names_path(self, name: str) -> Path:
        return self.shelf.own_path(".history", name, ".names.jsonl")

    def _names(self, name: str) -> dict[str, Row]:
        path = self._names_path(name)
        with in_our_words(path, "read"):
            return {row["state"]: row for row in read_rows(path).rows}

    def _rows(self, name: str) -> list[Row]:
        path = self.shelf.own_path(".history", name, ".jsonl")
        with in_our_words(path, "read"):
            return read_rows(path).rows


def find_version(name: str, versions: Sequence[Version], wanted: str) -> Version:
    """The newest state that `wanted` means: a name somebody gave it, or the beginning of its revision.

    Raises ConstitutionError for none, and for a beginning that two different texts share.
    """
    named = [
        version for version in versions if version.name and version.name.casefold() == wanted.casefold()
    ]
    found = named or [v for v in versions if wanted and (v.id == wanted or v.revision.startswith(wanted))]
    if not found:
        message = f"has no version {wanted[:40]!r}; `character constitution versions {name}` lists them."
        raise ConstitutionError(name, [Problem("", message)])
    if len({version.revision for version in found}) > 1:
        message = f"has several versions that begin with {wanted[:40]!r}; write more of it."
        raise ConstitutionError(name, [Problem("", message)])
    return found[0]


def _state_id(revision: str, saved_at: float) -> str:
    return f"{revision[:12]}-{round(saved_at * 1000)}"


def _version(row: Row, names: dict[str, Row]) -> Version:
    called = names.get(_state_id(row["revision"], row["saved_at"]), {})
    return Version(
        row["revision"],
        row["saved_at"],
        row["note"],
        row.get("who", ""),
        called.get("name", ""),
        called.get("remark", ""),
    )


def _value(text: str) -> dict[str, Any] | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


def _tail(path: Path) -> tuple[int, str | None]:
    """How many rows a file has and the revision of the last one, checking no other: saving is frequent."""
    data = path.read_bytes() if path.exists() else b""
    last = unseal(data.removesuffix(b"\n").rpartition(b"\n")[2])
    return data.count(b"\n"), last["revision"] if last else None


def _fold(data: bytes) -> str:
    """Any bytes as a text: a damaged file is kept exactly as it was found, too."""
    return data.decode("utf-8", "surrogateescape")


def _unfold(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
