"""Do two rankings agree?"""

from __future__ import annotations

from math import sqrt

import numpy as np

from core.errors import RunError
from core.evaluation.stats.intervals import Estimate, Floats, Ints, Numbers, percentile

_FEWEST = 4


def spearman(a: Numbers, b: Numbers, *, rounds: int = 2000, seed: int = 0, level: float = 0.95) -> Estimate:
    """Spearman's rank correlation over items, with a percentile interval from items drawn again.

    `n` is the number of items, not of prompts. The interval is −1 to 1 below four items, and the value nan
    where one side is constant. Raises `RunError` where the lengths differ.
    """
    one, other = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if len(one) != len(other):
        raise RunError(f"{len(one)} scores against {len(other)}: give the same items in the same order.")
    value = rank_correlation(one, other)
    if len(one) < _FEWEST or np.isnan(value):
        return Estimate(value, -1.0, 1.0, len(one))
    rng = np.random.default_rng(seed)
    chosen = rng.integers(0, len(one), (rounds, len(one)))
    draws = np.array([rank_correlation(one[rows], other[rows]) for rows in chosen])
    low, high = percentile(draws[~np.isnan(draws)], level)
    return Estimate(value, min(low, value), max(high, value), len(one))


def rank_correlation(a: Floats, b: Floats) -> float:
    """Spearman's correlation, ties at their mean rank; nan below two items or where a side is constant."""
    if len(a) < 2 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return float("nan")
    return float(np.corrcoef(mean_ranks(a), mean_ranks(b))[0, 1])


def mean_ranks(values: Floats) -> Floats:
    """Ranks from 1; equal values share the mean of their ranks."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2)[inverse]


def disattenuated(correlation: float, reliability_a: float, reliability_b: float) -> float:
    """What two rankings would correlate without noise (Spearman 1904); may exceed 1 by chance.

    nan where a reliability (the corrected split half) is unknown or not above 0.
    """
    if not (reliability_a > 0 and reliability_b > 0):
        return float("nan")
    return correlation / sqrt(reliability_a * reliability_b)


def order(scores: Numbers) -> Ints:
    """The items from the highest score to the lowest; equal ones in their own order."""
    return np.argsort(-np.asarray(scores, dtype=np.float64), kind="stable")
