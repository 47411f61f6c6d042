"""What all parts of a pair index use: the judge, the input files, texts as kept, words that stand."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from core.decision_log import decision_of
from core.pair_edits import Decision
from core.prompts import Prompt
from core.store.lines import Row

TEACHER, STUDENT = 0, 1
JUDGE, SETTLE = 1, 2


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
