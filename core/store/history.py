"""Every saved state of a character, so that any of them can come back.

A row of `.history/pirate.jsonl`:
{"revision": "9f3a…", "saved_at": 1763…, "note": "", "text": "{\\"name\\": …", "crc": "1c291ca3"}

A state equal to the last one is not repeated, and the newest `KEPT` states are kept.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from core.errors import ConstitutionError, Problem
from core.store.jsonl import Row, append_rows, read_rows, repair, seal, unseal
from core.store.shelf import Shelf, ends_torn, in_our_words, revision_of, write

KEPT = 200
# Old states are dropped in one go, so that most saves only append.
SPARE = 50


@dataclass(frozen=True, slots=True)
class Version:
    """One saved state: its revision, when it was saved (seconds since 1970) and why."""

    revision: str
    saved_at: float
    note: str


@dataclass(frozen=True, slots=True)
class History:
    """The saved states of all characters on a shelf."""

    shelf: Shelf

    def versions(self, name: str, limit: int = KEPT) -> list[Version]:
        """The newest saved states of a name, the last one first."""
        rows = reversed(self._rows(name)[-limit:] if limit > 0 else [])
        return [Version(row["revision"], row["saved_at"], row["note"]) for row in rows]

    def bytes_of(self, name: str, revision: str) -> bytes:
        """The file as it was at a revision. Raises ConstitutionError when that is not kept."""
        for row in reversed(self._rows(name)):
            if row["revision"] == revision:
                return _unfold(row["text"])
        message = f"has no saved version {revision[:12]!r}; choose one from its list of versions."
        raise ConstitutionError(name, [Problem("", message)])

    def record(self, name: str, data: bytes, note: str = "") -> None:
        """Keep a state unless it is the last one already. Call it under the shelf's lock."""
        path = self.shelf.own_path(".history", name, ".jsonl")
        row = {"revision": revision_of(data), "saved_at": time.time(), "note": note, "text": _fold(data)}
        with in_our_words(path):
            if ends_torn(path):
                repair(path)
            count, last = _tail(path)
            if last == row["revision"]:
                return
            if count < KEPT + SPARE:
                append_rows(path, [row])
                return
        write(path, b"".join(seal(kept) for kept in [*self._rows(name)[-KEPT + 1 :], row]))

    def _rows(self, name: str) -> list[Row]:
        path = self.shelf.own_path(".history", name, ".jsonl")
        with in_our_words(path, "read"):
            return read_rows(path).rows


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
