"""Does the judge agree with people, and with itself? What its rates are worth once that is known."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from math import sqrt
from typing import Literal

import numpy as np

from core.errors import RunError
from core.evaluation.stats.intervals import (
    Estimate,
    Floats,
    NoEstimate,
    Statistic,
    by_cluster,
    mean_by_cluster,
    normal_quantile,
)

Weights = Literal["linear", "quadratic"]
Gate = Literal["pass", "caution", "block", "too few"]

PASS, CAUTION = 0.6, 0.4
FEWEST = 30
WIDEST = 0.6


def cohen_kappa(
    a: Sequence[Hashable],
    b: Sequence[Hashable],
    clusters: Sequence[Hashable] | None = None,
    *,
    weights: Weights | None = None,
    labels: Sequence[Hashable] | None = None,
    rounds: int = 2000,
    seed: int = 0,
    level: float = 0.95,
) -> Estimate:
    """Cohen's kappa (1960) of two raters of the same rows, with an interval by prompt.

    `labels` in their order, which weights need ("linear", "quadratic"; Cohen 1968); sorted unless given.
    Each row is its own prompt unless `clusters` are given. The value is nan where both raters used one same
    label only: agreement beyond chance then has no meaning. Raises `RunError` where the lengths differ.
    """
    if len(a) != len(b):
        raise RunError(f"{len(a)} labels against {len(b)}: both raters must have read the same rows.")
    names = (
        list(labels) if labels is not None else sorted({*a, *b}, key=lambda name: (str(type(name)), name))
    )
    place = {name: number for number, name in enumerate(names)}
    statistic = _kappa([place[name] for name in a], [place[name] for name in b], len(names), weights)
    prompts = range(len(a)) if clusters is None else clusters
    return by_cluster(statistic, list(prompts), rounds=rounds, seed=seed, level=level, bounds=(-1.0, 1.0))


def _kappa(a: list[int], b: list[int], size: int, weights: Weights | None) -> Statistic:
    one, other = np.eye(size)[a], np.eye(size)[b]
    cost = _cost(size, weights)
    paid = cost[a, b]

    def statistic(rows: Floats) -> Floats:
        total = rows.sum(axis=1)
        seen = rows @ paid / total
        expected = np.einsum("ri,ij,rj->r", rows @ one, cost, rows @ other) / total**2
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(expected > 1e-12, 1 - seen / expected, np.nan)

    return statistic


def _cost(size: int, weights: Weights | None) -> Floats:
    apart = np.abs(np.subtract.outer(np.arange(size), np.arange(size))).astype(np.float64)
    return {None: (apart > 0).astype(np.float64), "linear": apart, "quadratic": apart**2}[weights]


def gate(kappa: Estimate) -> Gate:
    """What a judge with this agreement with people may be used for.

    "pass" from 0.6 on; "caution" from 0.4 (figures may be shown, with a warning); "block" below (they may
    not headline). "too few" below 30 prompts, or where the interval is wider than 0.6 or kappa is unknown:
    such an interval reaches from the middle of one band beyond the next, so it cannot tell them apart.
    The bands are those of Landis & Koch (1977): moderate from 0.4, substantial from 0.6.
    """
    if kappa.n < FEWEST or np.isnan(kappa.value) or kappa.high - kappa.low > WIDEST:
        return "too few"
    if kappa.value >= PASS:
        return "pass"
    return "caution" if kappa.value >= CAUTION else "block"


def position_consistency(
    one_order: Sequence[Hashable],
    other_order: Sequence[Hashable],
    clusters: Sequence[Hashable] | None = None,
    *,
    rounds: int = 2000,
    seed: int = 0,
) -> Estimate:
    """The share of pairs with the same verdict in both orders; verdicts name the answer, not its place."""
    if len(one_order) != len(other_order):
        raise RunError(
            f"{len(one_order)} verdicts against {len(other_order)}: judge each pair in both orders."
        )
    same = [float(one == other) for one, other in zip(one_order, other_order, strict=True)]
    prompts = list(range(len(same))) if clusters is None else clusters
    return mean_by_cluster(same, prompts, rounds=rounds, seed=seed)


def rogan_gladen(
    share: float,
    n: int,
    sensitivity: tuple[int, int],
    specificity: tuple[int, int],
    *,
    level: float = 0.95,
) -> Estimate | NoEstimate:
    """The share that people would have found, where a judge with known errors found `share` of `n`.

    `sensitivity` and `specificity` are (right, of): how many of the rows that people called positive
    (negative) the judge called so too. θ = (p + q0 − 1) ÷ (q0 + q1 − 1) (Rogan & Gladen 1978; for judges
    arXiv 2511.21140), kept within 0 and 1; the interval of Lang & Reiczigel (2014) carries the sampling of
    both. A `NoEstimate` where a judge is no better than chance (q0 + q1 ≤ 1) or a count is missing.
    """
    (right1, of1), (right0, of0) = sensitivity, specificity
    if min(n, of1, of0) < 1:
        return NoEstimate(
            "Correcting the rate needs verdicts, and human ratings of both kinds: rate more pairs."
        )
    q1, q0 = right1 / of1, right0 / of0
    if q0 + q1 <= 1:
        return NoEstimate(
            f"The judge is right on {q1:.0%} of what people preferred and {q0:.0%} of what they did not, "
            "no better than chance: its rate cannot be corrected. Use another judge."
        )
    value = min(1.0, max(0.0, (share + q0 - 1) / (q0 + q1 - 1)))
    low, high = _lang_reiczigel(share, n, (q1, of1), (q0, of0), normal_quantile(level))
    return Estimate(value, min(low, value), max(high, value), n)


def _lang_reiczigel(
    share: float, n: int, yes: tuple[float, int], no: tuple[float, int], z: float
) -> tuple[float, float]:
    """A Wald interval after pseudo-counts, shifted for the ratio's skew."""
    n1, n0, n_judged = yes[1] + 2, no[1] + 2, n + z * z
    q1, q0 = (yes[0] * yes[1] + 1) / n1, (no[0] * no[1] + 1) / n0
    p = (share * n + z * z / 2) / n_judged
    gain = q0 + q1 - 1
    if gain <= 0:
        return 0.0, 1.0
    theta = (p + q0 - 1) / gain
    v0, v1 = q0 * (1 - q0) / n0, q1 * (1 - q1) / n1
    spread = sqrt(p * (1 - p) / n_judged + (1 - theta) ** 2 * v0 + theta**2 * v1) / gain
    middle = theta + 2 * z * z * (theta * v1 - (1 - theta) * v0)
    ends = (middle - z * spread, middle + z * spread)
    return min(1.0, max(0.0, ends[0])), min(1.0, max(0.0, ends[1]))
