"""What a job can say about itself while it runs: counts, speed, money, and how the limit moved.

`Figures` is told of every request by the pipeline; `as_dict` is what progress.json carries, and
`history` what the job page draws.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from core.bulk.pace import Bounds, Change, Pace
from core.errors import EngineError
from core.prices import Price
from core.records import Completion
from core.spending import Ledger

SPEED_OVER_S = 10.0


@dataclass(slots=True)
class Figures:
    """The running counts of one stage. `requests` counts everything sent, retries included."""

    requests: int = 0
    retries: int = 0
    answers: int = 0
    failures: int = 0
    rate_limited: int = 0
    waiting: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    cached_tokens: int = 0
    maybe_billed: int = 0
    seconds: float = 0.0
    left_out: str = ""
    reasons: dict[str, int] = field(default_factory=dict[str, int])
    served: dict[str, int] = field(default_factory=dict[str, int])
    _pace: Pace = field(default_factory=lambda: Pace(Bounds()), repr=False)
    _ledger: Ledger = field(default_factory=lambda: Ledger(None), repr=False)
    _price: Price | None = field(default=None, repr=False)
    _begun: float = 0.0
    _marks: deque[tuple[float, int]] = field(default_factory=deque[tuple[float, int]], repr=False)

    def begin(self, now: float, pace: Pace, ledger: Ledger, price: Price | None) -> None:
        """Note when the stage began and whose limit and money it uses."""
        self._pace, self._ledger, self._price, self._begun = pace, ledger, price, now

    @property
    def knows_cost(self) -> bool:
        """Whether anything can be said about money: a price is known, or the provider told one."""
        return self._price is not None or self._ledger.spent_usd > 0

    def end(self, now: float) -> None:
        """Note how long it took."""
        self.seconds = now - self._begun

    def sent(self, *, again: bool) -> None:
        """A request left."""
        self.requests += 1
        self.retries += again

    def resent(self, times: int) -> None:
        """An engine sent a request again by itself."""
        self.requests += times
        self.retries += times

    def answered(self, completion: Completion) -> None:
        """An answer came."""
        usage = completion.usage
        self.answers += 1
        self.tokens_in += usage.prompt or 0
        self.tokens_out += usage.completion or 0
        self.cached_tokens += usage.cached or 0
        name = completion.served_model
        if name:
            self.served[name] = self.served.get(name, 0) + 1

    def troubled(self, error: EngineError) -> None:
        """A request brought no answer; it may be asked again."""
        self.rate_limited += error.kind == "rate_limited"
        if error.maybe_billed:
            self.doubted()

    def doubted(self) -> None:
        """A request left and its answer never came: it may be billed, unless it was free anyway."""
        self.maybe_billed += not (self._price and self._price.is_free)

    def failed(self, error: EngineError) -> None:
        """A row failed for good."""
        self.failures += 1
        self.reasons[error.kind] = self.reasons.get(error.kind, 0) + 1

    def speed(self, now: float) -> float:
        """Answers a second over the last ten seconds."""
        self._marks.append((now, self.answers))
        while len(self._marks) > 2 and self._marks[1][0] <= now - SPEED_OVER_S:
            self._marks.popleft()
        then, before = self._marks[0]
        if now <= then:
            then, before = self._begun, 0
        return (self.answers - before) / max(now - then, 1e-9)

    def as_dict(self, now: float) -> dict[str, Any]:
        """The figures as progress.json carries them; money is null where nothing is known of it."""
        ledger, pace = self._ledger, self._pace
        return {
            "requests": self.requests,
            "retries": self.retries,
            "rate_limited": self.rate_limited,
            "in_flight": pace.in_flight,
            "waiting": self.waiting,
            "limit": int(pace.limit),
            "ceiling": pace.bounds.ceiling,
            "rate_cap": None if pace.rate is None else round(pace.rate, 2),
            "per_second": round(self.speed(now), 2),
            "tokens_in": self.tokens_in,
            "tokens_out": self.tokens_out,
            "cached_tokens": self.cached_tokens,
            "cost_usd": round(ledger.spent_usd, 6) if self.knows_cost else None,
            "budget_usd": ledger.budget_usd,
            "maybe_double_billed": self.maybe_billed,
            "maybe_usd": None if self._price is None else round(ledger.maybe_usd, 6),
            "reasons": dict(self.reasons),
        }

    def changes(self) -> list[Change]:
        """The changes of the limit since this was last asked, oldest first."""
        found = list(self._pace.changes)
        self._pace.changes.clear()
        return found


def history_row(
    figures: dict[str, Any], *, stage: str, done: int, failed: int, why: str = ""
) -> dict[str, Any]:
    """One row of a job's history.jsonl."""
    names = ("limit", "in_flight", "rate_cap", "per_second", "cost_usd")
    shared = {name: figures[name] for name in names}
    return {"at": time.time(), "stage": stage, **shared, "done": done, "failed": failed, "why": why}
