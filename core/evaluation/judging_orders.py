"""Both orders of a question put together: what counts, what flipped, and what leans to a place. Pure.

A judge that prefers whatever stands first contradicts itself in the other order. In text such a flip is
worth half a win, a tie; by probability the two orders are averaged, in which a lean to a place cancels.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from core.evaluation.judging import ONE, OTHER, Verdict
from core.evaluation.stats.intervals import Estimate, mean_by_cluster

Outcome = Literal["win", "tie", "loss", "unscored"]
_SAME = 1e-9


@dataclass(frozen=True, slots=True)
class Both:
    """One pair judged in both orders, from the viewpoint of "one": shown first in `first`, then second.

    `score` is 1, 0.75 (a win and a tie), 0.5, 0.25 or 0; by probability 1, 0.5 or 0, by the side of 0.5
    on which the mean `probability` lies. None, with the reason, where an order is unscored.
    """

    first: Verdict
    second: Verdict
    score: float | None
    probability: float | None = None

    @property
    def outcome(self) -> Outcome:
        """What the score comes to."""
        return outcome_of(self.score)

    @property
    def flip(self) -> bool:
        """Whether the choice changed with the order: the first shown twice, or the second twice."""
        return {self.first.choice, self.second.choice} == {ONE, OTHER}

    @property
    def reason(self) -> str:
        """Why it is unscored; "" where it is not."""
        return "" if self.score is not None else self.first.reason or self.second.reason

    @property
    def orders(self) -> list[Outcome]:
        """Each order's verdict on "one" as a word."""
        return [outcome_of(_choice_score(verdict)) for verdict in (self.first, self.second)]

    @property
    def picked_first(self) -> list[bool]:
        """For each verdict that chose an answer, whether it was the one shown first."""
        shown = ((self.first, ONE), (self.second, OTHER))
        return [verdict.choice == place for verdict, place in shown if verdict.choice in (ONE, OTHER)]


def outcome_of(score: float | None) -> Outcome:
    """A score as a word."""
    if score is None:
        return "unscored"
    return "tie" if abs(score - 0.5) < _SAME else "win" if score > 0.5 else "loss"


def _choice_score(verdict: Verdict) -> float | None:
    if verdict.choice is None:
        return None
    return {ONE: 1.0, OTHER: 0.0}.get(verdict.choice, 0.5)


def combine(first: Verdict, second: Verdict) -> Both:
    """The verdicts on `both_orders(question)` together."""
    chances = [first.chance_of(ONE), second.chance_of(ONE)]
    if chances[0] is None or chances[1] is None:
        return Both(first, second, None)
    mean = (chances[0] + chances[1]) / 2
    if first.probability is None or second.probability is None:
        return Both(first, second, mean)
    return Both(first, second, {"win": 1.0, "tie": 0.5, "loss": 0.0}[outcome_of(mean)], mean)


def first_shown_share(pairs: Iterable[Both], prompts: Sequence[Hashable]) -> Estimate:
    """How often the answer shown first was chosen, among choices of one; 0.5 without a lean."""
    values: list[float] = []
    clusters: list[Hashable] = []
    for pair, prompt in zip(pairs, prompts, strict=True):
        values += [float(picked) for picked in pair.picked_first]
        clusters += [prompt] * len(pair.picked_first)
    return mean_by_cluster(values, clusters)


def flip_share(pairs: Iterable[Both], prompts: Sequence[Hashable]) -> Estimate:
    """The share of scored pairs whose choice changed with the order."""
    scored = [(pair, at) for pair, at in zip(pairs, prompts, strict=True) if pair.score is not None]
    return mean_by_cluster([float(pair.flip) for pair, _ in scored], [at for _, at in scored])
