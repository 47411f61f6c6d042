"""A list of a run's pairs that opens at once, however many there are: derived, and safe to delete.

    index = PairIndex(path, inputs, judge)
    index.refresh(0.3)                      what is new on disk, for 0.3 s at most, judged as in `pair_rows`
    view = index.view(PairFilter(search="kraken", show="undecided"))
    view.page(0, 50)                        previews, in the plan's order
    index.row(view.at(0))                   one pair in full

Behind it: `pair_index_files` (what is new), `pair_index_build` (taking it in: `_marks`, `_reading`,
`_judging`), `pair_index_tables` (SQLite), `pair_index_columns` (filters and counts, in memory),
`pair_index_view` (what a filter lets through).
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections import OrderedDict
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.pair_edits import REPEATED
from core.pair_filter import PairFilter
from core.store import disk
from core.store.lines import Row
from core.store.pair_index_build import Slice
from core.store.pair_index_columns import Columns, Mask
from core.store.pair_index_files import row_at
from core.store.pair_index_parts import STUDENT, TEACHER, Inputs, Judge, State, place_of, standing
from core.store.pair_index_tables import WAITING, connect, is_of_the_disk, remove, trouble
from core.store.pair_index_view import LARGEST_PAGE, Preview, View

__all__ = ["LARGEST_PAGE", "Inputs", "Judge", "PairIndex", "Preview", "State", "View", "remove"]

TURN_S = 1.5
REMEMBERED = 8


class PairIndex:
    """One index file, shared by the threads of a process. Raises RunError when it cannot be kept."""

    def __init__(self, path: Path, inputs: Inputs, judge: Judge) -> None:
        self.path = path
        self.inputs = inputs
        self.judge = judge
        self._lock = threading.RLock()
        self._db: sqlite3.Connection | None = None
        self._inode = 0
        self._columns = Columns()
        self._found: OrderedDict[str, Mask] = OrderedDict()
        self._views: OrderedDict[PairFilter, View] = OrderedDict()

    # ---- keeping up

    def refresh(self, seconds: float, *, words_only: bool = False) -> State:
        """Take in what is new on disk, for about so long; what is left waits for the next call.

        One pair of long answers may take seconds to judge; with `words_only` only decisions are taken in.
        """
        with self._using() as db:
            if not self._begin(db):
                return self._stands(db)
            try:
                work = Slice(db, self.inputs, self.judge, time.monotonic() + seconds, words_only)
                state = work.run()
                db.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    db.execute("ROLLBACK")
                raise
            return state

    def backlog(self) -> int:
        """About how many bytes of answers are not taken in yet: not read, or read and not judged."""
        with self._using() as db:
            known = dict(db.execute("SELECT name, offset FROM files").fetchall())
            (waiting,) = db.execute(WAITING).fetchone()
        paths = {"plan": self.inputs.plan, "teacher": self.inputs.teacher, "student": self.inputs.student}
        return waiting + sum(max(0, _size(path) - known.get(name, 0)) for name, path in paths.items())

    @staticmethod
    def _begin(db: sqlite3.Connection) -> bool:
        """Take one's turn to write; False when another process keeps it for long."""
        until = time.monotonic() + TURN_S
        while True:
            try:
                db.execute("BEGIN IMMEDIATE")
                return True
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) and "busy" not in str(error):
                    raise
                if time.monotonic() > until:
                    return False
                # SQLite's own waiting grows to a tenth of a second, and would miss the gaps between slices.
                time.sleep(0.004)

    @staticmethod
    def _stands(db: sqlite3.Connection) -> State:
        row = db.execute("SELECT count(*), coalesce(sum(dirty = 0), 0) FROM pairs").fetchone()
        return State(row[1], row[0], 1)

    @contextmanager
    def _using(self) -> Generator[sqlite3.Connection]:
        """The connection, for one thread at a time; an index that turns out damaged is made anew."""
        with self._lock:
            db = self._connection()
            try:
                yield db
            except sqlite3.DatabaseError as error:
                inode = self._inode
                self._close()
                # One that another process has made anew meanwhile is not ours to delete.
                if not is_of_the_disk(error) and _inode(self.path) == inode:
                    remove(self.path)
                raise trouble(self.path, error) from error

    def _connection(self) -> sqlite3.Connection:
        if self._db is not None and _inode(self.path) != self._inode:
            self._close()
        if self._db is None:
            self._db = connect(self.path)
            self._db.execute("PRAGMA busy_timeout = 0")
            self._inode = _inode(self.path)
        return self._db

    def _close(self) -> None:
        if self._db is not None:
            self._db.close()
        self._db, self._columns = None, Columns()
        self._found.clear()
        self._views.clear()

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._close()

    # ---- looking

    def view(self, wanted: PairFilter) -> View:
        """The pairs that a filter lets through now, with the counts beside its choices."""
        with self._using() as db:
            self._follow(db)
            kept = self._views.get(wanted)
            if kept is not None:
                self._views.move_to_end(wanted)
                return kept
            found = self._search(db, wanted.needle) if wanted.needle else None
            columns = self._columns
            places = np.flatnonzero(columns.mask(wanted, found))
            revision = (columns.epoch, columns.rev)
            heard = self._heard(db)
            view = View(self, places, columns.counts(wanted, found), columns.totals(), revision, heard)
            _keep(self._views, wanted, view)
            return view

    def _heard(self, db: sqlite3.Connection) -> int:
        """How many bytes of the run's own decisions are taken in."""
        own = f"/{self.inputs.folders[-1]}" if self.inputs.folders else ""
        found = db.execute("SELECT offset FROM files WHERE name = ?", (own,)).fetchone()
        return found[0] if found else 0

    def _follow(self, db: sqlite3.Connection) -> None:
        epoch, rev = self._columns.epoch, self._columns.rev
        changed = self._columns.follow(db)
        if epoch != self._columns.epoch:
            self._found.clear()
        if (epoch, rev) != (self._columns.epoch, self._columns.rev):
            self._views.clear()
            for needle, mask in list(self._found.items()):
                self._found[needle] = self._searched_again(db, needle, mask, changed)

    def _search(self, db: sqlite3.Connection, needle: str) -> Mask:
        known = self._found.get(needle)
        if known is not None:
            self._found.move_to_end(needle)
            return known
        mask = np.zeros(self._columns.size, dtype=np.bool_)
        hits = db.execute("SELECT n FROM folded WHERE instr(text, ?) > 0", (needle,)).fetchall()
        mask[[n for (n,) in hits if n < len(mask)]] = True
        _keep(self._found, needle, mask)
        return mask

    def _searched_again(self, db: sqlite3.Connection, needle: str, mask: Mask, changed: list[int]) -> Mask:
        wider = np.zeros(self._columns.size, dtype=np.bool_)
        wider[: len(mask)] = mask
        for n in changed:
            found = db.execute("SELECT instr(text, ?) > 0 FROM folded WHERE n = ?", (needle, n)).fetchone()
            wider[n] = bool(found and found[0])
        return wider

    def previews(self, numbers: list[int]) -> list[Preview]:
        """The previews of some rows, in their order."""
        marks = ",".join("?" * len(numbers))
        with self._using() as db:
            rows = db.execute(
                "SELECT pairs.n, id, pairs.trait, previews.text, chosen, rejected, dropped, flags, ratio,"
                f" decision, reviewer FROM pairs JOIN previews USING (n) WHERE pairs.n IN ({marks})"
                " ORDER BY pairs.n",
                numbers,
            ).fetchall()
        return [Preview._make([*row[1:7], json.loads(row[7]), *row[8:]]) for row in rows]

    def numbers_of(self, pair: str) -> list[int]:
        """The row numbers of a pair id, lowest first."""
        with self._using() as db:
            return [n for (n,) in db.execute("SELECT n FROM pairs WHERE id = ? ORDER BY n", (pair,))]

    def ids_of(self, numbers: Sequence[int]) -> list[str]:
        """The ids of some rows, in their order."""
        return [pair for _, pair, _ in self.standing(numbers)]

    def standing(
        self, numbers: Sequence[int], seen: tuple[str, int] | None = None
    ) -> list[tuple[int, str, str | None]]:
        """Number, id and standing verdict of some rows, in their order; what is no row is left out.

        With `seen`, a view's revision, so is what was judged or decided anew since.
        """
        found: dict[int, tuple[int, str, str | None]] = {}
        with self._using() as db:
            epoch = (db.execute("SELECT value FROM meta WHERE name = 'epoch'").fetchone() or ("0",))[0]
            if seen is not None and seen[0] != epoch:
                return []
            latest = seen[1] if seen else 1 << 62
            for start in range(0, len(numbers), 500):
                some = numbers[start : start + 500]
                marks = ",".join("?" * len(some))
                rows = db.execute(
                    f"SELECT n, id, decision FROM pairs WHERE n IN ({marks}) AND rev <= ?", (*some, latest)
                )
                found |= {row[0]: row for row in rows}
        return [found[n] for n in numbers if n in found]

    def next_undecided(self, places: NDArray[np.intp], position: int) -> int | None:
        """See `View.next_undecided`."""
        with self._lock:
            verdicts = self._columns.undecided(places)
        later = np.flatnonzero(verdicts[position + 1 :])
        if len(later):
            return position + 1 + int(later[0])
        earlier = np.flatnonzero(verdicts[:position])
        return int(earlier[0]) if len(earlier) else None

    def row(self, n: int) -> Row | None:
        """A pair in full, as `pair_rows` gives it; None for a number that is none.

        None as well while an answer that was judged stands no more where it was read: its file has been
        written anew since, and the next `refresh` finds it again.
        """
        with self._using() as db:
            found = db.execute(
                "SELECT base, repeated, prompt, sample FROM pairs WHERE n = ? AND base IS NOT NULL", (n,)
            ).fetchone()
            if found is None:
                return None
            base, repeated, prompt, sample = found
            row: Row = json.loads(base)
            text = db.execute("SELECT text FROM prompts WHERE id = ?", (prompt,)).fetchone()
            places = [place_of(db, side, prompt, sample) for side in (TEACHER, STUDENT)]
            word = standing(db, row["id"], self.inputs.folders)
        answers = [
            self._text_at(side, place) for side, place in zip((TEACHER, STUDENT), places, strict=True)
        ]
        if any(place and said is None for place, said in zip(places, answers, strict=True)):
            return None
        row = _in_order(row, text[0] if text else "", answers)
        if repeated:
            row["dropped"] = REPEATED
        return self.judge.settle(row, word)

    def _text_at(self, side: int, place: tuple[int, int, bytes] | None) -> str | None:
        """An answer's text, read from the run's own file; None where another line stands there now."""
        if place is None:
            return None
        try:
            with disk.reader(self.inputs.rows_of(side), 1 << 12) as file:
                row = row_at(file.fileno(), *place)
        except OSError:
            return None
        return row["text"] if row else None

    def rows(self) -> Iterator[Row]:
        """Every planned pair in full, one at a time, in the plan's order."""
        with self._using() as db:
            (size,) = db.execute("SELECT coalesce(max(n), -1) + 1 FROM pairs").fetchone()
        return (row for n in range(size) if (row := self.row(n)) is not None)


def _in_order(base: Row, text: str, answers: list[str | None]) -> Row:
    """The row with its texts where `joined_row` puts them."""
    first = {name: base[name] for name in ("id", "prompt", "trait", "sample")}
    return first | {"text": text, "chosen": answers[0], "rejected": answers[1]} | base


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _inode(path: Path) -> int:
    try:
        return path.stat().st_ino
    except OSError:
        return 0


def _keep(cache: OrderedDict[Any, Any], key: Any, value: Any) -> None:
    """Remember a value, and let go of the one that was used longest ago."""
    cache[key] = value
    cache.move_to_end(key)
    while len(cache) > REMEMBERED:
        cache.popitem(last=False)
