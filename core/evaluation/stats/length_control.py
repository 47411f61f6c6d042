"""Would it still win if both answers were equally long? The idea of AlpacaEval's length control."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np

from core.errors import RunError
from core.evaluation.stats.intervals import (
    Estimate,
    Floats,
    NoEstimate,
    Numbers,
    Statistic,
    by_cluster,
    coded,
    mean_by_cluster,
)

FEWEST = 50
ALIKE = 0.2
_RIDGE = 1e-2
_STEPS = 25


def length_controlled_win_rate(
    scores: Numbers,
    length_a: Numbers,
    length_b: Numbers,
    clusters: Sequence[Hashable],
    *,
    rounds: int = 2000,
    seed: int = 0,
    level: float = 0.95,
) -> Estimate | NoEstimate:
    """B's win rate at equal length, with an interval by prompt.

    `scores` are 1 (B won), 0.5 or 0; lengths in any unit. A logistic regression of the score on an
    intercept and tanh(Δ ÷ SD of Δ), Δ = B's length − A's, then the length term set to 0 (Dubois et al.,
    arXiv 2404.04475). A `NoEstimate` below 50 prompts, where one could not tell length from quality.
    Raises `RunError` where the lengths of the columns differ.
    """
    won, longer = _columns(scores, length_a, length_b, clusters)
    prompts = coded(clusters)[1]
    if prompts < FEWEST:
        return NoEstimate(
            f"Length control needs {FEWEST} prompts, and there are {prompts}: judge more prompts, or read "
            "the win rate among answers of like length."
        )
    spread = float(longer.std())
    term = np.tanh(longer / spread) if spread > 0 else np.zeros_like(longer)
    return by_cluster(_equal_length(won, term), clusters, rounds=rounds, seed=seed, level=level)


def alike_length_win_rate(
    scores: Numbers,
    length_a: Numbers,
    length_b: Numbers,
    clusters: Sequence[Hashable],
    *,
    rounds: int = 2000,
    seed: int = 0,
    level: float = 0.95,
) -> Estimate | NoEstimate:
    """B's win rate among pairs whose lengths differ by less than a fifth of the longer, by prompt."""
    won, longer = _columns(scores, length_a, length_b, clusters)
    longest = np.maximum(np.asarray(length_a, dtype=np.float64), np.asarray(length_b, dtype=np.float64))
    alike = np.abs(longer) < ALIKE * np.maximum(longest, 1e-12)
    if not alike.any():
        return NoEstimate("No two answers are of like length, so that length cannot be told from quality.")
    kept = [cluster for cluster, keep in zip(clusters, alike, strict=True) if keep]
    return mean_by_cluster(won[alike], kept, rounds=rounds, seed=seed, level=level)


def _columns(
    scores: Numbers, length_a: Numbers, length_b: Numbers, clusters: Sequence[Hashable]
) -> tuple[Floats, Floats]:
    won = np.asarray(scores, dtype=np.float64)
    if not len(won) == len(length_a) == len(length_b) == len(clusters):
        raise RunError("Scores, lengths and prompts differ in number: give one of each for every verdict.")
    return won, np.asarray(length_b, dtype=np.float64) - np.asarray(length_a, dtype=np.float64)


def _equal_length(won: Floats, term: Floats) -> Statistic:
    """Newton's method for two coefficients, all draws at once; the answer is σ(intercept)."""
    square = term**2

    def statistic(rows: Floats) -> Floats:
        start, slope = np.zeros(len(rows)), np.zeros(len(rows))
        for _ in range(_STEPS):
            p = 1 / (1 + np.exp(-np.clip(start[:, None] + slope[:, None] * term, -30, 30)))
            left, curve = rows * (won - p), rows * p * (1 - p)
            g0, g1 = left.sum(axis=1) - _RIDGE * start, left @ term - _RIDGE * slope
            h00, h01, h11 = curve.sum(axis=1) + _RIDGE, curve @ term, curve @ square + _RIDGE
            under = h00 * h11 - h01**2
            step0, step1 = (h11 * g0 - h01 * g1) / under, (h00 * g1 - h01 * g0) / under
            start, slope = start + np.clip(step0, -2, 2), slope + np.clip(step1, -2, 2)
            if max(np.abs(step0).max(), np.abs(step1).max()) < 1e-6:
                break
        return 1 / (1 + np.exp(-start))

    return statistic
