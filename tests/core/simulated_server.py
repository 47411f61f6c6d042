"""A provider in virtual time: latencies, hidden limits and troubles, as an engine.

`Server(...)` counts what it was asked, how many were under way at once over time, and what it refused.
`await drive(server, rows)` asks it for that many rows and returns what came of it, a `Drive`.
"""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from core.bulk import Bulk, Request, answer_all
from core.bulk.pace import Bounds, Pace
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
    others: int = 0
    knows_n: bool = False
    latencies: list[float] = field(default_factory=list)
    usage: Usage = field(default_factory=lambda: Usage(10, 5))
    cost_usd: float | None = None

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
        self.latencies.append(self.median_s * math.exp(self.chance.gauss(0, self.sigma)) * slow)
        return self.latencies[-1]

    def busy(self) -> tuple[float, float]:
        """The time, and the seconds that requests were under way until now, added up."""
        self._count(0)
        return self.since, self.area

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
        return self.limit is None or self.under_way + self.others < self.limit

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
        return Completion("fine", "stop", usage=self.usage, cost_usd=self.cost_usd)

    async def complete_several(
        self, messages: Sequence[Message], sampling: Sampling, count: int
    ) -> list[Completion]:
        answer = await self.complete(messages, sampling)
        return [answer] * (count if self.knows_n else 1)

    async def close(self) -> None:
        pass


# ---- a job against it

ASKED = (Message("user", "Hello?"),)


def adaptive(ceiling: int = 64, start: int = 20, **changes: Any) -> Bulk:
    """A job that learns its limit, with jitter from a seed."""
    return Bulk(pace=Pace(Bounds(start, ceiling)), chance=random.Random(7), **changes)


def fixed(at_once: int, **changes: Any) -> Bulk:
    """A job with that many at once, always."""
    return Bulk(pace=Pace(Bounds(ceiling=at_once, adaptive=False)), chance=random.Random(7), **changes)


@dataclass
class Drive:
    """What came of a job: results by row, how many rows were open at most, and when the plan was drawn."""

    server: Server
    bulk: Bulk
    results: dict[int, Completion | EngineError] = field(default_factory=dict)
    drawn: int = 0
    most_open: int = 0
    most_limit: int = 0
    twice: int = 0
    all_drawn: tuple[float, float] = (0.0, 0.0)
    began: float = 0.0
    seconds: float = 0.0
    at_row: dict[int, tuple[float, float]] = field(default_factory=dict)

    def source(self, rows: int) -> Iterator[Request[int]]:
        """The plan, noting how it is drawn."""
        for number in range(rows):
            self.drawn += 1
            self.most_open = max(self.most_open, self.drawn - len(self.results))
            if number % 100 == 0:
                self.at_row[number] = self.server.busy()
            yield Request(number, ASKED, Sampling(max_tokens=100, seed=number))
        self.all_drawn = self.server.busy()

    def on_done(self, request: Request[int], result: Completion | EngineError) -> None:
        self.twice += request.tag in self.results
        self.results[request.tag] = result
        self.most_limit = max(self.most_limit, int(self.bulk.pace.limit))

    @property
    def failed(self) -> list[EngineError]:
        return [result for result in self.results.values() if isinstance(result, EngineError)]

    def mean_under_way(self, first: int = 500) -> float:
        """How many were under way on average from that row on, while rows were left."""
        (then, before), (now, area) = self.at_row[first], self.all_drawn
        return (area - before) / (now - then)

    def per_second(self, begin: float, end: float) -> float:
        """Answers a second between two times of the job."""
        times = (at - self.began for at in self.server.answered_at)
        return sum(begin <= at < end for at in times) / (end - begin)

    def rests(self) -> bool:
        """Whether nothing is left over: no slot, no reservation."""
        return (self.bulk.pace.in_flight, self.bulk.ledger.reserved_usd, self.server.under_way) == (0, 0, 0)


async def drive(server: Server, rows: int, bulk: Bulk | None = None) -> Drive:
    """Ask for that many rows."""
    made = Drive(server, bulk or adaptive())
    loop = asyncio.get_running_loop()
    made.began = loop.time()
    await answer_all(server, made.source(rows), made.on_done, bulk=made.bulk)
    made.seconds = loop.time() - made.began
    return made


def trouble(kind: str = "transient", status: int | None = 503, **changes: Any) -> EngineError:
    """A failure that may be asked again."""
    return EngineError(f"simulated {kind}", kind=kind, status=status, transient=True, **changes)


def at_times(*changes: tuple[float, str, Any], server: Server) -> None:
    """Set fields of a server after so many seconds."""
    loop = asyncio.get_running_loop()
    for after, name, value in changes:
        loop.call_later(after, setattr, server, name, value)
