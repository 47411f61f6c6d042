"""What a filter lets through, as it was when it was asked, a page at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.store.pair_index_columns import Counts, Totals

if TYPE_CHECKING:
    from core.store.pair_index import PairIndex

LARGEST_PAGE = 50


class Preview(NamedTuple):
    """One line of a list: the beginnings of prompt and answers, and how the pair stands."""

    id: str
    trait: str | None
    text: str
    chosen: str
    rejected: str
    dropped: str | None
    flags: list[str]
    ratio: float | None
    decision: str | None
    reviewer: str


@dataclass(frozen=True, slots=True)
class View:
    """The pairs that a filter lets through, as they were when it was made, in the plan's order.

    `heard` is how many bytes of the run's own decisions it knows.
    """

    index: PairIndex
    places: NDArray[np.intp]
    counts: Counts
    totals: Totals
    revision: tuple[str, int]
    heard: int = 0

    def __len__(self) -> int:
        return len(self.places)

    def page(self, number: int, size: int = LARGEST_PAGE) -> list[Preview]:
        """The previews of a page, the first is 0; nothing behind the last one."""
        size = max(1, min(size, LARGEST_PAGE))
        wanted = self.places[number * size : (number + 1) * size]
        return self.index.previews([int(n) for n in wanted])

    def at(self, position: int) -> int:
        """The row number of the pair at a position. Raises IndexError."""
        return int(self.places[position])

    def position(self, pair: str) -> int | None:
        """Where a pair stands here, or None where the filter leaves it out."""
        for n in self.index.numbers_of(pair):
            place = int(np.searchsorted(self.places, n))
            if place < len(self.places) and self.places[place] == n:
                return place
        return None

    def place_after(self, pair: str) -> int:
        """Where the pair stands that follows one which this view may not hold; the last at most."""
        numbers = self.index.numbers_of(pair)
        place = int(np.searchsorted(self.places, numbers[0])) if numbers else 0
        return max(0, min(place, len(self.places) - 1))

    def ids(self, start: int = 0, stop: int | None = None) -> list[str]:
        """The ids of the pairs from one position to another."""
        return self.index.ids_of([int(n) for n in self.places[start:stop]])

    def standing(self, numbers: Sequence[int]) -> list[tuple[int, str, str | None]]:
        """Number, id and standing verdict of rows that are still as they were when this view was made."""
        return self.index.standing(numbers, self.revision)

    def next_undecided(self, position: int) -> int | None:
        """Where the nearest pair behind this one stands that nobody decided, or the first such."""
        return self.index.next_undecided(self.places, position)
