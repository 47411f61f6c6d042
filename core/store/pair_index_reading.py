"""Reading what is new into a pair index: decisions, prompts, plan, answers and engines' lengths."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from core.decision_log import brief
from core.pair_edits import Decision
from core.prompts import Prompt
from core.store.decisions import changes, decisions_path
from core.store.lines import Row, row_key_of
from core.store.pair_index_files import NEVER, Line, Part, advanced, look, read_on
from core.store.pair_index_marks import Marks
from core.store.pair_index_parts import SETTLE, STUDENT, TEACHER

LINES = 1000


class Reading(Marks):
    """Takes in lines; each marks the pairs that it touches."""

    def _read_decisions(self) -> None:
        for folder in self.inputs.folders:
            path = decisions_path(folder)
            name = f"/{folder}"
            found = look(path, self.seen.get(name, NEVER))
            if found.replaced:
                self._take_back(str(folder))
            if found.seen.unread:
                new = changes(folder, found.seen.offset)
                self._keep_words(str(folder), new.words)
                found_seen = advanced(path, found.seen, new.end) if new.end else found.seen
                self._remember(name, found_seen)
            else:
                self._remember(name, found.seen)

    def _take_back(self, folder: str) -> None:
        pairs = self.db.execute("SELECT pair FROM words WHERE folder = ?", (folder,)).fetchall()
        self.db.execute("DELETE FROM words WHERE folder = ?", (folder,))
        for (pair,) in pairs:
            self._unsettle("id = ?", (pair,))

    def _keep_words(self, folder: str, words: Mapping[str, Decision]) -> None:
        rows = ((folder, pair, word.at, json.dumps(brief(word))) for pair, word in words.items())
        self.db.executemany("INSERT OR REPLACE INTO words VALUES (?, ?, ?, ?)", rows)
        marked = f"UPDATE pairs SET dirty = {SETTLE} WHERE id = ? AND dirty = 0"
        self.db.executemany(marked, ((pair,) for pair in words))

    def _read_more(self) -> int:
        takers = {
            "prompts": self._take_prompts,
            "plan": self._take_plan,
            "teacher": lambda lines: self._take_answers("teacher", TEACHER, lines),
            "student": lambda lines: self._take_answers("student", STUDENT, lines),
        }
        return sum(self._read(name, path, takers[name]) for name, path in self._paths())

    def _read(self, name: str, path: Path, take: Callable[[list[Line]], None]) -> int:
        seen = self.seen[name]
        part = read_on(path, seen, LINES, self._is_late) if seen.unread else Part([], seen)
        if part.lines:
            take(part.lines)
            self._remember(name, part.seen)
        if part.is_there and len(part.lines) < LINES and not self._is_late():
            self._read_out.add(name)
            self._sweep(name)
        return len(part.lines)

    def _take_prompts(self, lines: list[Line]) -> None:
        kept = self.judge.kept_prompts() if self._has_written(lines) else None
        for line in lines:
            if line.row is None:
                continue
            prompt = Prompt(**line.row)
            written = prompt.source in self.judge.written
            gone = int(written and kept is not None and prompt.text not in kept)
            row = (prompt.id, prompt.text, prompt.trait, prompt.source, gone)
            if self.db.execute("SELECT * FROM prompts WHERE id = ?", (prompt.id,)).fetchone() == row:
                continue
            self.db.execute("INSERT OR REPLACE INTO prompts VALUES (?, ?, ?, ?, ?)", row)
            self._dirty("prompt = ?", (prompt.id,))

    def _has_written(self, lines: list[Line]) -> bool:
        return any(line.row is not None and line.row.get("source") in self.judge.written for line in lines)

    def _take_plan(self, lines: list[Line]) -> None:
        n = self._planned()
        for line in lines:
            key = row_key_of(line.row) if line.row else b""
            if line.row is None or not key:
                continue
            row = (n, key, line.row["prompt"], line.row["sample"], line.row["trait"], self.rev)
            done = self.db.execute(
                "INSERT OR IGNORE INTO pairs(n, key, prompt, sample, trait, rev) VALUES (?, ?, ?, ?, ?, ?)",
                row,
            )
            n += done.rowcount
        self._changed = True

    def _take_answers(self, name: str, side: int, lines: list[Line]) -> None:
        generation = self._generation(name)
        for line in lines:
            key = row_key_of(line.row) if line.row else b""
            if line.row is not None and key:
                self._take_answer(side, key, line, line.row, generation)

    def _take_answer(self, side: int, key: bytes, line: Line, row: Row, generation: int) -> None:
        place = (row["prompt"], row["sample"])
        new = (side, key, *place, line.offset, line.length, line.mark, generation)
        before = self.db.execute(
            "SELECT generation, mark, prompt, sample FROM answers WHERE side = ? AND key = ?", (side, key)
        ).fetchone()
        if before and before[0] == generation:
            return
        self.db.execute("INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?, ?, ?, ?, ?)", new)
        if side == STUDENT and self.judge.counts_by_usage:
            self._take_length(row)
        if before and before[1:] == (line.mark, *place) and self._is_alone(side, place):
            return
        if before:
            self._dirty("prompt = ? AND sample = ?", (before[2], before[3]))
        self._dirty("prompt = ? AND sample = ?", place)

    def _is_alone(self, side: int, place: tuple[str, int]) -> bool:
        where = "side = ? AND prompt = ? AND sample = ?"
        (count,) = self.db.execute(
            f"SELECT count(*) FROM answers INDEXED BY answers_place WHERE {where}", (side, *place)
        ).fetchone()
        return count < 2

    def _sweep(self, name: str) -> None:
        """A replaced file is read to its end: what only the old one had is gone."""
        if name not in ("teacher", "student") or self._meta(f"sweep:{name}") != "1":
            return
        side = TEACHER if name == "teacher" else STUDENT
        stale = "side = ? AND generation < ?"
        values = (side, self._generation(name))
        for place in self.db.execute(
            f"SELECT prompt, sample FROM answers WHERE {stale}", values
        ).fetchall():
            self._dirty("prompt = ? AND sample = ?", place)
        self.db.execute(f"DELETE FROM answers WHERE {stale}", values)
        if side == STUDENT:
            has = "SELECT prompt FROM answers WHERE side = 1"
            self.db.execute(f"DELETE FROM lengths WHERE prompt NOT IN ({has})")
        self._set_meta(f"sweep:{name}", "0")

    # ---- lengths by the engine's own count

    def _take_length(self, row: Row) -> None:
        tokens = (row.get("usage") or {}).get("prompt") or 0
        before = self._tokens(row["prompt"])
        if before != tokens:
            self.db.execute("INSERT OR REPLACE INTO lengths VALUES (?, ?)", (row["prompt"], tokens))
            self._dirty("prompt = ?", (row["prompt"],))

    def _choose_lengths(self) -> None:
        """Whether the engine's counts serve: all answers have them or none does count."""
        if not self.judge.counts_by_usage:
            return
        zero = self.db.execute("SELECT 1 FROM lengths WHERE tokens = 0 LIMIT 1").fetchone()
        some = self.db.execute("SELECT 1 FROM lengths LIMIT 1").fetchone()
        way = "usage" if some and not zero else "estimate"
        if (self._meta("lengths") or "estimate") != way:
            self._dirty("1 = 1", ())
            self._set_meta("lengths", way)
