"""What a launch takes, in numbers and in words: calls, tokens, time, money. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from app.wording import HOUR, MINUTE, counted, duration
from core.names import ModelName
from core.prices import Price, PriceRange, estimate_words, money
from core.stages.planning import Estimate, Role

# Measured on two cores: a preview took 35 s alone, 66 to 103 s beside other work.
BUSY = 3
NO_SOURCE = Price(1.0, 1.0)


@dataclass(frozen=True, slots=True)
class Side:
    """What one of the two models is asked, and its price, None where it is unknown."""

    role: Role
    model: ModelName
    found: Estimate
    price: Price | None

    @property
    def is_free(self) -> bool:
        """Whether it surely costs nothing."""
        return self.price is not None and self.price.is_free

    @property
    def is_here(self) -> bool:
        """Whether this computer answers."""
        return self.model.provider == "local"

    @property
    def dearest_call(self) -> float:
        """USD that the spending limit keeps aside for one call, about."""
        if self.price is None or not self.found.open:
            return 0.0
        return (self.found.cost or PriceRange(0.0, 0.0)).high / self.found.open

    def sentence(self) -> str:
        """Calls, tokens and price of this side."""
        found, short = self.found, self.model.model.rsplit("/", 1)[-1]
        if not found.open:
            return f"{self.role.capitalize()} {short}: nothing to send, all answers are there."
        return f"{self.role.capitalize()} {short}: {tokens_of([self])}; {self._price_words()}."

    def _price_words(self) -> str:
        if self.price is None:
            return "price unknown"
        return estimate_words(*(self.found.cost or (0.0, 0.0)), self.price)


@dataclass(frozen=True, slots=True)
class Quote:
    """What a launch takes in all."""

    sides: tuple[Side, ...]

    @property
    def calls(self) -> int:
        """How many requests are still to be sent."""
        return sum(side.found.open for side in self.sides)

    @property
    def there(self) -> int:
        """How many answers are there already."""
        return sum(side.found.planned - side.found.open for side in self.sides)

    @property
    def cost(self) -> PriceRange:
        """USD of what has a known price."""
        costs = [side.found.cost for side in self.sides if side.found.cost]
        return PriceRange(sum(cost.low for cost in costs), sum(cost.high for cost in costs))

    @property
    def unknown(self) -> list[Side]:
        """The sides that are asked something at an unknown price."""
        return [side for side in self.sides if side.price is None and side.found.open]

    @property
    def is_free(self) -> bool:
        """Whether it surely costs nothing."""
        return all(side.is_free for side in self.sides)

    def price_words(self) -> str:
        """What it costs in all."""
        paid = [side for side in self.sides if side.price and not side.is_free and side.found.open]
        if not paid:
            return "price unknown" if self.unknown else self._free_words()
        words = estimate_words(*self.cost, NO_SOURCE)
        if not self.unknown:
            return words
        return f"{words} for the {paid[0].role}, the {self.unknown[0].role}'s price is unknown"

    def _free_words(self) -> str:
        asked = [side for side in self.sides if side.price and side.found.open]
        return estimate_words(0.0, 0.0, asked[0].price) if asked else "free"

    def headline(self) -> str:
        """Price, calls and time in one line."""
        if not self.calls:
            return f"Nothing to send: all {counted(self.there, 'answer')} are there."
        what = counted(self.calls, "answer" if self.is_free else "call")
        there = f", {self.there:,} there already" if self.there else ""
        return f"{sentence_case(self.price_words())} · {what}{there} · {self.time()}"

    def time(self) -> str:
        """About how long it takes, one side after the other; a span where other work here slows it down."""
        seconds = sum(side.found.seconds for side in self.sides)
        return took(seconds, here=any(side.is_here for side in self.sides if side.found.open))

    def details(self) -> list[str]:
        """The sides in sentences; one for both where nothing is paid."""
        if not self.calls:
            return []
        if not self.is_free:
            return [side.sentence() for side in self.sides]
        each = " and ".join(f"{side.found.open} by the {side.role}" for side in self.sides)
        return [f"{each}; {tokens_of(self.sides, calls=False)}."]

    def limit_words(self, budget: float | None) -> tuple[bool, str]:
        """Whether a limit ends the job before its time, and what to expect; nothing to say is ""."""
        if budget is None or self.unknown or not self.calls or self.is_free:
            return False, ""
        if budget >= self.cost.high:
            return False, f"Stops before more than {money(budget)} is spent; finished answers are kept."
        dearest = max(side.dearest_call for side in self.sides)
        if budget < dearest:
            return True, (
                f"Not one call fits: about {money(dearest)} is kept aside for each, as much as its longest "
                f"answer costs. At {money(budget)} the job stops at once."
            )
        if budget < self.cost.low:
            return True, (
                f"It will stop early: {money(budget)} is less than even short answers cost, so there will "
                "be fewer pairs. Finished answers are kept, and with a higher limit you can go on."
            )
        return False, "It stops early if answers are long; then finished ones are kept, and you can go on."

    def sensible_limit(self) -> float | None:
        """The high estimate rounded up; None where nothing is paid or a price is unknown."""
        high = self.cost.high
        return None if self.unknown or not high else rounded_up(high)


def tokens_of(sides: Sequence[Side], *, calls: bool = True) -> str:
    """Calls and tokens of some sides together."""
    asked = counted(sum(side.found.open for side in sides), "call") + ", " if calls else ""
    ingoing = sum(side.found.prompt_tokens for side in sides)
    most = sum(side.found.completion_tokens for side in sides)
    return f"{asked}about {ingoing:,} tokens in, at most {most:,} out"


def sentence_case(text: str) -> str:
    """The text with a capital in front, the rest as it is."""
    return text[:1].upper() + text[1:]


def rough(seconds: float) -> str:
    """A time that claims no more than an estimate can: in minutes, then hours."""
    if seconds < MINUTE:
        return "under a minute"
    step = MINUTE if seconds < 2 * HOUR else HOUR / 2
    return f"about {duration(round(seconds / step) * step)}"


def took(seconds: float, *, here: bool) -> str:
    """About how long something takes; on this computer a span, since other work slows it down."""
    return span(seconds) if here else rough(seconds)


def span(seconds: float) -> str:
    """A time on this computer: from what it takes while nothing else runs, to `BUSY` times that."""
    if BUSY * seconds < MINUTE:
        return "under a minute"
    unit, word = (MINUTE, "min") if BUSY * seconds < 2 * HOUR else (HOUR, "h")
    low = max(1, round(seconds / unit))
    return f"{low} to {max(low + 1, math.ceil(BUSY * seconds / unit))} {word}"


def rounded_up(usd: float) -> float:
    """An amount as one would choose it: to ten cents, then dollars, then tens."""
    step = 0.1 if usd < 1 else 1 if usd < 20 else 10 if usd < 1000 else 100
    return round(math.ceil(round(usd / step, 6)) * step, 2)
