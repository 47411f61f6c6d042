"""One price tag for a whole way: requests, tokens, time and money as ranges, each with its reason. Pure.

    tag.total.usd        Range(low=0.41, likely=0.9, high=3.2)
    tag.of("learn")      the part of one step

Low: answers are short and little is asked twice. Likely: answers as long as ordinary ones, or as those
that are there. High: every answer as long as it may be. What has no known price is named, never guessed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from core.prices import money
from core.whole import STEP_OF, Step

SHORT = 0.6


class Range(NamedTuple):
    """Three numbers in order: at least about, most likely, at most about."""

    low: float
    likely: float
    high: float

    def plus(self, other: Range) -> Range:
        """The sum, part by part: all low, all likely, all high."""
        return Range(self.low + other.low, self.likely + other.likely, self.high + other.high)

    def times(self, factor: float) -> Range:
        """Each part times a number that is not negative."""
        return Range(self.low * factor, self.likely * factor, self.high * factor)


NOTHING = Range(0.0, 0.0, 0.0)


def exactly(number: float) -> Range:
    """A number that is known."""
    return Range(number, number, number)


def about(likely: float, *, low: float = SHORT, high: float = 2.0) -> Range:
    """A likely number, and how far it may be off as factors."""
    return Range(likely * low, likely, likely * high)


def money_range(likely: float, high: float, asking: float = 0.0) -> Range:
    """USD of answers: `likely` for ordinary lengths, `high` for the longest, `asking` for what is sent.

    Short answers cost `SHORT` of ordinary ones; what is sent costs the same however long they are.
    """
    asking = min(asking, likely)
    return Range(asking + (likely - asking) * SHORT, likely, max(likely, high))


@dataclass(frozen=True, slots=True)
class Cost:
    """What one stage takes. `usd` is None where no price is known; `basis` says where the numbers are from.

    `tokens_in` and `tokens_out` count what is sent to models and what they may answer.
    """

    stage: str
    requests: Range = NOTHING
    tokens_in: Range = NOTHING
    tokens_out: Range = NOTHING
    seconds: Range = NOTHING
    usd: Range | None = NOTHING
    basis: str = ""

    @property
    def step(self) -> Step:
        """The step that the stage belongs to."""
        return STEP_OF[self.stage]


@dataclass(frozen=True, slots=True)
class Sum:
    """Several stages together; `unpriced` names those without a known price, which `usd` leaves out."""

    requests: Range
    tokens_in: Range
    tokens_out: Range
    seconds: Range
    usd: Range
    unpriced: tuple[str, ...] = ()

    @property
    def is_free(self) -> bool:
        """Whether it surely costs nothing."""
        return not self.unpriced and not self.usd.high


@dataclass(frozen=True, slots=True)
class PriceTag:
    """Every stage with its cost, in order."""

    costs: tuple[Cost, ...]

    @property
    def total(self) -> Sum:
        """Everything together."""
        return summed(self.costs)

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps that have a stage, in order."""
        return tuple(dict.fromkeys(cost.step for cost in self.costs))

    def of(self, step: Step) -> Sum:
        """The part of one step."""
        return summed([cost for cost in self.costs if cost.step == step])


def summed(costs: Sequence[Cost]) -> Sum:
    """Costs added up."""
    return Sum(
        _sum(cost.requests for cost in costs),
        _sum(cost.tokens_in for cost in costs),
        _sum(cost.tokens_out for cost in costs),
        _sum(cost.seconds for cost in costs),
        _sum(cost.usd for cost in costs if cost.usd is not None),
        tuple(cost.stage for cost in costs if cost.usd is None),
    )


def _sum(parts: Iterable[Range]) -> Range:
    total = NOTHING
    for part in parts:
        total = total.plus(part)
    return total


# ---- words


def sum_words(found: Sum) -> str:
    """Requests, time and money in a line: "about 480 requests · 6 to 14 min · free"."""
    requests = f"about {found.requests.likely:,.0f} requests · " if found.requests.likely else ""
    return f"{requests}{minutes(found.seconds)} · {usd_words(found)}"


def minutes(seconds: Range) -> str:
    """A span of time: "under a minute", "6 to 14 min", "7 to 21 h"."""
    if seconds.high < 60:
        return "under a minute"
    unit, word = (60.0, "min") if seconds.high < 2 * 3600 else (3600.0, "h")
    low, high = round(seconds.low / unit), round(seconds.high / unit)
    if unit == 3600.0 and low == 0:
        return f"under an hour to {high} h"
    return f"about {max(1, high)} {word}" if low == high or high <= 1 else f"{low} to {high} {word}"


def usd_words(found: Sum) -> str:
    """Money as a range with the likely amount: "$0.41 to $3.20, likely $0.90"."""
    missing = (
        " (training is priced after its upload)" if set(found.unpriced) & {"train-dpo", "train-sft"} else ""
    )
    unknown = [stage for stage in found.unpriced if not stage.startswith("train-")]
    missing += f" (price unknown: {', '.join(unknown)})" if unknown else ""
    if not found.usd.high:
        return f"free{missing}" if not found.unpriced else f"price unknown{missing}"
    low, likely, high = (money(part) for part in found.usd)
    return f"{low} to {high}, likely {likely}{missing}" if low != high else f"{likely}{missing}"
