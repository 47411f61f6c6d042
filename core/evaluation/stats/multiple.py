"""Many questions at once: which answers still stand."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from core.evaluation.stats.intervals import Floats, Ints, Numbers


class Marks(NamedTuple):
    """Which hypotheses are rejected, and the p-values after adjustment, in the order given."""

    rejected: list[bool]
    adjusted: list[float]


def benjamini_hochberg(p_values: Numbers, q: float = 0.05) -> Marks:
    """Marks of which on average at most the share `q` are false (Benjamini & Hochberg 1995)."""
    sorted_p, order = _sorted(p_values)
    count = len(sorted_p)
    scaled = sorted_p * count / np.arange(1, count + 1)
    return _marks(np.minimum.accumulate(scaled[::-1])[::-1], order, q)


def holm(p_values: Numbers, level: float = 0.05) -> Marks:
    """Marks with at most the chance `level` of any false one (Holm 1979); for few, named beforehand."""
    sorted_p, order = _sorted(p_values)
    scaled = sorted_p * np.arange(len(sorted_p), 0, -1)
    return _marks(np.maximum.accumulate(scaled), order, level)


def _sorted(p_values: Numbers) -> tuple[Floats, Ints]:
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    return p[order], order


def _marks(scaled: Floats, order: Ints, limit: float) -> Marks:
    adjusted = np.empty_like(scaled)
    adjusted[order] = np.minimum(scaled, 1.0)
    return Marks([bool(p <= limit) for p in adjusted], [float(p) for p in adjusted])
