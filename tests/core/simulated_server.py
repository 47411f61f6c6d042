"""A provider in virtual time: latencies, hidden limits and troubles, as an engine.

`Server(...)` counts what it was asked, how many were under way at once over time, and what it refused.
"""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from core.errors import EngineError
from core.records import Completion, Identity, Message, Sampling, Usage


@dataclass
class Server:
    """`limit` at once, `rate` a second (token bucket of `burst`); None is no limit."""

    limit: int | None = None
    rate: float | None = None
    burst: float = 1.0
    median_s: float = 0.2
    sigma: float = 0.8
    stragglers: float = 0.01
    seed: int = 1
    fault: Callable[[int, float], EngineError | None] = lambda number, now: None
    retry_after_s: float | None = None
    refusal_s: float = 0.002
    name: str = "simulated"
    model: str = "m"
    can_prefill: bool = False
    samples_at_once: bool = False
    identity: Identity = field(default_factory=lambda: Identity("simulated"))
    log: list[tuple[float, int, bool]] = field(default_factory=list)
    answered_at: list[float] = field(default_factory=list)
    under_way: int = 0
    area: float = 0.0
    since: float = 0.0

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self.tokens = self.burst
        self.refilled = 0.0

    @property
    def requests(self) -> int:
        return len(self.log)

    @property
    def refused(self) -> int:
        return sum(not taken for _, _, taken in self.log)

    def latency(self) -> float:
        slow = 20.0 if self.chance.random() < self.stragglers else 1.0
        return self.median_s * math.exp(self.chance.gauss(0, self.sigma)) * slow

    def _count(self, change: int) -> None:
        now = asyncio.get_running_loop().time()
        self.area += self.under_way * (now - (self.since or now))
        self.since = now
        self.under_way += change

    def _takes(self, now: float) -> bool:
        if self.rate is not None:
            self.tokens = min(self.burst, self.tokens + (now - (self.refilled or now)) * self.rate)
            self.refilled = now
            if self.tokens < 1:
                return False
            self.tokens -= 1
        return self.limit is None or self.under_way < self.limit

    async def complete(self, messages: Sequence[Message], sampling: Sampling) -> Completion:
        now = asyncio.get_running_loop().time()
        taken = self._takes(now)
        self.log.append((now, self.under_way, taken))
        number = len(self.log)
        if not taken:
            await asyncio.sleep(self.refusal_s)
            raise EngineError(
                "HTTP 429",
                kind="rate_limited",
                status=429,
                transient=True,
                retry_after_s=self.retry_after_s,
            )
        self._count(1)
        try:
            error = self.fault(number, now)
            await asyncio.sleep(0.01 if error else self.latency())
            if error:
                raise error
        finally:
            self._count(-1)
        self.answered_at.append(asyncio.get_running_loop().time())
        return Completion("fine", "stop", usage=Usage(10, 5))

    async def complete_several(
        self, messages: Sequence[Message], sampling: Sampling, count: int
    ) -> list[Completion]:
        return [await self.complete(messages, sampling)]

    async def close(self) -> None:
        pass
