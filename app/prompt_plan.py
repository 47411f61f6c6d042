"""How large a wish for more prompts is, before anybody clicks. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from app.wording import counted, duration
from core.expansion import LENGTHS, Mix, missing
from core.stages.expansion_plan import IN_ONE_REQUEST, IN_ONE_SMALL_REQUEST, OVER_ASK

# Measured on a laptop's CPU with the embedded model, eight requests at once.
LOCAL_SECONDS_A_REQUEST = 1.5


@dataclass(frozen=True, slots=True)
class Wish:
    """How many prompts are missing, and about how many requests that takes when most pass."""

    missing: int
    requests: int

    def sentence(self, *, local: bool) -> str:
        """The size in words, with time and price."""
        if not self.missing:
            return "Every trait has as many already. Raise the number for more."
        calls = counted(self.requests, "request")
        line = f"{counted(self.missing, 'prompt')} to write, about {calls} at first"
        if not local:
            return f"{line}; the provider charges for them. Prompts that repeat others are asked for again."
        # Small models are asked again and again: half of what they write is dropped.
        spent = duration(10 * math.ceil(3 * self.requests * LOCAL_SECONDS_A_REQUEST / 10))
        return f"{line}; up to {spent} on this computer, free."


def wish_for(mixes: Iterable[Mix], per_trait: int, *, small: bool) -> Wish:
    """What is missing until each of these traits has `per_trait` prompts."""
    total = requests = 0
    portions = IN_ONE_SMALL_REQUEST if small else IN_ONE_REQUEST
    for mix in mixes:
        lacking = missing(mix, per_trait)
        total += lacking.total
        requests += sum(math.ceil(lacking.of(length) * OVER_ASK / portions[length]) for length in LENGTHS)
    return Wish(total, requests)
