"""How large a wish for more prompts is, before anybody clicks. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from app.wording import counted
from core.expansion import LENGTHS, Mix, missing
from core.stages.expansion_plan import IN_ONE_REQUEST, IN_ONE_SMALL_REQUEST, OVER_ASK

Place = Literal["here", "own server", "provider"]

# The embedded model on a laptop's CPU, eight requests at once, and how often it has to be asked:
# about two thirds of what a tiny model writes repeats something and is dropped.
LOCAL_SECONDS_A_REQUEST = 2.0
LOCAL_ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Wish:
    """How many prompts are missing, and about how many requests that takes when most pass."""

    missing: int
    requests: int

    def sentence(self, place: Place) -> str:
        """The size in words, with time and price."""
        if not self.missing:
            return "Every trait has as many already. Raise the number for more."
        calls = counted(self.requests, "request")
        line = f"{counted(self.missing, 'prompt')} to write, about {calls} at first"
        if place == "provider":
            return f"{line}; the provider charges for them. Prompts that repeat others are asked for again."
        if place == "own server":
            return f"{line}; free, on your own server."
        seconds = LOCAL_ROUNDS * self.requests * LOCAL_SECONDS_A_REQUEST
        return f"{line}; roughly {minutes(seconds)} on this computer, free."


def minutes(seconds: float) -> str:
    """A rough time in whole minutes."""
    return counted(max(1, math.ceil(seconds / 60)), "minute")


def wish_for(mixes: Iterable[Mix], per_trait: int, *, small: bool) -> Wish:
    """What is missing until each of these traits has `per_trait` prompts."""
    total = requests = 0
    portions = IN_ONE_SMALL_REQUEST if small else IN_ONE_REQUEST
    for mix in mixes:
        lacking = missing(mix, per_trait)
        total += lacking.total
        requests += sum(math.ceil(lacking.of(length) * OVER_ASK / portions[length]) for length in LENGTHS)
    return Wish(total, requests)
