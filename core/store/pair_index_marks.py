"""What a pair index knows of its files, and the marks on pairs that have to be judged or settled anew."""

from __future__ import annotations

import sqlite3
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.store.pair_index_files import NEVER, Seen, look
from core.store.pair_index_parts import JUDGE, SETTLE, Inputs, Judge, State


@dataclass
class Marks:
    """What one transaction knows and marks: the files as seen, and which pairs to judge anew."""

    db: sqlite3.Connection
    inputs: Inputs
    judge: Judge
    until: float
    words_only: bool = False
    rev: int = 0
    seen: dict[str, Seen] = field(default_factory=dict[str, Seen])
    _changed: bool = False
    _read_out: set[str] = field(default_factory=set[str])

    def _is_late(self) -> bool:
        return time.monotonic() >= self.until

    # ---- what is known

    def _meta(self, name: str) -> str | None:
        found = self.db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return found[0] if found else None

    def _set_meta(self, name: str, value: str) -> None:
        self.db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))

    def _remember(self, name: str, seen: Seen) -> None:
        if self.seen.get(name) == seen:
            return
        self.seen[name] = seen
        row = (name, seen.inode, seen.size, seen.mtime, seen.offset, seen.head, seen.tail)
        self.db.execute("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?, ?)", row)

    def _state(self) -> State:
        (dirty,) = self.db.execute(
            "SELECT count(*) FROM pairs INDEXED BY pairs_dirty WHERE dirty > 0"
        ).fetchone()
        planned = self._planned()
        # A torn last line is nobody's yet: where a file was read to its end, nothing is left unread.
        unread = sum(self.seen[name].unread for name, _ in self._paths() if name not in self._read_out)
        return State(planned - dirty, planned, unread)

    def _planned(self) -> int:
        return self.db.execute("SELECT coalesce(max(n), -1) + 1 FROM pairs").fetchone()[0]

    # ---- what changed

    def _notice(self) -> None:
        """Look at the files; what was made of one that was replaced is forgotten or checked anew."""
        rows = self.db.execute("SELECT * FROM files")
        self.seen = {row[0]: Seen(*row[1:]) for row in rows}
        for name, path in self._paths():
            found = look(path, self.seen.get(name, NEVER))
            if found.replaced:
                self._forget(name)
            self._remember(name, found.seen)

    def _paths(self) -> list[tuple[str, Path]]:
        inputs = self.inputs
        return [
            ("prompts", inputs.prompts),
            ("plan", inputs.plan),
            ("teacher", inputs.teacher),
            ("student", inputs.student),
        ]

    def _forget(self, name: str) -> None:
        if name == "prompts":
            self.db.execute("DELETE FROM prompts")
            self._dirty("1 = 1", ())
        elif name == "plan":
            for table in ("pairs", "previews", "folded"):
                self.db.execute(f"DELETE FROM {table}")
            # Row numbers begin anew, so whoever holds some has to let go of them.
            self._set_meta("epoch", str(int(self._meta("epoch") or 0) + 1))
            self._changed = True
        elif name in ("teacher", "student"):
            self._set_meta(f"generation:{name}", str(self._generation(name) + 1))
            self._set_meta(f"sweep:{name}", "1")

    def _generation(self, name: str) -> int:
        return int(self._meta(f"generation:{name}") or 0)

    def _notice_rules(self) -> None:
        if self._meta("rules") != self.judge.fingerprint:
            self._dirty("1 = 1", ())
            self._set_meta("rules", self.judge.fingerprint)
        if self._meta("removed") != self.judge.removed_stamp:
            self._mark_removed()
            self._set_meta("removed", self.judge.removed_stamp)

    def _mark_removed(self) -> None:
        kept = self.judge.kept_prompts()
        marks = ",".join("?" * len(self.judge.written))
        rows = self.db.execute(
            f"SELECT id, text, removed FROM prompts WHERE source IN ({marks})", self.judge.written
        ).fetchall()
        for prompt, text, before in rows:
            now = int(kept is not None and text not in kept)
            if now != before:
                self.db.execute("UPDATE prompts SET removed = ? WHERE id = ?", (now, prompt))
                self._dirty("prompt = ?", (prompt,))

    def _dirty(self, where: str, values: tuple[Any, ...]) -> None:
        """Mark pairs to be judged anew."""
        self.db.execute(f"UPDATE pairs SET dirty = {JUDGE} WHERE {where} AND dirty <> {JUDGE}", values)

    def _unsettle(self, where: str, values: tuple[Any, ...]) -> None:
        """Mark pairs whose judgement stands: only another pair or a person's word has changed."""
        self.db.execute(f"UPDATE pairs SET dirty = {SETTLE} WHERE {where} AND dirty = 0", values)

    def _tokens(self, prompt: str) -> int | None:
        found = self.db.execute("SELECT tokens FROM lengths WHERE prompt = ?", (prompt,)).fetchone()
        return found[0] if found else None
