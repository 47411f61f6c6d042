"""How small a difference a given number of prompts can show."""

from __future__ import annotations

from statistics import NormalDist

from core.evaluation.stats.intervals import normal_quantile


def smallest_detectable(n: int, *, power: float = 0.8, level: float = 0.95) -> float:
    """The win rate's distance from one half that `n` decisive prompts show with chance `power`.

    0.05 at 783 prompts, 0.1 at 194; 0.5 where `n` is too small for any. The two-sided normal test of
    one share: d = (z(level)/2 + z(power) √(1/4 − d²)) / √n, solved by iteration.
    """
    if n < 1:
        return 0.5
    alpha, beta = normal_quantile(level), NormalDist().inv_cdf(power)
    distance = 0.0
    for _ in range(100):
        distance = min(0.5, (alpha / 2 + beta * (0.25 - distance**2) ** 0.5) / n**0.5)
    return distance
