"""What a stand-in server shall do: latencies, hidden limits, faults. Pure, and fixed by one seed.

A request's latency is a function of (seed, body, attempt for that body), so that the same latencies
can be replayed offline (`latency_of`), whatever the order in which a client sent them.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Any

from tests.load_server.faults import Fault, rate_limited

Script = Callable[[int, dict[str, Any], int], Fault | None]

_NORMAL = NormalDist()
_WIDTH = 2.0**-64


@dataclass(frozen=True, slots=True)
class Latency:
    """Log-normal with this median; `sigma` 0 is constant. A share of requests takes `factor` as long."""

    median_s: float = 0.0
    sigma: float = 0.0
    straggler_share: float = 0.0
    straggler_factor: float = 1.0

    def draw(self, first: float, second: float) -> float:
        """The latency for two numbers between 0 and 1."""
        seconds = self.median_s
        if self.sigma and seconds:
            seconds *= math.exp(self.sigma * _NORMAL.inv_cdf(min(max(first, 1e-12), 1 - 1e-12)))
        return seconds * self.straggler_factor if second < self.straggler_share else seconds


@dataclass(frozen=True, slots=True)
class Storm:
    """A time in which everyone gets `fault`: seconds since the first request, or requests by number."""

    from_s: float = math.inf
    for_s: float = 0.0
    first: int = 0
    last: int = -1
    fault: Fault = field(default_factory=rate_limited)

    def rages(self, number: int, since_first_s: float) -> bool:
        """Whether it hits this request."""
        return self.first <= number <= self.last or 0 <= since_first_s - self.from_s < self.for_s


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything a server does. `concurrency` and `rate` are hidden: beyond them the answer is 429.

    `faults` are (share, fault) of all attempts; `script` is asked first, with the request's number
    (from 1), its body and its attempt (from 1). `burst` is the bucket of `rate`, a quarter second of it
    by default. `keep_bodies` keeps bodies and headers in the log.
    """

    seed: int = 0
    latency: Latency = field(default_factory=Latency)
    concurrency: int | None = None
    rate: float | None = None
    burst: float | None = None
    retry_after: str | None = None
    faults: tuple[tuple[float, Fault], ...] = ()
    script: Script | None = None
    storms: tuple[Storm, ...] = ()
    answer_chars: int = 240
    served_model: str | None = None
    honours_n: bool = True
    prefix_cache: bool = False
    cost_usd: float | None = None
    keep_bodies: bool = False

    @property
    def bucket(self) -> float:
        """How many requests may come at once under `rate`."""
        return self.burst if self.burst is not None else max(1.0, (self.rate or 0.0) / 4)


def numbers(seed: int, sha: str, attempt: int) -> tuple[float, float, float]:
    """Three numbers between 0 and 1 that this attempt always gets."""
    digest = hashlib.blake2b(f"{seed} {sha} {attempt}".encode(), digest_size=24).digest()
    parts = (digest[0:8], digest[8:16], digest[16:24])
    first, second, third = (int.from_bytes(part, "little") * _WIDTH for part in parts)
    return first, second, third


def latency_of(plan: Plan, sha: str, attempt: int = 1) -> float:
    """The latency of one attempt at a body, before what a fault makes of it."""
    first, second, _ = numbers(plan.seed, sha, attempt)
    return plan.latency.draw(first, second)


def fault_of(
    plan: Plan, number: int, body: dict[str, Any], attempt: int, since_first_s: float, third: float
) -> Fault | None:
    """The fault of a request: a storm's, else the script's, else one of the shares' by its number."""
    for storm in plan.storms:
        if storm.rages(number, since_first_s):
            return storm.fault
    if plan.script is not None and (found := plan.script(number, body, attempt)) is not None:
        return found
    below = 0.0
    for share, fault in plan.faults:
        below += share
        if third < below:
            return fault
    return None
