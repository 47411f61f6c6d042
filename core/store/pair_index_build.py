"""Bringing a pair index up to date, a slice at a time: what is new is read, what changed is judged.

A slice is one transaction, so a kill leaves the index as it was before it, and two processes that build
at once take turns. What is read: decisions first, as they are few and people wait for them, then prompts,
plan and answers; what they touch is marked, and judged in the plan's order.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

from core.decision_log import brief, decision_of
from core.pair_edits import REPEATED, Decision
from core.prompts import Prompt
from core.store import disk
from core.store.decisions import changes, decisions_path
from core.store.lines import Row, row_key_of
from core.store.pair_index_files import NEVER, Line, Seen, advanced, lines_from, look, row_at

TEACHER, STUDENT = 0, 1
LINES = 1000
JUDGE, SETTLE = 1, 2
JUDGED = 50
PREVIEW = 200
TEXTS = ("text", "chosen", "rejected")
# What is kept of a text for searching; a longer answer is found by its beginning.
LONGEST_FOLDED = 200_000


class Judge(Protocol):
    """What makes a pair of two answers. `fingerprint` changes whenever it may judge differently."""

    @property
    def fingerprint(self) -> str:
        """Changes whenever pairs may be judged differently."""
        ...

    @property
    def removed_stamp(self) -> str:
        """Changes whenever prompts may have been taken out."""
        ...

    @property
    def counts_by_usage(self) -> bool:
        """Whether the engine's own counts may tell lengths."""
        ...

    @property
    def written(self) -> tuple[str, ...]:
        """The sources of prompts that may be taken out."""
        ...

    def join(
        self,
        prompt: Prompt,
        sample: int,
        answers: tuple[Row | None, Row | None],
        tokens: Callable[[str], int | None] | None,
        removed: bool,
    ) -> Row:
        """The pair as judged, before other pairs and people count; `tokens` counts a prompt's, if known."""
        ...

    def settle(self, row: Row, decision: Decision | None) -> Row:
        """The pair after a person's word."""
        ...

    def print_of(self, row: Row) -> str:
        """Equal for pairs of the same text and answers."""
        ...

    def kept_prompts(self) -> frozenset[str] | None:
        """The texts of written prompts that the character still has; None where nobody can tell."""
        ...


@dataclass(frozen=True, slots=True)
class Inputs:
    """The files that pairs are made of, and the run folders whose decisions count, in order."""

    prompts: Path
    plan: Path
    teacher: Path
    student: Path
    folders: Sequence[Path] = ()

    def rows_of(self, side: int) -> Path:
        """The answers of a side."""
        return self.teacher if side == TEACHER else self.student


@dataclass(frozen=True, slots=True)
class State:
    """How far an index is: pairs judged, pairs planned, bytes that are not read yet."""

    ready: int
    planned: int
    unread: int

    @property
    def is_done(self) -> bool:
        """Whether everything that is on disk is in it."""
        return not self.unread and self.ready == self.planned


@dataclass(slots=True)
class Slice:
    """One transaction's work on an index. `run` it inside a transaction; it ends by `until`.

    With `words_only` it takes in what people decided, and leaves everything that takes long.
    """

    db: sqlite3.Connection
    inputs: Inputs
    judge: Judge
    until: float
    words_only: bool = False
    rev: int = 0
    seen: dict[str, Seen] = field(default_factory=dict[str, Seen])
    _changed: bool = False
    _read_out: set[str] = field(default_factory=set[str])

    def run(self) -> State:
        """Work until the time is over or nothing is left; returns how far the index is."""
        self.rev = int(self._meta("rev") or 0) + 1
        self._notice()
        self._notice_rules()
        self._read_decisions()
        while True:
            moved = 0 if self.words_only else self._read_more()
            self._choose_lengths()
            judged = self._judge_some()
            if not (moved or judged) or self._is_late():
                break
        if self._changed:
            self._set_meta("rev", str(self.rev))
        return self._state()

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

    # ---- reading

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
        lines = list(self._some(path, seen)) if seen.unread else []
        if lines:
            take(lines)
            self._remember(name, advanced(path, seen, lines[-1].offset + lines[-1].length))
        if len(lines) < LINES and not self._is_late():
            self._read_out.add(name)
            self._sweep(name)
        return len(lines)

    def _some(self, path: Path, seen: Seen) -> Iterable[Line]:
        """A handful of lines; of long ones fewer, so that a slice keeps its time."""
        for line in islice(lines_from(path, seen.offset), LINES):
            yield line
            if self._is_late():
                return

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

    def _tokens(self, prompt: str) -> int | None:
        found = self.db.execute("SELECT tokens FROM lengths WHERE prompt = ?", (prompt,)).fetchone()
        return found[0] if found else None

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

    # ---- judging

    def _judge_some(self) -> int:
        found = self.db.execute(
            "SELECT n, prompt, sample, trait, dirty FROM pairs INDEXED BY pairs_dirty"
            " WHERE dirty > 0 AND dirty >= ? ORDER BY n LIMIT ?",
            (SETTLE if self.words_only else JUDGE, JUDGED),
        ).fetchall()
        if not found:
            return 0
        self._changed = True
        by_usage = self.judge.counts_by_usage and self._meta("lengths") == "usage"
        with ExitStack() as stack:
            files = [self._open(stack, side) for side in (TEACHER, STUDENT)]
            for done, (n, prompt, sample, trait, how) in enumerate(found, 1):
                if how == SETTLE:
                    self._settle_anew(files, n)
                else:
                    self._judge(files, n, (prompt, sample, trait), by_usage)
                if self._is_late():
                    return done
        return len(found)

    def _open(self, stack: ExitStack, side: int) -> int | None:
        try:
            fd = disk.open_file(self.inputs.rows_of(side), os.O_RDONLY)
        except OSError:
            return None
        stack.callback(os.close, fd)
        return fd

    def _judge(self, files: list[int | None], n: int, planned: tuple[Any, ...], by_usage: bool) -> None:
        prompt_id, sample, trait = planned
        prompt, removed = self._prompt(prompt_id, trait)
        answers = (self._answer(files, TEACHER, planned), self._answer(files, STUDENT, planned))
        row = self.judge.join(prompt, sample, answers, self._tokens if by_usage else None, removed)
        objection, ratio = row["dropped"], row["ratio"]
        printed = None if ratio is None else bytes.fromhex(self.judge.print_of(row)[:32])
        base = {name: value for name, value in row.items() if name not in TEXTS}
        before = self.db.execute("SELECT print, objection FROM pairs WHERE n = ?", (n,)).fetchone()
        self.db.execute(
            "UPDATE pairs SET id = ?, base = ?, objection = ?, print = ?, answered = ?, dirty = 0"
            " WHERE n = ?",
            (row["id"], json.dumps(base), objection, printed, ratio is not None, n),
        )
        repeated = self._repeats(n, (printed, objection), before)
        self._settle(n, row, repeated)

    def _settle_anew(self, files: list[int | None], n: int) -> None:
        """What a person's word or another pair changes; texts are read only where they change too."""
        found = self.db.execute(
            "SELECT print, objection, base, edited, prompt, sample, trait FROM pairs WHERE n = ?", (n,)
        ).fetchone()
        self.db.execute("UPDATE pairs SET dirty = 0 WHERE n = ?", (n,))
        repeated = self._repeats(n, found[:2], found[:2])
        row = json.loads(found[2])
        word = standing(self.db, row["id"], self.inputs.folders)
        if found[3] or (word and word.verdict in ("swap", "edit")):
            prompt, _ = self._prompt(found[4], found[6])
            answers = [self._answer(files, side, found[4:]) for side in (TEACHER, STUDENT)]
            chosen, rejected = ((answer or {}).get("text") for answer in answers)
            row |= {"text": prompt.text, "chosen": chosen, "rejected": rejected}
        self._settle(n, row, repeated)

    def _prompt(self, prompt_id: str, trait: str | None) -> tuple[Prompt, bool]:
        where = "SELECT text, trait, source, removed FROM prompts WHERE id = ?"
        found = self.db.execute(where, (prompt_id,)).fetchone()
        if found is None:
            return Prompt(prompt_id, "", trait, "file"), False
        return Prompt(prompt_id, *found[:3]), bool(found[3])

    def _answer(self, files: list[int | None], side: int, planned: tuple[Any, ...]) -> Row | None:
        found = place_of(self.db, side, planned[0], planned[1])
        if found is None:
            return None
        fd = files[side]
        row = None if fd is None else row_at(fd, *found)
        if row is None:
            # The file was written anew and this line is not read again yet. Judged now, the pair lacks an
            # answer; so the line has to count as a changed one when it comes, even where it says the same.
            where = "side = ? AND key = ?"
            self.db.execute(f"UPDATE answers SET mark = -1 WHERE {where}", (side, found[2]))
        return row

    def _repeats(self, n: int, now: tuple[bytes | None, str | None], before: tuple[Any, Any]) -> bool:
        """Whether a pair like this one stands earlier; others that this changes are marked."""
        if before[0] is not None and before[1] is None and before != now:
            self._first_again(before[0], n)
        if now[0] is None or now[1] is not None:
            return False
        first = self._first(now[0])
        if first == n:
            following = self._first(now[0], after=n)
            if following is not None:
                self._unsettle("n = ? AND repeated = 0", (following,))
        return first != n

    def _first_again(self, printed: bytes, n: int) -> None:
        """The pair that now is the first of its kind, when `n` no longer is."""
        first = self._first(printed)
        if first is not None and first != n:
            self._unsettle("n = ? AND repeated = 1", (first,))

    def _first(self, printed: bytes, after: int = -1) -> int | None:
        where = "print = ? AND objection IS NULL AND print IS NOT NULL AND n > ?"
        return self.db.execute(f"SELECT min(n) FROM pairs WHERE {where}", (printed, after)).fetchone()[0]

    def _settle(self, n: int, row: Row, repeated: bool) -> None:
        if repeated:
            row["dropped"] = REPEATED
        final = self.judge.settle(row, standing(self.db, row["id"], self.inputs.folders))
        self.db.execute(
            "UPDATE pairs SET repeated = ?, dropped = ?, flags = ?, ratio = ?, decision = ?, reviewer = ?,"
            " decided_at = ?, edited = ?, rev = ? WHERE n = ?",
            (
                repeated,
                final["dropped"],
                json.dumps(final["flags"]),
                final["ratio"],
                final["decision"],
                final["reviewer"],
                final["decided_at"],
                "before" in final,
                self.rev,
                n,
            ),
        )
        if "text" in final and final["ratio"] is not None:
            self._write_texts(n, final)

    def _write_texts(self, n: int, row: Row) -> None:
        texts = [row[name] or "" for name in TEXTS]
        short = [" ".join(text[: 4 * PREVIEW].split())[:PREVIEW] for text in texts]
        self.db.execute("INSERT OR REPLACE INTO previews VALUES (?, ?, ?, ?)", (n, *map(storable, short)))
        folded = "\n".join(text[:LONGEST_FOLDED] for text in texts)
        self.db.execute("INSERT OR REPLACE INTO folded VALUES (?, ?)", (n, folded_text(folded)))


def folded_text(text: str) -> str:
    """A text as it is searched: without case, and without what a database cannot hold."""
    return storable(text.casefold())


def storable(text: str) -> str:
    """The text with half characters and zeros, which a database cuts at, shown as what they are not."""
    return text.encode("utf-8", "replace").decode().replace("\x00", "\ufffd")


def place_of(db: sqlite3.Connection, side: int, prompt: str, sample: int) -> tuple[int, int, bytes] | None:
    """Where the answer that counts stands: offset, length, key. Of several requests the last counts."""
    return db.execute(
        # SQLite would rather read a whole side than trust this index, which it knows nothing about.
        "SELECT offset, length, key FROM answers INDEXED BY answers_place"
        " WHERE side = ? AND prompt = ? AND sample = ? ORDER BY generation DESC, offset DESC LIMIT 1",
        (side, prompt, sample),
    ).fetchone()


def standing(db: sqlite3.Connection, pair: str, folders: Sequence[Path]) -> Decision | None:
    """The decision that counts for a pair: the last by its time, then by the order of the folders."""
    order = {str(folder): number for number, folder in enumerate(folders)}
    rows = db.execute("SELECT at, folder, decision FROM words WHERE pair = ?", (pair,)).fetchall()
    known = [(at, order[folder], decision) for at, folder, decision in rows if folder in order]
    if not known:
        return None
    word = decision_of(json.loads(max(known, key=lambda one: one[:2])[2]))
    return None if word.verdict == "undecided" else word
