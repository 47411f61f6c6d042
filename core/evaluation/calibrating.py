"""Scores as honest probabilities: one temperature, and how far off they are. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from core.evaluation.stats.intervals import Floats, Statistic

BINS = 5
_TEMPERATURES = 10 ** np.linspace(-1.5, 1.5, 61)

# Log odds, texts × labels.
Log = NDArray[np.float64]


def calibrated_across(
    scores: Log, labels: Sequence[str], fold_of: Sequence[int], names: tuple[str, ...]
) -> Floats:
    """Probabilities whose temperature comes from the other folds, so that their error is an honest one."""
    found = np.zeros_like(scores)
    folds = np.array(fold_of)
    for fold in sorted(set(fold_of)):
        others = folds != fold
        known = [label for label, other in zip(labels, others, strict=True) if other]
        found[~others] = softmax(scores[~others] * temperature_of(scores[others], known, names))
    return found


def temperature_of(scores: Log, labels: Sequence[str], names: Sequence[str]) -> float:
    """The factor on scores that makes the labels least surprising, labels weighing the same.

    Targets are Platt's (1999): a label seen n times is at most (n + 1) ÷ (n + 2) sure, so that
    texts which are all told apart do not make for infinite certainty. 1 without any text.
    """
    if not len(labels):
        return 1.0
    places = np.array([names.index(label) for label in labels])
    seen = np.bincount(places, minlength=len(names))
    sure = ((seen + 1) / (seen + 2))[places]
    rest = (1 - sure) / (len(names) - 1)
    targets = np.repeat(rest[:, None], len(names), axis=1)
    targets[np.arange(len(places)), places] = sure
    weights = 1 / seen[places]
    losses = [
        float((weights * -(targets * _log_softmax(scores * factor)).sum(axis=1)).sum())
        for factor in _TEMPERATURES
    ]
    return float(_TEMPERATURES[int(np.argmin(losses))])


def softmax(scores: Log) -> Floats:
    """Probabilities of scores, row by row."""
    return np.exp(_log_softmax(scores))


def _log_softmax(scores: Log) -> Log:
    shifted = scores - scores.max(axis=1, keepdims=True) if len(scores) else scores
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def calibration_error(sureness: Sequence[float] | Floats, right: Sequence[float] | Floats) -> Statistic:
    """Expected calibration error (Naeini et al. 2015): how far sureness is from being right, over bins.

    A statistic of weighted rows: the mean over five bins of |mean sureness − share right|, by their rows.
    """
    sure, hit = np.asarray(sureness, dtype=np.float64), np.asarray(right, dtype=np.float64)
    bins = np.clip((sure * BINS).astype(int), 0, BINS - 1)
    members = np.eye(BINS)[bins] if len(sure) else np.zeros((0, BINS))
    gaps = members * (sure - hit)[:, None]

    def statistic(weights: Floats) -> Floats:
        total = weights.sum(axis=1)
        off = np.abs(weights @ gaps).sum(axis=1)
        return np.where(total > 0, off / np.maximum(total, 1e-300), np.nan)

    return statistic
