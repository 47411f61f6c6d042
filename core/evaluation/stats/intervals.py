"""Intervals whose unit is the prompt: all rows of a prompt are drawn together, or not at all.

Answers to one prompt resemble each other, and a judge reads each pair twice; counted as separate rows
they would promise a precision that a new set of prompts does not keep (Miller, arXiv 2411.00640).

All intervals are made one way: the standard error comes from drawing whole prompts again (cluster
bootstrap), and is put into Wilson's score interval with Student's t. On simulated experiments
(`python -m bench.evaluation`) that covers what it promises from a dozen prompts on and close to 0 or 1,
where percentiles of the draws, and BCa, fall short.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import log1p, pi, sqrt, tan
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from core.errors import RunError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Numbers = Sequence[float] | Floats
Bounds = tuple[float, float]
# Takes weights (draws × rows), gives one value a draw; a draw without an answer is nan.
Statistic = Callable[[Floats], Floats]

SHARE: Bounds = (0.0, 1.0)
CHANGE: Bounds = (-1.0, 1.0)
EXACT_FLIPS = 12
# Numbers held at once while drawing: small enough to stay in the cache, which is a third faster.
_BLOCK = 250_000


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure, its interval, and the number of prompts (clusters) that it rests on.

    `value` is nan where there is nothing to estimate from (`n` 0); `low` ≤ `value` ≤ `high` otherwise.
    """

    value: float
    low: float
    high: float
    n: int

    @property
    def excludes_zero(self) -> bool:
        """Whether the whole interval lies on one side of zero."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True, slots=True)
class NoEstimate:
    """A figure that these data cannot give, and why, in a sentence for the reader."""

    reason: str


def normal_quantile(level: float) -> float:
    """How many standard deviations either side hold `level` of a normal: 1.96 for 0.95."""
    return NormalDist().inv_cdf((1 + level) / 2)


def student_quantile(level: float, freedom: int) -> float:
    """As `normal_quantile`, of Student's t: 2.26 for 0.95 and 9 degrees of freedom.

    Exact for one and two degrees, else the expansion of Abramowitz & Stegun 26.7.5 (within 1 %).
    """
    if freedom == 1:
        return tan(pi * level / 2)
    if freedom == 2:
        return level * sqrt(2 / (1 - level**2))
    z, v = normal_quantile(level), freedom
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + first / v + second / v**2 + third / v**3


def student_tails(t: float, freedom: int) -> float:
    """The chance of a Student's t at least as far from zero as `t`, by Wallace's approximation (1959)."""
    z = (8 * freedom + 1) / (8 * freedom + 3) * sqrt(freedom * log1p(t * t / freedom))
    return 2 * NormalDist().cdf(-z)


def coded(clusters: Iterable[Hashable]) -> tuple[Ints, int]:
    """Each row's cluster as a number from 0 in order of appearance, and how many clusters there are."""
    seen: dict[Hashable, int] = {}
    codes = [seen.setdefault(cluster, len(seen)) for cluster in clusters]
    return np.array(codes, dtype=np.int64), len(seen)


def cluster_means(values: Numbers, clusters: Sequence[Hashable]) -> Floats:
    """The mean of the rows of each cluster, clusters in order of appearance.

    Raises `RunError` where the two are not equally long.
    """
    rows = np.asarray(values, dtype=np.float64)
    codes, count = coded(clusters)
    if len(rows) != len(codes):
        raise RunError(f"{len(rows)} values but {len(codes)} clusters: give one cluster for each value.")
    sizes = np.bincount(codes, minlength=count)
    return np.bincount(codes, weights=rows, minlength=count) / np.maximum(sizes, 1)


def weight_blocks(n_clusters: int, rounds: int, seed: int, width: int = 0) -> Iterator[Floats]:
    """`bootstrap_weights` in blocks of rounds; beside each round the caller holds `width` numbers."""
    rng = np.random.default_rng(seed)
    block = max(1, _BLOCK // max(n_clusters, width, 1))
    for start in range(0, rounds, block):
        size = min(block, rounds - start)
        drawn = rng.integers(0, n_clusters, (size, n_clusters)) + np.arange(size)[:, None] * n_clusters
        counts = np.bincount(drawn.ravel(), minlength=size * n_clusters)
        yield counts.reshape(size, n_clusters).astype(np.float64)


def bootstrap_weights(n_clusters: int, rounds: int, seed: int) -> Floats:
    """How often each cluster was drawn in each round, rounds × clusters: each row sums to `n_clusters`."""
    if n_clusters < 1:
        return np.zeros((rounds, 0))
    return np.concatenate(list(weight_blocks(n_clusters, rounds, seed)))


def mean_by_cluster(
    values: Numbers,
    clusters: Sequence[Hashable],
    *,
    rounds: int = 2000,
    seed: int = 0,
    level: float = 0.95,
    bounds: Bounds = SHARE,
) -> Estimate:
    """The mean of the clusters' means, with the interval described above; every prompt counts once.

    With fewer than two clusters the interval is all of `bounds`; where all agree it is of `unanimous`, and
    never of zero width. Raises `RunError` where values lie outside `bounds`, or the lengths differ.
    """
    means = cluster_means(values, clusters)
    _check_bounds(means, bounds)
    return mean_of(means, rounds=rounds, seed=seed, level=level, bounds=bounds)


def mean_of(
    means: Floats, *, rounds: int = 2000, seed: int = 0, level: float = 0.95, bounds: Bounds = SHARE
) -> Estimate:
    """As `mean_by_cluster`, from one number a cluster."""
    count = len(means)
    value = float(means.mean()) if count else float("nan")
    if count < 2 or np.ptp(means) < 1e-12:
        return unanimous(value, count, level, bounds)
    draws = np.concatenate([weights @ means / count for weights in weight_blocks(count, rounds, seed)])
    return score_interval(value, _error(draws, count), count, level, bounds)


def unanimous(value: float, n: int, level: float, bounds: Bounds) -> Estimate:
    """The interval of `n` clusters that all gave `value`: some unseen ones may lie anywhere in `bounds`.

    Their share is at most Wilson's upper limit of 0 in `n`, z² / (n + z²). With one cluster or none nothing
    is known of others: all of `bounds`.
    """
    low, high = bounds
    if n < 2:
        return Estimate(value, low, high, n)
    unseen = wilson(0, n, level).high
    return Estimate(value, value - unseen * (value - low), value + unseen * (high - value), n)


def score_interval(value: float, error: float, n: int, level: float, bounds: Bounds) -> Estimate:
    """Wilson's interval of a bounded figure whose standard error is known.

    The error says how many independent yes-or-no prompts would be as uncertain, q(1 − q) ÷ error² with the
    bounds scaled to 0 and 1 (Korn & Graubard 1998); these go into Wilson's formula, with Student's t for
    `n` clusters. Within bounds always, lopsided near them.
    """
    low, high = bounds
    share = (value - low) / (high - low)
    if not (0 < share < 1 and error > 0):
        return unanimous(value, n, level, bounds)
    scaled = error / (high - low)
    ends = _wilson_ends(share, share * (1 - share) / scaled**2, student_quantile(level, n - 1))
    return _between(value, (low + ends[0] * (high - low), low + ends[1] * (high - low)), n)


def wilson(count: float, of: int, level: float = 0.95) -> Estimate:
    """The share `count` ÷ `of` with Wilson's score interval (1927). 0 to 1 where `of` is 0."""
    if of <= 0:
        return Estimate(float("nan"), 0.0, 1.0, 0)
    return _between(count / of, _wilson_ends(count / of, of, normal_quantile(level)), of)


def _wilson_ends(share: float, of: float, z: float) -> tuple[float, float]:
    middle = (share + z * z / (2 * of)) / (1 + z * z / of)
    half = z / (1 + z * z / of) * sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    return max(0.0, middle - half), min(1.0, middle + half)


def difference_by_cluster(
    before: Numbers,
    after: Numbers,
    clusters_before: Sequence[Hashable],
    clusters_after: Sequence[Hashable] | None = None,
    *,
    rounds: int = 2000,
    seed: int = 0,
    level: float = 0.95,
    bounds: Bounds = CHANGE,
) -> Estimate:
    """The mean over prompts of after minus before; prompts that only one side has do not count.

    `n` is the number of prompts that both sides have. Intervals as in `mean_by_cluster`, on the prompts'
    differences, which lie in `bounds`. `clusters_after` may be left out where it equals `clusters_before`.
    """
    pairs = paired_differences(before, after, clusters_before, clusters_after)
    _check_bounds(pairs, bounds)
    return mean_of(pairs, rounds=rounds, seed=seed, level=level, bounds=bounds)


def paired_differences(
    before: Numbers,
    after: Numbers,
    clusters_before: Sequence[Hashable],
    clusters_after: Sequence[Hashable] | None = None,
) -> Floats:
    """After minus before of each cluster that both have, in the order in which `before` names them."""
    named_after = clusters_before if clusters_after is None else clusters_after
    old = dict(zip(dict.fromkeys(clusters_before), cluster_means(before, clusters_before), strict=True))
    new = dict(zip(dict.fromkeys(named_after), cluster_means(after, named_after), strict=True))
    return np.array([new[name] - old[name] for name in old if name in new], dtype=np.float64)


def sign_flip_p(differences: Numbers, seed: int = 0, *, rounds: int = 10_000) -> float:
    """Two-sided p of "no difference" from flipping signs of the prompts' differences; 1.0 without any.

    All 2ⁿ flips up to 12 prompts, else `rounds` random ones, the observed one counted among them.
    """
    values = np.asarray(differences, dtype=np.float64)
    seen = abs(values.sum()) - 1e-9
    if len(values) <= EXACT_FLIPS:
        signs = 1.0 - 2.0 * ((np.arange(2 ** len(values))[:, None] >> np.arange(len(values))) & 1)
        return float((np.abs(signs @ values) >= seen).mean())
    rng = np.random.default_rng(seed)
    hits = 0
    for start in range(0, rounds, 1000):
        flips = rng.integers(0, 2, (min(1000, rounds - start), len(values))) * 2.0 - 1.0
        hits += int((np.abs(flips @ values) >= seen).sum())
    return (hits + 1) / (rounds + 1)


def by_cluster(
    statistic: Statistic,
    clusters: Sequence[Hashable],
    *,
    rounds: int = 2000,
    seed: int = 0,
    level: float = 0.95,
    bounds: Bounds = SHARE,
) -> Estimate:
    """Any statistic of weighted rows, with an interval from whole clusters drawn again.

    `statistic` takes weights (draws × rows) and gives one value a draw (nan: none for this draw). The
    estimate is its value with all weights 1. `bounds` as in `mean_by_cluster`.
    """
    codes, count = coded(clusters)
    value = float(statistic(np.ones((1, len(codes))))[0]) if count else float("nan")
    if count < 2 or np.isnan(value):
        return Estimate(value, *bounds, count)
    blocks = weight_blocks(count, rounds, seed, len(codes))
    draws = _known(np.concatenate([statistic(weights[:, codes]) for weights in blocks]))
    if len(draws) < 2 or np.ptp(draws) < 1e-12:
        return unanimous(value, count, level, bounds)
    return score_interval(value, _error(draws, count), count, level, bounds)


def percentile(draws: Floats, level: float) -> tuple[float, float]:
    """The middle `level` of the draws."""
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _error(draws: Floats, clusters: int) -> float:
    """The draws' SD, which is too small by √((n − 1) ÷ n), as the SD of n numbers around their own mean."""
    return float(draws.std(ddof=1)) * sqrt(clusters / (clusters - 1))


def _known(values: Floats) -> Floats:
    return values[~np.isnan(values)]


def _between(value: float, ends: tuple[float, float], n: int) -> Estimate:
    return Estimate(value, min(ends[0], value), max(ends[1], value), n)


def _check_bounds(means: Floats, bounds: Bounds) -> None:
    if len(means) and (means.min() < bounds[0] - 1e-9 or means.max() > bounds[1] + 1e-9):
        raise RunError(
            f"Values from {means.min():g} to {means.max():g} lie outside {bounds[0]:g} to {bounds[1]:g}: "
            "give the bounds of the scale."
        )
