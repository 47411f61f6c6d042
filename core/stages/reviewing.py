"""A review of a run's pairs: found by the page's own filters, decided one by one or all at once.

    review = open_review(Scope("pirate"), PairJob(), settings)
    view = review.index.view(PairFilter(trait="pictures", show="undecided"))
    review.decide_alike(view, view.places, Saying("drop", "dull", "Ann"))    one act, one undo

The pairs come from the index beside the pair file, so that a hundred thousand are listed at once.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.decision_log import DecisionLog
from core.errors import RunError
from core.exports import Group
from core.pair_edits import Decision, Verdict, keeping
from core.pair_filter import PairFilter
from core.settings import Settings
from core.stages.dpo_data import PairJob, sources_of
from core.stages.pair_indexing import index_of
from core.stages.prepare import Scope, existing_run, load_character
from core.store.decisions import decide_as_seen, read_log
from core.store.lines import Row
from core.store.pair_index import PairIndex, Preview, View
from core.store.runs import Run

# One refresh works for about so long; all of them together until everything is taken in.
SLICE_S = 2.0
SOME = 500
# Judging one pair of very long answers takes seconds, never this long.
STUCK_S = 60.0


@dataclass(frozen=True, slots=True)
class Saying:
    """What is said about many pairs at once: the verdict, why, and who says it."""

    verdict: Verdict
    reason: str = ""
    reviewer: str = ""


@dataclass(frozen=True, slots=True)
class Alike:
    """What came of one verdict about many pairs: the act's name, what was said, how many heard it."""

    act: str
    words: tuple[Decision, ...]
    decided: int
    stayed: int


@dataclass(frozen=True, slots=True)
class Review:
    """The pairs of a run, brought up to date. Raises RunError where the index cannot be kept."""

    run: Run
    index: PairIndex

    @property
    def folder(self) -> Path:
        """Where decisions about these pairs are written."""
        return self.run.folder

    def refresh(self) -> None:
        """Take in everything that is on disk now. Raises RunError while another process sleeps over it."""
        before, since = None, time.monotonic()
        while not (state := self.index.refresh(SLICE_S)).is_done:
            if state != before:
                before, since = state, time.monotonic()
            elif time.monotonic() - since > STUCK_S:
                raise RunError(
                    f"Another process holds {self.index.path} and does not go on; end it, then try again."
                )

    def find(self, wanted: PairFilter) -> list[int]:
        """The row numbers of the pairs with both answers that a filter lets through."""
        return [int(n) for n in self.index.view(wanted).places]

    def previews(self, numbers: Sequence[int]) -> Iterator[Preview]:
        """How these pairs begin and stand."""
        for start in range(0, len(numbers), SOME):
            yield from self.index.previews(list(numbers[start : start + SOME]))

    def rows(self, numbers: Sequence[int]) -> Iterator[Row]:
        """These pairs in full. Raises RunError where their files are written anew meanwhile."""
        return (self._row(n) for n in numbers)

    def _row(self, n: int) -> Row:
        row = self.index.row(n)
        if row is None:
            raise RunError(
                f"The answers of run {self.run.id} are being written anew; try again in a moment."
            )
        return row

    def row_of(self, pair: str) -> Row:
        """A pair by its id. Raises RunError for one that the run does not have."""
        numbers = self.index.numbers_of(pair)
        if not numbers:
            raise RunError(
                f"Run {self.run.id} has no pair {pair}; list them: "
                f"character review {self.run.constitution().name}"
            )
        return self._row(numbers[0])

    def decide_alike(self, view: View, numbers: Sequence[int], saying: Saying, *, batch: str = "") -> Alike:
        """One verdict about rows of a view, as one act; what changed since the view was made stays.

        "keep" leaves edits and swaps what they are. Raises RunError as `decide_many` does.
        """
        words: list[Decision] = []
        for n, pair, before in view.standing(numbers):
            row = self._row(n) if saying.verdict == "keep" and before in ("edit", "swap") else None
            word = Decision(pair, saying.verdict, saying.reason, saying.reviewer)
            words.append(keeping(row, saying.reviewer) if row else word)
        act, stayed = decide_as_seen(self.folder, words, view.heard, batch=batch)
        decided = len(words) - stayed
        return Alike(act, tuple(words), decided, len(numbers) - decided)

    def log(self) -> DecisionLog:
        """Everything that was decided in this run's folder."""
        return read_log(self.folder)

    # ---- as `core.exports.PairSource`

    def counts(self) -> Mapping[Group, int]:
        """How many pairs with both answers stand in each group."""
        return Counter({group: len(numbers) for group, numbers in self._groups().items()})

    def pairs(self, groups: frozenset[Group]) -> Iterator[Row]:
        """The pairs of these groups, in the plan's order."""
        numbers = sorted(n for group, found in self._groups().items() if group in groups for n in found)
        return self.rows(numbers)

    def _groups(self) -> dict[Group, list[int]]:
        kept, decided = self.find(PairFilter(show="kept")), set(self.find(PairFilter(show="decided")))
        return {
            "accepted": [n for n in kept if n in decided],
            "undecided": [n for n in kept if n not in decided],
            "dropped": self.find(PairFilter(show="dropped")),
        }


@dataclass(frozen=True, slots=True)
class ReviewSource:
    """The pairs of a review on their way out; see `core.exports.PairSource`."""

    review: Review

    def counts(self) -> Mapping[Group, int]:
        """How many pairs with both answers stand in each group."""
        return self.review.counts()

    def rows(self, groups: frozenset[Group]) -> Iterator[Row]:
        """The pairs of these groups, in the plan's order."""
        return self.review.pairs(groups)


def open_review(scope: Scope, job: PairJob, settings: Settings) -> Review:
    """The review of a character's run, brought up to date. Raises RunError while there are no answers."""
    constitution = load_character(scope, settings)
    run = existing_run(scope, constitution, settings)
    if run is None:
        raise RunError(
            f"{scope.constitution} has no pairs yet; make them: character teacher --constitution "
            f"{scope.constitution} --model local/smollm2-135m"
        )
    review = Review(run, index_of(run, sources_of(run, job), job, settings))
    review.refresh()
    return review
