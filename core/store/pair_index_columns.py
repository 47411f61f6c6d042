"""What the lists filter and count by, a few bytes a pair, kept in memory and followed by revision."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.pair_filter import NO_TRAIT, PairFilter

Mask = NDArray[np.bool_]
_FIELDS = "n, trait, answered, dropped, flags, ratio, decision, reviewer, edited"


class Words:
    """Texts by small numbers, in the order they were met; 0 is none."""

    def __init__(self) -> None:
        self._numbers: dict[str | None, int] = {None: 0}
        self.texts: list[str] = [""]

    def number(self, text: str | None) -> int:
        """The number of a text, a new one where it is new."""
        found = self._numbers.get(text)
        if found is None:
            found = self._numbers[text] = len(self.texts)
            self.texts.append(text or "")
        return found

    def known(self, text: str) -> int:
        """The number of a text, -1 where no pair has it."""
        return self._numbers.get(text, -1)


@dataclass(frozen=True, slots=True)
class Counts:
    """How many pairs a filter lets through, and how many each of its choices would, all else equal."""

    found: int
    shows: dict[str, int]
    traits: dict[str, int]
    flags: dict[str, int]
    reasons: dict[str, int]
    reviewers: dict[str, int]


@dataclass(frozen=True, slots=True)
class Totals:
    """The pairs of a run, whatever the filter; `ratio` is the median length, chosen ÷ rejected."""

    pairs: int
    kept: int
    decided: int
    waiting: int
    ratio: float | None
    reviewers: dict[str, int]
    reasons: dict[str, int]


@dataclass(slots=True)
class Columns:
    """The columns of an index as they were at revision `rev`. `follow` brings them up to date."""

    epoch: str = ""
    rev: int = -1
    size: int = 0
    _room: int = 0
    traits: Words = field(default_factory=Words)
    reasons: Words = field(default_factory=Words)
    reviewers: Words = field(default_factory=Words)
    verdicts: Words = field(default_factory=Words)
    flags: Words = field(default_factory=Words)
    _sets: dict[str, int] = field(default_factory=dict[str, int])
    _data: dict[str, NDArray[Any]] = field(default_factory=dict[str, NDArray[Any]])

    def follow(self, db: sqlite3.Connection) -> list[int]:
        """Take over what changed since; returns the numbers of those pairs."""
        known = dict(db.execute("SELECT name, value FROM meta WHERE name IN ('rev', 'epoch')").fetchall())
        epoch, rev = known.get("epoch", "0"), int(known.get("rev", 0))
        if epoch != self.epoch:
            self.__init__(epoch=epoch)
        if rev == self.rev:
            return []
        rows = db.execute(f"SELECT {_FIELDS} FROM pairs WHERE rev > ? ORDER BY n", (self.rev,)).fetchall()
        self.rev = rev
        if rows:
            self._make_room(rows[-1][0] + 1)
        for row in rows:
            self._take(row)
        return [row[0] for row in rows]

    def _make_room(self, size: int) -> None:
        kinds = {
            "trait": np.int16,
            "answered": np.bool_,
            "reason": np.int16,
            "flags": np.uint64,
            "ratio": np.float32,
            "verdict": np.int16,
            "reviewer": np.int16,
            "edited": np.bool_,
        }
        room = max(size, 1024) if size <= self._room else max(2 * self._room, size, 1024)
        if room > self._room:
            for name, kind in kinds.items():
                wider = np.zeros(room, dtype=kind)
                wider[: self.size] = self._data.get(name, wider)[: self.size]
                self._data[name] = wider
            self._room = room
        self.size = max(self.size, size)

    def _take(self, row: tuple[Any, ...]) -> None:
        n, trait, answered, dropped, flags, ratio, decision, reviewer, edited = row
        data = self._data
        data["trait"][n] = self.traits.number(trait or NO_TRAIT)
        data["answered"][n] = answered
        data["reason"][n] = self.reasons.number(dropped)
        data["flags"][n] = self._flags(flags)
        data["ratio"][n] = np.nan if ratio is None else ratio
        data["verdict"][n] = self.verdicts.number(decision)
        data["reviewer"][n] = self.reviewers.number(None if decision is None else reviewer or "")
        data["edited"][n] = edited

    def _flags(self, listed: str) -> int:
        found = self._sets.get(listed)
        if found is None:
            bits = [self.flags.number(flag) for flag in json.loads(listed)]
            found = self._sets[listed] = sum(1 << bit for bit in set(bits) if bit < 64)
        return found

    def _column(self, name: str) -> NDArray[Any]:
        if name not in self._data:
            self._make_room(0)
        return self._data[name][: self.size]

    # ---- choosing

    def mask(self, wanted: PairFilter, found: Mask | None = None) -> Mask:
        """Which pairs a filter lets through; `found` are those that hold what is searched for."""
        mask = self._column("answered").copy()
        if found is not None:
            mask &= found[: self.size]
        for part in self._parts(wanted):
            mask &= part
        return mask

    def _parts(self, wanted: PairFilter) -> list[Mask]:
        parts = [self._shown(wanted.show)] if wanted.show != "all" else []
        if wanted.trait:
            parts.append(self._column("trait") == self.traits.known(wanted.trait))
        if wanted.flag:
            parts.append(self._flagged(self.flags.known(wanted.flag)))
        if wanted.reason:
            parts.append(self._column("reason") == self.reasons.known(wanted.reason))
        if wanted.reviewer is not None:
            parts.append(self._column("reviewer") == self.reviewers.known(wanted.reviewer))
        if wanted.least is not None:
            parts.append(self._column("ratio") >= wanted.least)
        if wanted.most is not None:
            parts.append(self._column("ratio") <= wanted.most)
        return parts

    def _flagged(self, bit: int) -> Mask:
        if bit < 0:
            return np.zeros(self.size, dtype=np.bool_)
        return (self._column("flags") & np.uint64(1 << bit)) != 0

    def _shown(self, show: str) -> Mask:
        ways: dict[str, Callable[[], Mask]] = {
            "all": lambda: np.ones(self.size, dtype=np.bool_),
            "kept": lambda: self._column("reason") == 0,
            "dropped": lambda: self._column("reason") != 0,
            "decided": lambda: self._column("verdict") != 0,
            "undecided": lambda: self._column("verdict") == 0,
            "edited": lambda: self._column("edited"),
            "flagged": lambda: self._column("flags") != 0,
        }
        return ways[show]()

    def undecided(self, places: NDArray[np.intp]) -> Mask:
        """Which of some rows nobody has decided."""
        column = self._column("verdict")
        return column[places[places < len(column)]] == 0

    # ---- counting

    def counts(self, wanted: PairFilter, found: Mask | None = None) -> Counts:
        """The counts beside every choice: what it would show with everything else as it is."""

        def rest(name: str) -> Mask:
            return self.mask(wanted.without(name), found)

        open_to_all = rest("show")
        shows = ("all", "kept", "dropped", "undecided", "decided", "edited", "flagged")
        return Counts(
            found=int(self.mask(wanted, found).sum()),
            shows={show: int((open_to_all & self._shown(show)).sum()) for show in shows},
            traits=self._tally("trait", self.traits, rest("trait")),
            flags=self._flag_tally(rest("flag")),
            reasons=self._tally("reason", self.reasons, rest("reason")),
            reviewers=self._tally("reviewer", self.reviewers, rest("reviewer")),
        )

    def _tally(self, name: str, words: Words, mask: Mask) -> dict[str, int]:
        numbers = np.bincount(self._column(name)[mask], minlength=len(words.texts))
        pairs = [(words.texts[place], int(count)) for place, count in enumerate(numbers) if place and count]
        return dict(sorted(pairs, key=lambda pair: -pair[1]))

    def _flag_tally(self, mask: Mask) -> dict[str, int]:
        counts = {
            text: int((self._flagged(bit) & mask).sum()) for bit, text in enumerate(self.flags.texts) if bit
        }
        return dict(sorted(((t, c) for t, c in counts.items() if c), key=lambda pair: -pair[1]))

    def totals(self) -> Totals:
        """The figures of the whole run."""
        answered = self._column("answered")
        ratios = self._column("ratio")[answered & ~np.isnan(self._column("ratio"))]
        middle = len(ratios) // 2
        return Totals(
            pairs=int(answered.sum()),
            kept=int((answered & (self._column("reason") == 0)).sum()),
            decided=int((answered & (self._column("verdict") != 0)).sum()),
            waiting=int(self.size - answered.sum()),
            ratio=float(np.partition(ratios, middle)[middle]) if len(ratios) else None,
            reviewers=self._tally("reviewer", self.reviewers, answered),
            reasons=self._tally("reason", self.reasons, answered),
        )
