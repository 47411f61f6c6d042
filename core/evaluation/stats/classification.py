"""Scores of a classifier as statistics of weighted rows, for `intervals.by_cluster`."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np

from core.evaluation.stats.intervals import Floats, Statistic


def macro_f1(
    truth: Sequence[Hashable], guess: Sequence[Hashable], labels: Sequence[Hashable] | None = None
) -> Statistic:
    """The mean of the labels' F1 = 2·hits ÷ (true + guessed); a label absent from both counts 0 in none.

    Over `labels`, or all that occur in either column. A draw without any row of a label leaves it out.
    """
    names = list(dict.fromkeys([*truth, *guess])) if labels is None else list(labels)
    true, guessed = _one_hot(truth, names), _one_hot(guess, names)
    hits = true * guessed

    def statistic(rows: Floats) -> Floats:
        under = rows @ (true + guessed)
        with np.errstate(invalid="ignore", divide="ignore"):
            each = np.where(under > 0, 2 * (rows @ hits) / under, np.nan)
        seen = (under > 0).sum(axis=1)
        return np.where(seen > 0, np.nansum(each, axis=1) / np.maximum(seen, 1), np.nan)

    return statistic


def weighted_mean(values: Sequence[float] | Floats) -> Statistic:
    """The mean of rows, every row (not every prompt) counting once: accuracy from 0s and 1s."""
    column = np.asarray(values, dtype=np.float64)

    def statistic(rows: Floats) -> Floats:
        total = rows.sum(axis=1)
        return np.where(total > 0, rows @ column / np.maximum(total, 1e-300), np.nan)

    return statistic


def accuracy(truth: Sequence[Hashable], guess: Sequence[Hashable]) -> Statistic:
    """The share of rows whose guess is the truth."""
    return weighted_mean([float(one == other) for one, other in zip(truth, guess, strict=True)])


def _one_hot(column: Sequence[Hashable], names: list[Hashable]) -> Floats:
    place = {name: number for number, name in enumerate(names)}
    found = np.zeros((len(column), len(names)))
    for row, name in enumerate(column):
        if name in place:
            found[row, place[name]] = 1.0
    return found
