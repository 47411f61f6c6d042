"""Judging the marked pairs of an index in order, and what other pairs and people change of them."""

from __future__ import annotations

import json
import os
from contextlib import ExitStack
from typing import Any

from core.pair_edits import REPEATED
from core.prompts import Prompt
from core.store import disk
from core.store.lines import Row
from core.store.pair_index_files import row_at
from core.store.pair_index_marks import Marks
from core.store.pair_index_parts import (
    JUDGE,
    SETTLE,
    STUDENT,
    TEACHER,
    folded_text,
    place_of,
    standing,
    storable,
)

JUDGED = 50
PREVIEW = 200
TEXTS = ("text", "chosen", "rejected")
# What is kept of a text for searching; a longer answer is found by its beginning.
LONGEST_FOLDED = 200_000


class Judging(Marks):
    """Judges what is marked."""

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
