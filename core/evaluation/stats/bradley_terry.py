"""Bradley-Terry with ties and the advantage of standing first, and what the prompts leave open of it.

With d = score(left) − score(right) + position and σ the logistic function:

    "rao-kupper"  P(left) = σ(d − t), P(right) = σ(−d − t), the rest ties         (Rao & Kupper 1967)
    "davidson"    P(left) : P(tie) : P(right) = e^{d/2} : e^{t} : e^{−d/2}        (Davidson 1970)
    "half"        a tie is half a win for either side; no tie parameter

All are fitted by Newton's method on counts of (left, right, outcome), many resamples at once. Beside its
comparisons each item has half a win and half a loss against an average one, as Jeffreys' prior gives a
share; resamples draw the weights of these halves too (exponential, as in Rubin's bootstrap, 1981). Without
them an item that won everything would have no finite score, and its resamples no spread.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log, sqrt
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from core.errors import RunError
from core.evaluation.stats.intervals import (
    Estimate,
    Floats,
    Ints,
    student_quantile,
    student_tails,
    weight_blocks,
)
from core.evaluation.stats.ranks import rank_correlation

Ties = Literal["rao-kupper", "davidson", "half"]
Items = int | Sequence[object]

ELO = 400 / log(10)
RIDGE = 1e-3
PRIOR = 0.5
_STEPS = 50
_LONGEST_STEP = 2.0
_CLOSE = 1e-6
# A resample starts at the whole sample's fit, so that Newton's second step is below this already.
_CLOSE_ENOUGH = 1e-3
# Davidson's t where there are no ties: so low that they have no chance.
_NO_TIES = -40.0


@dataclass(frozen=True, slots=True)
class Comparisons:
    """One row a comparison. `left` was shown first; `outcome` is 1 (left won), 0.5 (tie) or 0 (right won).

    `left` and `right` are numbers of items, `cluster` numbers of prompts; `weight` is 1 unless given.
    """

    left: Ints
    right: Ints
    outcome: Floats
    cluster: Ints
    weight: Floats | None = None

    def __len__(self) -> int:
        return len(self.left)

    def where(self, chosen: NDArray[np.bool_]) -> Comparisons:
        """The rows that are `chosen`, a mask."""
        weight = None if self.weight is None else self.weight[chosen]
        return Comparisons(
            self.left[chosen], self.right[chosen], self.outcome[chosen], self.cluster[chosen], weight
        )


@dataclass(frozen=True, slots=True)
class Fit:
    """Scores on the logit scale, centred at 0, with the logit advantage of standing first.

    `tie` is t of the module's formulas (without ties 0, or −40 for "davidson"). `connected` is false
    where some items cannot be compared through others: their scores then say nothing about each other.
    """

    scores: Floats
    position: float
    tie: float
    converged: bool
    connected: bool
    n: int

    @property
    def elo(self) -> Floats:
        """The scores in Elo points (400 points: ten to one), centred at 0."""
        return self.scores * ELO


@dataclass(frozen=True, slots=True)
class Shift:
    """One item's change in Elo points; `p` is that of no change, two-sided."""

    item: int
    delta: Estimate
    p: float


@dataclass(frozen=True, slots=True)
class SplitHalf:
    """Spearman's correlation of the rankings from two halves of the prompts.

    `corrected` is what the whole is worth (Spearman-Brown); nan where the halves do not correlate.
    """

    halves: float
    corrected: float


def fit(
    comparisons: Comparisons,
    items: Items,
    *,
    ridge: float = RIDGE,
    position: bool = True,
    ties: Ties = "rao-kupper",
) -> Fit:
    """The scores that make the comparisons likeliest. `items` is their number, or a sequence of them.

    An item without comparisons gets 0 (and `connected` is false). Without rows all scores are 0.
    Raises `RunError` where rows name unknown items, an item meets itself, or an outcome is another number.
    """
    model = _Model(_size(items), ridge, position, ties)
    _check(comparisons, model.size)
    state = _whole(comparisons, model)
    return Fit(
        state.scores[0],
        float(state.position[0]),
        float(state.tie[0]),
        state.converged,
        connected(comparisons, model.size),
        len(comparisons),
    )


def bootstrap(
    comparisons: Comparisons,
    items: Items,
    rounds: int = 2000,
    seed: int = 0,
    *,
    ridge: float = RIDGE,
    position: bool = True,
    ties: Ties = "rao-kupper",
) -> Floats:
    """Scores (logit, centred) of `rounds` resamples of whole prompts, rounds × items."""
    model = _Model(_size(items), ridge, position, ties)
    _check(comparisons, model.size)
    return _resampled([comparisons], model, rounds, seed)[0]


def shift(
    before: Comparisons,
    after: Comparisons,
    items: Items,
    *,
    rounds: int = 2000,
    seed: int = 0,
    level: float = 0.95,
    ridge: float = RIDGE,
    position: bool = True,
    ties: Ties = "rao-kupper",
) -> list[Shift]:
    """Each item's change from `before` to `after` in Elo points, prompts paired.

    A prompt is drawn for both sides or neither, so what it does to both cancels. Interval and p are
    Student's with the bootstrap's standard error: percentiles of 2,000 rounds could not show the small p
    that many traits ask for. Both rankings are centred, so a change is one against the mean of all items.
    `n` counts the prompts in which the item stood; below two the interval is endless and p is 1.
    """
    model = _Model(_size(items), ridge, position, ties)
    for side in (before, after):
        _check(side, model.size)
    old, new = _resampled([before, after], model, rounds, seed)
    moved = (_whole(after, model).scores - _whole(before, model).scores)[0] * ELO
    freedom = len(np.unique(np.concatenate([before.cluster, after.cluster]))) - 1
    errors = ((new - old) * ELO).std(axis=0, ddof=1) * sqrt(1 + 1 / max(freedom, 1))
    prompts = _prompts_of(before, after, model.size)
    return [
        _shift(item, float(moved[item]), float(errors[item]), int(prompts[item]), freedom, level)
        for item in range(model.size)
    ]


def split_half(
    comparisons: Comparisons, items: Items, seed: int = 0, *, splits: int = 10, ties: Ties = "rao-kupper"
) -> SplitHalf:
    """How well rankings from disjoint halves of the prompts agree: median of `splits` random halvings."""
    size = _size(items)
    prompts = np.unique(comparisons.cluster)
    rng = np.random.default_rng(seed)
    found: list[float] = []
    for _ in range(splits):
        first = np.isin(comparisons.cluster, rng.permutation(prompts)[: len(prompts) // 2])
        one = fit(comparisons.where(first), size, ties=ties).scores
        other = fit(comparisons.where(~first), size, ties=ties).scores
        found.append(rank_correlation(one, other))
    halves = float(np.median(found))
    return SplitHalf(halves, 2 * halves / (1 + halves) if halves > 0 else float("nan"))


def connected(comparisons: Comparisons, items: Items) -> bool:
    """Whether every item can be reached from every other through comparisons."""
    size = _size(items)
    met = np.zeros((size, size), dtype=bool)
    met[comparisons.left, comparisons.right] = True
    met |= met.T
    reached = np.zeros(size, dtype=bool)
    reached[:1] = True
    for _ in range(size):
        wider = reached | met[reached].any(axis=0)
        if (wider == reached).all():
            break
        reached = wider
    return bool(reached.all())


# How one model of ties weighs a matrix of differences: slopes and curvatures of the log-likelihood.


@dataclass(frozen=True, slots=True)
class _Model:
    size: int
    ridge: float
    position: bool
    ties: Ties


@dataclass(frozen=True, slots=True)
class _Evidence:
    """Counts of many fits (fits × 3 × items × items), and items' prior wins and losses (fits × items)."""

    counts: Floats
    wins: Floats
    losses: Floats


@dataclass(slots=True)
class _State:
    """Parameters of many fits at once: scores (fits × items), position and tie (fits)."""

    scores: Floats
    position: Floats
    tie: Floats
    converged: bool = False


@dataclass(frozen=True, slots=True)
class _Slopes:
    """First and second derivatives by each cell's d (fits × items × items) and by the tie parameter.

    Second derivatives with their sign turned, so that they are positive.
    """

    by_d: Floats
    by_tie: Floats
    d_d: Floats
    d_tie: Floats
    tie_tie: Floats


def _sigmoid(x: Floats) -> Floats:
    return 1 / (1 + np.exp(-np.clip(x, -40, 40)))


def _half(counts: Floats, d: Floats) -> _Slopes:
    wins, losses = counts[:, 0] + counts[:, 1] / 2, counts[:, 2] + counts[:, 1] / 2
    p = _sigmoid(d)
    none = np.zeros(len(d))
    return _Slopes(wins * (1 - p) - losses * p, none, (wins + losses) * p * (1 - p), np.zeros_like(d), none)


def _rao_kupper(counts: Floats, d: Floats, tie: Floats) -> _Slopes:
    """A tie is a "no" to both "left wins" and "right wins", times 1 − e^{−2t}; so all is logistic."""
    wins, ties, losses = counts[:, 0], counts[:, 1], counts[:, 2]
    t = tie[:, None, None]
    a, b = _sigmoid(d - t), _sigmoid(-d - t)
    left, right = wins * (1 - a) - ties * a, losses * (1 - b) - ties * b
    curve_left, curve_right = (wins + ties) * a * (1 - a), (losses + ties) * b * (1 - b)
    tied, grown = ties.sum(axis=(1, 2)), np.expm1(2 * np.maximum(tie, 1e-9))
    slope = -(left + right).sum(axis=(1, 2)) + 2 * tied / grown
    curve = (curve_left + curve_right).sum(axis=(1, 2)) + 4 * tied * (grown + 1) / grown**2
    return _Slopes(left - right, slope, curve_left + curve_right, curve_right - curve_left, curve)


def _davidson(counts: Floats, d: Floats, tie: Floats) -> _Slopes:
    number = counts.sum(axis=1)
    up, down, middle = np.exp(d / 2), np.exp(-d / 2), np.exp(tie)[:, None, None]
    total = up + down + middle
    lead, tied = (up - down) / total, middle / total
    slope = (counts[:, 0] - counts[:, 2] - number * lead) / 2
    curve = number * (1 - tied - lead**2) / 4
    by_tie = (counts[:, 1] - number * tied).sum(axis=(1, 2))
    tie_tie = (number * tied * (1 - tied)).sum(axis=(1, 2))
    return _Slopes(slope, by_tie, curve, -number * tied * lead / 2, tie_tie)


def _slopes(counts: Floats, state: _State, ties: Ties) -> _Slopes:
    d = state.scores[:, :, None] - state.scores[:, None, :] + state.position[:, None, None]
    if ties == "half":
        return _half(counts, d)
    return _rao_kupper(counts, d, state.tie) if ties == "rao-kupper" else _davidson(counts, d, state.tie)


def _gradient(slopes: _Slopes, state: _State, model: _Model, evidence: _Evidence) -> Floats:
    """By scores, position and tie, fits × (items + 2)."""
    p = _sigmoid(state.scores)
    prior = evidence.wins * (1 - p) - evidence.losses * p - model.ridge * state.scores
    scores = slopes.by_d.sum(axis=2) - slopes.by_d.sum(axis=1) + prior
    place = slopes.by_d.sum(axis=(1, 2)) - model.ridge * state.position
    tie = slopes.by_tie - model.ridge * state.tie
    return np.concatenate([scores, place[:, None], tie[:, None]], axis=1)


def _hessian(slopes: _Slopes, state: _State, model: _Model, evidence: _Evidence) -> Floats:
    """The negative second derivatives, fits × (items + 2) × (items + 2)."""
    p = _sigmoid(state.scores)
    prior = (evidence.wins + evidence.losses) * p * (1 - p)
    size, rows, columns = model.size, slopes.d_d.sum(axis=2), slopes.d_d.sum(axis=1)
    found = np.zeros((len(rows), size + 2, size + 2))
    found[:, :size, :size] = -slopes.d_d - slopes.d_d.transpose(0, 2, 1)
    found[:, :size, size] = rows - columns
    found[:, :size, size + 1] = slopes.d_tie.sum(axis=2) - slopes.d_tie.sum(axis=1)
    found[:, size, size + 1] = slopes.d_tie.sum(axis=(1, 2))
    found[:, size, :size], found[:, size + 1, :size] = found[:, :size, size], found[:, :size, size + 1]
    found[:, size + 1, size] = found[:, size, size + 1]
    each = np.arange(size + 2)
    found[:, each, each] += np.concatenate(
        [rows + columns + prior, rows.sum(axis=1)[:, None], slopes.tie_tie[:, None]], axis=1
    )
    found[:, each, each] += model.ridge
    return found


def _solved(evidence: _Evidence, model: _Model, start: _State | None, close: float) -> _State:
    """Newton's method on all fits at once, until the longest step of any is below `close`."""
    counts = evidence.counts
    state = _begin(counts, model) if start is None else _copies(start, len(counts))
    fixed = _fixed(counts, model)
    state.tie[fixed[:, 1]] = _NO_TIES if model.ties == "davidson" else 0.0
    for _ in range(_STEPS):
        slopes = _slopes(counts, state, model.ties)
        gradient = _gradient(slopes, state, model, evidence)
        hessian = _hessian(slopes, state, model, evidence)
        _hold(gradient, hessian, fixed)
        step = np.linalg.solve(hessian, gradient[:, :, None])[:, :, 0]
        longest = np.abs(step).max(axis=1, initial=0.0)
        step *= np.minimum(1.0, _LONGEST_STEP / np.maximum(longest, 1e-300))[:, None]
        _move(state, step, model)
        if longest.max(initial=0.0) < close:
            state.converged = True
            break
    state.scores -= state.scores.mean(axis=1, keepdims=True)
    return state


def _whole(comparisons: Comparisons, model: _Model) -> _State:
    halves = np.full((1, model.size), PRIOR)
    evidence = _Evidence(_counts(comparisons, model.size), halves, halves)
    return _solved(evidence, model, None, _CLOSE)


def _begin(counts: Floats, model: _Model) -> _State:
    fits = len(counts)
    share = counts[:, 1].sum(axis=(1, 2)) / np.maximum(counts.sum(axis=(1, 2, 3)), 1e-12)
    if model.ties == "davidson":
        tie = np.log(np.clip(2 * share / np.maximum(1 - share, 1e-3), 1e-3, 1e3))
    else:
        # The share of ties between equals is tanh(t/2); Newton climbs safely from below.
        tie = 2 * np.arctanh(np.clip(share, 0, 0.99)) * (model.ties == "rao-kupper")
    return _State(np.zeros((fits, model.size)), np.zeros(fits), tie)


def _copies(state: _State, fits: int) -> _State:
    return _State(
        np.repeat(state.scores[:1], fits, axis=0),
        np.repeat(state.position[:1], fits),
        np.repeat(state.tie[:1], fits),
    )


def _fixed(counts: Floats, model: _Model) -> NDArray[np.bool_]:
    """Which of position and tie stay as they are, fits × 2; without any tie there is none to fit."""
    found = np.zeros((len(counts), 2), dtype=bool)
    found[:, 0] = not model.position
    found[:, 1] = True if model.ties == "half" else counts[:, 1].sum(axis=(1, 2)) == 0
    return found


def _hold(gradient: Floats, hessian: Floats, fixed: NDArray[np.bool_]) -> None:
    size = gradient.shape[1] - 2
    for place in (0, 1):
        held, at = fixed[:, place], size + place
        gradient[held, at] = 0.0
        hessian[held, at, :] = 0.0
        hessian[held, :, at] = 0.0
        hessian[held, at, at] = 1.0


def _move(state: _State, step: Floats, model: _Model) -> None:
    state.scores += step[:, : model.size]
    state.position += step[:, model.size]
    moved = state.tie + step[:, model.size + 1]
    state.tie = np.maximum(moved, state.tie / 4) if model.ties == "rao-kupper" else moved


def _cells(comparisons: Comparisons, size: int) -> Ints:
    """Each row's place in the flat counts: win, tie or loss, then left, then right."""
    kind = np.rint(2 - 2 * comparisons.outcome).astype(np.int64)
    return (kind * size + comparisons.left) * size + comparisons.right


def _counts(comparisons: Comparisons, size: int) -> Floats:
    cells = 3 * size * size
    found = np.bincount(_cells(comparisons, size), weights=comparisons.weight, minlength=cells)
    return found.reshape(1, 3, size, size).astype(np.float64)


def _drawn_counts(comparisons: Comparisons, size: int, codes: Ints, weights: Floats) -> Floats:
    """Counts of each resample, rounds × 3 × items × items."""
    rounds, cells = len(weights), 3 * size * size
    drawn = weights[:, codes]
    if comparisons.weight is not None:
        drawn = drawn * comparisons.weight
    places = _cells(comparisons, size) + np.arange(rounds)[:, None] * cells
    found = np.bincount(places.ravel(), weights=drawn.ravel(), minlength=rounds * cells)
    return found.reshape(rounds, 3, size, size).astype(np.float64, copy=False)


def _resampled(sides: list[Comparisons], model: _Model, rounds: int, seed: int) -> list[Floats]:
    """Scores of each side under the same resamples of their prompts; each rounds × items."""
    names = np.unique(np.concatenate([side.cluster for side in sides]))
    if len(names) == 0:
        return [np.zeros((rounds, model.size)) for _ in sides]
    codes = [np.searchsorted(names, side.cluster) for side in sides]
    starts = [_whole(side, model) for side in sides]
    rng = np.random.default_rng([seed, 1])
    width = max(3 * model.size**2, *(len(side) for side in sides), 1)
    found: list[list[Floats]] = [[] for _ in sides]
    for weights in weight_blocks(len(names), rounds, seed, width):
        for side, code, start, scores in zip(sides, codes, starts, found, strict=True):
            counts = _drawn_counts(side, model.size, code, weights)
            halves = PRIOR * rng.standard_exponential((2, len(weights), model.size))
            scores.append(_solved(_Evidence(counts, *halves), model, start, _CLOSE_ENOUGH).scores)
    return [np.concatenate(scores) for scores in found]


def _prompts_of(before: Comparisons, after: Comparisons, size: int) -> Ints:
    """In how many prompts each item stood, on either side."""
    items = np.concatenate([before.left, before.right, after.left, after.right])
    prompts = np.concatenate([before.cluster, before.cluster, after.cluster, after.cluster])
    pairs = np.unique(np.stack([items, prompts]), axis=1)
    return np.bincount(pairs[0].astype(np.int64), minlength=size)


def _shift(item: int, moved: float, error: float, prompts: int, freedom: int, level: float) -> Shift:
    if prompts < 2 or error == 0.0:
        return Shift(item, Estimate(moved, float("-inf"), float("inf"), prompts), 1.0)
    half = student_quantile(level, freedom) * error
    delta = Estimate(moved, moved - half, moved + half, prompts)
    return Shift(item, delta, student_tails(moved / error, freedom))


def _size(items: Items) -> int:
    return items if isinstance(items, int) else len(items)


def _check(comparisons: Comparisons, size: int) -> None:
    named = np.concatenate([comparisons.left, comparisons.right])
    if len(named) and not (named.min() >= 0 and named.max() < size):
        raise RunError(
            f"Comparisons name item {named.max()} of {size} (or one below 0): number the items from 0."
        )
    if (comparisons.left == comparisons.right).any():
        raise RunError("An item is compared with itself: leave such rows out.")
    if not np.isin(comparisons.outcome, (0.0, 0.5, 1.0)).all():
        raise RunError("An outcome is neither 0, 0.5 nor 1: leave unscored rows out before ranking.")
