"""From rows of preferences to rankings: strengths, shifts, and how far each can be trusted. Pure.

    ranked = rank(rows, traits, speakers=["base", "tuned"], by="judge", seed=0)
    shifts(ranked["base"], ranked["tuned"], targets=("bold",))       core.evaluation.preference_shifts

All figures are Elo points of a Bradley-Terry model, 0 the mean of the words asked about. What is compared
between speakers rests on the comparisons that all of them answered.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, isnan, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.evaluation.preferences import FLIP, By, Row
from core.evaluation.stats.bradley_terry import (
    ELO,
    Comparisons,
    Fit,
    SplitHalf,
    bootstrap,
    fit,
    split_half,
)
from core.evaluation.stats.elo import elo
from core.evaluation.stats.intervals import (
    Estimate,
    Floats,
    mean_by_cluster,
    student_quantile,
)
from core.evaluation.stats.ranks import disattenuated, spearman

# Below this many comparisons a word, its place says more about chance than about the model.
FEWEST_COMPARISONS = 8
FEWEST_PROMPTS = 10
# Before the reason in `Ranked.counts`.
WHY = "why: "
STRENGTH_ROUNDS = 500
# The place's interval comes from leaving out each of so many groups of prompts in turn.
_GROUPS = 20
DRAWS = 1000.0
_LIMITS = (-60.0, 60.0)


@dataclass(frozen=True, slots=True)
class Ranked:
    """One speaker's ranking of the words. Arrays follow `words`.

    `strengths` are estimates in Elo points, `oct_elo` ratings by OpenCharacterTraining's one pass (K 32,
    from 1000). `position` is the advantage in Elo points of the word offered first, or by probability of
    the letter A. `games` counts scored comparisons a word, `unscored` is the share without a score,
    `counts` are rows by what came of them.
    """

    label: str
    by: By
    words: tuple[str, ...]
    comparisons: Comparisons
    fit: Fit
    strengths: tuple[Estimate, ...]
    oct_elo: Floats
    position: Estimate
    reliability: SplitHalf
    games: NDArray[np.int64]
    unscored: Estimate
    scored: int
    prompts: int
    counts: Mapping[str, int]

    @property
    def values(self) -> Floats:
        """The strengths without their intervals."""
        return self.fit.elo

    @property
    def lacking(self) -> str:
        """Why there is too little to rank by, in a sentence for the reader; "" where there is enough."""
        rarest = int(self.games.argmin()) if len(self.games) else 0
        fewest = int(self.games[rarest]) if len(self.games) else 0
        if fewest < FEWEST_COMPARISONS:
            return (
                f"{self.words[rarest]!r} stands in {fewest} scored comparisons of {self.label}, and "
                f"{FEWEST_COMPARISONS} are the least that a place can rest on"
            )
        if not self.fit.connected:
            return f"some traits were never compared with the others by {self.label}, even through a third"
        if self.prompts < 2:
            return f"all comparisons of {self.label} share one prompt"
        return ""


@dataclass(frozen=True, slots=True)
class Agreement:
    """Spearman's correlation of two rankings, the most that noise lets it be, and without noise.

    nan where a reliability is unknown.
    """

    value: Estimate
    ceiling: float
    without_noise: float


def rank(
    rows: Sequence[Row], words: Sequence[str], speakers: Sequence[str], by: By, seed: int = 0
) -> dict[str, Ranked]:
    """Each speaker's ranking, from the comparisons that every speaker with any has a score for."""
    by_speaker = {label: [row for row in rows if row["speaker"] == label] for label in speakers}
    shared = _shared(by_speaker.values())
    prompts = {prompt: code for code, prompt in enumerate(dict.fromkeys(row["prompt"] for row in rows))}
    return {
        label: _ranked(
            label, own, [row for row in own if row["comparison"] in shared], words, prompts, by, seed
        )
        for label, own in by_speaker.items()
    }


def agreement(one: Ranked, other: Ranked, seed: int = 0) -> Agreement:
    """How far two rankings of the same words agree."""
    return _agreement(
        one.values, other.values, one.reliability.corrected, other.reliability.corrected, seed
    )


def _agreement(one: Any, other: Any, first: float, second: float, seed: int = 0) -> Agreement:
    value = spearman(one, other, seed=seed)
    ceiling = sqrt(first * second) if first > 0 and second > 0 else float("nan")
    return Agreement(value, ceiling, disattenuated(value.value, first, second))


def agreement_of(
    one: Mapping[str, float], other: Mapping[str, float], reliabilities: tuple[float, float], seed: int = 0
) -> tuple[Agreement, list[str]]:
    """How far two rankings kept as word → strength agree, over the words that both hold; and those."""
    words = [word for word in one if word in other]
    mine, theirs = [one[word] for word in words], [other[word] for word in words]
    return _agreement(mine, theirs, *reliabilities, seed), words


def _shared(groups: Iterable[Sequence[Row]]) -> set[int]:
    scored = [{row["comparison"] for row in rows if row["outcome"] is not None} for rows in groups]
    known = [numbers for numbers in scored if numbers]
    return set.intersection(*known) if known else set()


def _ranked(
    label: str,
    own: Sequence[Row],
    shared: Sequence[Row],
    words: Sequence[str],
    prompts: Mapping[str, int],
    by: By,
    seed: int,
) -> Ranked:
    scored = [row for row in shared if row["outcome"] is not None]
    table = _comparisons(scored, words, prompts, by)
    whole = fit(table, len(words))
    return Ranked(
        label,
        by,
        tuple(words),
        table,
        whole,
        _strengths(table, whole, seed),
        elo(_decided(scored, words, prompts), len(words)),
        _letters(scored) if by == "choice" else _position(table, whole, len(words), seed),
        split_half(table, len(words), seed) if len(table) else SplitHalf(float("nan"), float("nan")),
        np.array([sum(word in (row["first"], row["second"]) for row in scored) for word in words]),
        _share_unscored(own),
        len(scored),
        len({row["prompt"] for row in scored}),
        _counts(own),
    )


def _comparisons(
    rows: Sequence[Row], words: Sequence[str], prompts: Mapping[str, int], by: By
) -> Comparisons:
    """One row a verdict. A probability becomes two rows that share the weight of many draws of the choice.

    It is known and not drawn: as a single game it would count for less than the prior, which is there for
    words that won every game. How prompts differ is what its interval is made of.
    """
    decided = _decided(rows, words, prompts)
    if by == "judge":
        return decided
    chance = np.array([row["outcome"] for row in rows], dtype=np.float64)
    return Comparisons(
        np.tile(decided.left, 2),
        np.tile(decided.right, 2),
        np.repeat([1.0, 0.0], len(rows)),
        np.tile(decided.cluster, 2),
        DRAWS * np.concatenate([chance, 1 - chance]),
    )


def _decided(rows: Sequence[Row], words: Sequence[str], prompts: Mapping[str, int]) -> Comparisons:
    """One row a comparison with who won it, in the design's order; a probability counts by its side."""
    place = {word: number for number, word in enumerate(words)}
    ordered = rows
    return Comparisons(
        np.array([place[row["first"]] for row in ordered], dtype=np.int64),
        np.array([place[row["second"]] for row in ordered], dtype=np.int64),
        np.array([(np.sign(row["outcome"] - 0.5) + 1) / 2 for row in ordered], dtype=np.float64),
        np.array([prompts[row["prompt"]] for row in ordered], dtype=np.int64),
    )


def _strengths(table: Comparisons, whole: Fit, seed: int) -> tuple[Estimate, ...]:
    """Elo points with normal intervals of the prompts' bootstrap, as shifts have them."""
    size, prompts = len(whole.scores), len(np.unique(table.cluster))
    if prompts < 2:
        return tuple(Estimate(float(value), float("-inf"), float("inf"), prompts) for value in whole.elo)
    draws = bootstrap(table, size, STRENGTH_ROUNDS, seed) * ELO
    errors = draws.std(axis=0, ddof=1) * sqrt(prompts / (prompts - 1))
    half = errors * student_quantile(0.95, prompts - 1)
    counts = [len(np.unique(table.cluster[(table.left == i) | (table.right == i)])) for i in range(size)]
    return tuple(
        Estimate(float(value), float(value - wide), float(value + wide), count)
        for value, wide, count in zip(whole.elo, half, counts, strict=True)
    )


def _position(table: Comparisons, whole: Fit, size: int, seed: int) -> Estimate:
    """The advantage of being offered first, in Elo points, by the jackknife over groups of prompts."""
    value, prompts = whole.position * ELO, np.unique(table.cluster)
    groups = min(_GROUPS, len(prompts))
    if groups < 3:
        return Estimate(value, float("-inf"), float("inf"), len(prompts))
    turn = np.random.default_rng(seed).permutation(np.arange(len(prompts)) % groups)
    member = turn[np.searchsorted(prompts, table.cluster)]
    left_out = [fit(table.where(member != group), size).position * ELO for group in range(groups)]
    half = student_quantile(0.95, groups - 1) * float(np.std(left_out)) * sqrt(groups - 1)
    return Estimate(value, value - half, value + half, len(prompts))


def _letters(rows: Sequence[Row]) -> Estimate:
    """The advantage of the letter A over B in Elo points."""
    pulls = np.array([row["letters"] for row in rows], dtype=np.float64)
    found = mean_by_cluster(np.clip(pulls, *_LIMITS), [row["prompt"] for row in rows], bounds=_LIMITS)
    return Estimate(found.value * ELO, found.low * ELO, found.high * ELO, found.n)


def _share_unscored(rows: Sequence[Row]) -> Estimate:
    missing = [float(row["outcome"] is None) for row in rows]
    return mean_by_cluster(missing, [row["prompt"] for row in rows])


def _counts(rows: Sequence[Row]) -> dict[str, int]:
    """Rows by what came of them: "" for a clear word, "flip", "both", "neither", or why unscored."""
    found = Counter(str(row["why"]) for row in rows)
    return {
        "asked": len(rows),
        "scored": sum(row["outcome"] is not None for row in rows),
        "unscored": sum(row["outcome"] is None for row in rows),
        "ties": sum(row["outcome"] == 0.5 for row in rows),
        "flips": found.get(FLIP, 0),
    } | {f"{WHY}{why}": count for why, count in sorted(found.items()) if why not in ("", FLIP)}


def finite(value: float) -> float | None:
    """The value for a file: None for nan and infinities, which JSON does not know."""
    return None if isnan(value) or not isfinite(value) else value
