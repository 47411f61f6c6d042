"""`character review NAME --interactive`: one pair at a time, with the keys of the Pairs page."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import click

from core.cli.output import say
from core.cli.review_deciding import edited_text, rejected_by_an_edit, told_undone
from core.cli.review_telling import both_answers, harmless, standing
from core.errors import RunError
from core.pair_edits import Decision, Verdict, keeping
from core.pair_filter import PairFilter
from core.store.decisions import decide, undo
from core.store.jsonl import Row

if TYPE_CHECKING:
    from core.stages.reviewing import Review

KEYS = "1 keep · 2 swap · 3 drop · r drop and say why · e edit · u undo · n next · p previous · q quit"
VERDICTS: dict[str, Verdict] = {"1": "keep", "2": "swap", "3": "drop"}
NEXT, PREVIOUS = ("n", " ", "\x1b[C"), ("p", "\x1b[D")
QUIT = ("q", "Q", "\x1b", "\x04")


@dataclass(slots=True)
class Walk:
    """Where a person is among the pairs found at the start, and what they decided on the way.

    The list stands still: a pair that a decision takes out of the filter moves no other.
    """

    review: Review
    numbers: list[int]
    reviewer: str
    place: int = 0
    acts: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])

    def row(self) -> Row:
        """The pair in front of the person, as it stands now."""
        self.review.refresh()
        row = self.review.index.row(self.numbers[self.place])
        if row is None:
            raise RunError("This pair is gone; begin again.")
        return row

    def decide(self, word: Decision) -> None:
        """Keep a decision and go on."""
        self.acts.append((decide(self.review.folder, word), self.place))
        self.step(1)

    def step(self, by: int) -> None:
        """Go on or back, and say so at either end."""
        wished = self.place + by
        self.place = max(0, min(wished, len(self.numbers) - 1))
        if wished != self.place:
            say("That was the last one." if by > 0 else "This is the first one.")

    def undo(self) -> None:
        """Take the last decision of this walk back, and go to its pair."""
        if not self.acts:
            say("Nothing to take back here.")
            return
        batch, self.place = self.acts.pop()
        say(told_undone(undo(self.review.folder, batch, self.reviewer)))


def go_through(review: Review, wanted: PairFilter, reviewer: str) -> None:
    """Show the pairs that the filters leave, one at a time, and do what the keys say, until q."""
    numbers = review.find(wanted)
    if not numbers:
        say("No pair fits these filters.")
        return
    walk = Walk(review, numbers, reviewer)
    say(KEYS)
    while True:
        row = walk.row()
        _show(walk, row)
        key = _key()
        if key in QUIT:
            break
        try:
            _act(walk, row, key)
        except RunError as error:
            # Another window may be writing: the pair is still in front of the person, to try again.
            say(f"Error: {error}")
    say(f"{len(walk.acts):,} decided. Write the file anew: character dpo-data --constitution {_name(walk)}")


def _name(walk: Walk) -> str:
    return walk.review.run.constitution().name


def _key() -> str:
    """The next key; at the end of a script's keys it is q, as a terminal that is gone says no more."""
    try:
        return click.getchar() or "q"
    except EOFError:
        return "q"


def _show(walk: Walk, row: Row) -> None:
    flags = "".join(f" · {flag}" for flag in row["flags"] if flag != row["dropped"])
    ratio = f" · length {row['ratio']:.2f}" if row["ratio"] is not None else ""
    say(
        f"\n{walk.place + 1:,} of {len(walk.numbers):,} · {row['trait'] or 'everyday'} · "
        f"{harmless(standing(row))}{harmless(flags)}{ratio}"
    )
    say(harmless(row["text"]))
    say(both_answers(row))


def _act(walk: Walk, row: Row, key: str) -> None:
    """Do what one key says."""
    if key in VERDICTS:
        _say_verdict(walk, row, VERDICTS[key])
    elif key in ("r", "R"):
        reason = click.prompt("Why", default="", show_default=False)
        walk.decide(Decision(row["id"], "drop", reason, walk.reviewer))
    elif key in ("e", "E"):
        _edit(walk, row)
    elif key in ("u", "U"):
        walk.undo()
    elif key in NEXT:
        walk.step(1)
    elif key in PREVIOUS:
        walk.step(-1)
    else:
        say(KEYS)


def _say_verdict(walk: Walk, row: Row, verdict: Verdict) -> None:
    word = keeping(row, walk.reviewer) if verdict == "keep" else None
    walk.decide(word or Decision(row["id"], verdict, "", walk.reviewer))


def _edit(walk: Walk, row: Row) -> None:
    text = edited_text(row["chosen"])
    if text is None:
        say("Nothing was changed.")
        return
    word = Decision(row["id"], "edit", "", walk.reviewer, text=text, rejects=rejected_by_an_edit(row))
    walk.decide(word)
