"""The sequential Elo of Open Character Training, for comparison, and how much of it is the rows' order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.evaluation.stats.bradley_terry import Comparisons, Items
from core.evaluation.stats.intervals import Floats, Ints
from core.evaluation.stats.ranks import rank_correlation

K = 32.0
START = 1000.0


@dataclass(frozen=True, slots=True)
class OrderSpread:
    """One set of comparisons, rated in several random orders.

    `sd` is the mean over items of a rating's SD over orders, in Elo points; `pearson` and `spearman` are
    the mean correlations of the ratings of two orders, `lowest` the lowest Spearman among them.
    """

    sd: float
    pearson: float
    spearman: float
    lowest: float
    orders: int


def elo(comparisons: Comparisons, items: Items, *, k: float = K, start: float = START) -> Floats:
    """Ratings after one pass through the rows in the order given; position and prompt do not count."""
    rows = np.arange(len(comparisons))[None, :]
    return play(comparisons, rows, items, k=k, start=start)[0]


def order_spread(comparisons: Comparisons, items: Items, *, orders: int = 20, seed: int = 0) -> OrderSpread:
    """How far ratings of the same rows differ over `orders` random orders; nan without rows."""
    rng = np.random.default_rng(seed)
    rows = np.array([rng.permutation(len(comparisons)) for _ in range(orders)])
    ratings = play(comparisons, rows, items)
    pairs = [(one, other) for one in range(orders) for other in range(one)]
    ranks = [rank_correlation(ratings[one], ratings[other]) for one, other in pairs]
    straight = [_pearson(ratings[one], ratings[other]) for one, other in pairs]
    spread = float(ratings.std(axis=0, ddof=1).mean())
    return OrderSpread(
        spread, float(np.mean(straight)), float(np.mean(ranks)), float(np.min(ranks)), orders
    )


def play(
    comparisons: Comparisons, rows: Ints, items: Items, *, k: float = K, start: float = START
) -> Floats:
    """Ratings (passes × items) of several passes at once; `rows` (passes × games) are row numbers."""
    size = items if isinstance(items, int) else len(items)
    passes = np.arange(len(rows))
    ratings = np.full((len(rows), size), start)
    left, right, outcome = comparisons.left[rows].T, comparisons.right[rows].T, comparisons.outcome[rows].T
    for one, other, result in zip(left, right, outcome, strict=True):
        ahead = ratings[passes, one] - ratings[passes, other]
        gain = k * (result - 1 / (1 + 10 ** (-ahead / 400)))
        ratings[passes, one] += gain
        ratings[passes, other] -= gain
    return ratings


def _pearson(a: Floats, b: Floats) -> float:
    return float("nan") if np.ptp(a) == 0 or np.ptp(b) == 0 else float(np.corrcoef(a, b)[0, 1])
