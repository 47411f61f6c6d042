"""What moved between two rankings of preferences, and how small a change could have shown. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import isfinite, sqrt

import numpy as np

from core.evaluation.preference_ranking import Ranked
from core.evaluation.stats.bradley_terry import Shift, shift
from core.evaluation.stats.intervals import Estimate, student_quantile, student_tails
from core.evaluation.stats.multiple import benjamini_hochberg, holm

ROUNDS = 2000


@dataclass(frozen=True, slots=True)
class Moved:
    """One word's change. `marked`: after Benjamini-Hochberg, for words marked beforehand after Holm
    among them; None where there is too little data to test."""

    word: str
    before: float
    after: float
    delta: Estimate
    p: float
    marked: bool | None
    target: bool
    comparisons: int


def shifts(before: Ranked, after: Ranked, targets: Sequence[str] = (), seed: int = 0) -> list[Moved]:
    """Every word's change from one speaker to the other, greatest rise first; prompts paired."""
    found = shift(before.comparisons, after.comparisons, len(before.words), rounds=ROUNDS, seed=seed)
    if before.by == after.by == "choice":
        freedom = (
            len(np.unique(np.concatenate([before.comparisons.cluster, after.comparisons.cluster]))) - 1
        )
        found = [_by_own_prompts(one, freedom) for one in found]
    marks = _marks(found, before.words, targets) if not (before.lacking or after.lacking) else None
    moved = [
        Moved(
            word,
            float(before.values[place]),
            float(after.values[place]),
            found[place].delta,
            found[place].p,
            marks[place] if marks else None,
            word in targets,
            int(after.games[place]),
        )
        for place, word in enumerate(before.words)
    ]
    return sorted(moved, key=lambda one: -one.delta.value)


def smallest_shift(moved: Iterable[Moved]) -> float | None:
    """About the change in Elo points that would show four times in five in one word; None if unknown.

    2.8 standard errors (two-sided 5 %, power 80 %), from the median width of the intervals.
    """
    widths = [one.delta.high - one.delta.low for one in moved]
    known = [width for width in widths if isfinite(width)]
    return float(np.median(known)) / 2 * 2.8 / 1.96 if known else None


def _by_own_prompts(found: Shift, freedom: int) -> Shift:
    """The change with an interval and p for as many prompts as its word stood in.

    Drawn choices bring chance enough of their own; probabilities leave only the few prompts of a word, for
    which a normal's thin tails promised too much: of 40 experiments without any change 7 marked a word.
    """
    n, delta = found.delta.n, found.delta
    if n < 3 or not isfinite(delta.low):
        return found
    error = (delta.high - delta.low) / 2 / student_quantile(0.95, freedom) * sqrt(n / (n - 1))
    half = student_quantile(0.95, n - 1) * error
    p = student_tails(delta.value / error, n - 1) if error > 0 else found.p
    return Shift(found.item, Estimate(delta.value, delta.value - half, delta.value + half, n), p)


def _marks(found: Sequence[Shift], words: Sequence[str], targets: Sequence[str]) -> list[bool]:
    """Which changes stand: marked beforehand and few, by Holm among themselves; the rest by BH."""
    early = [place for place, word in enumerate(words) if word in targets]
    late = [place for place in range(len(words)) if place not in early]
    marks = [False] * len(words)
    for places, test in ((early, holm), (late, benjamini_hochberg)):
        for place, rejected in zip(places, test([found[i].p for i in places]).rejected, strict=True):
            marks[place] = rejected
    return marks
