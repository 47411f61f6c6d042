"""The pipeline: slots that are always full, and rows that wait for their retry outside of them.

A slot is a coroutine that asks, settles the outcome, and takes the next row at once: a retry whose time
has come before a fresh one. A row that must wait gives its slot back. Fresh rows are only drawn while
few are open, so an outage cannot pull the whole plan into memory.

What ends a job early: an error that no row can survive (a wrong key), `HOPELESS_ROWS` rows in a row
that failed for good, a spent budget, and whatever `on_done` raises (a full disk).
"""

from __future__ import annotations

import asyncio
import heapq
import random
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

from core.bulk.figures import Figures
from core.bulk.pace import Bounds, Pace
from core.bulk.retries import Patience, RetryBudget, pause
from core.engines import Engine
from core.errors import EngineError
from core.prices import Price
from core.records import Completion, Message, Sampling
from core.spending import Ledger

Tag = TypeVar("Tag")

# Rows that failed for good, one after the other without a single answer: it is not the rows' fault.
HOPELESS_ROWS = 25
# A wrong key or model is found out by one request within this time, before the others leave.
HEAD_START_S = 0.1
# At least, in any language: English has four or more, Chinese three bytes a sign and up to 1.5 tokens.
BYTES_A_TOKEN = 2.0


@dataclass(frozen=True, slots=True)
class Request(Generic[Tag]):
    """One thing to ask; `tag` comes back with the answer."""

    tag: Tag
    messages: tuple[Message, ...]
    sampling: Sampling


OnDone = Callable[[Request[Tag], Completion | EngineError], None]


@dataclass(slots=True)
class Bulk:
    """How to ask: limits, patience, money, and the figures that are kept. All have sensible defaults.

    `warm_first` keeps the others back until the first request is answered, so that a local server's
    prompt cache is warm for the rest. `price` is only needed with a budget; `None` there means that only
    the provider's own cost counts, known when an answer is there, so what is under way may exceed it.
    """

    pace: Pace = field(default_factory=lambda: Pace(Bounds()))
    patience: Patience = field(default_factory=Patience)
    ledger: Ledger = field(default_factory=lambda: Ledger(None))
    price: Price | None = None
    warm_first: bool = False
    samples_at_once: int = 1
    figures: Figures = field(default_factory=Figures)
    chance: random.Random = field(default_factory=random.Random)


async def answer_all(
    engine: Engine,
    requests: Iterable[Request[Tag]],
    on_done: OnDone[Tag],
    *,
    concurrency: int | None = None,
    bulk: Bulk | None = None,
) -> Bulk:
    """Answer every request, handing each result to `on_done` as it lands; returns the figures kept.

    `concurrency` alone means that many at once, always. Raises the EngineError that stops the job,
    after the requests under way were cancelled; results handed over before stay. When the budget is
    spent it returns early, and `figures.left_out` says so.
    """
    if bulk is None:
        bulk = Bulk(pace=Pace(Bounds(ceiling=concurrency or 10, adaptive=False)), warm_first=True)
    await _Pipeline(engine, requests, on_done, bulk).run()
    return bulk


class _Row(Generic[Tag]):
    """A row that is open: one request, or several samples of one that are asked for together."""

    __slots__ = ("asked", "kind", "level", "requests", "reserved", "sent_at", "since", "useless")

    def __init__(self, requests: Sequence[Request[Tag]]) -> None:
        self.requests = requests
        self.asked = 0
        self.useless = 0
        # The last trouble, and since when the row has met nothing else.
        self.kind = ""
        self.since = 0.0
        self.level = 0
        self.sent_at = 0.0
        self.reserved = 0.0


class _Pipeline(Generic[Tag]):
    def __init__(
        self, engine: Engine, requests: Iterable[Request[Tag]], on_done: OnDone[Tag], bulk: Bulk
    ) -> None:
        self._engine = engine
        self._source = iter(requests)
        self._on_done = on_done
        self._bulk = bulk
        self._pace = bulk.pace
        self._figures = bulk.figures
        self._retries = RetryBudget()
        self._fresh_left = True
        self._ahead: Request[Tag] | None = None
        self._waiting: list[tuple[float, int, _Row[Tag]]] = []
        self._ready: deque[_Row[Tag]] = deque()
        self._slots: set[asyncio.Task[None]] = set()
        self._under_way: set[_Row[Tag]] = set()
        self._open = 0
        self._number = 0
        self._hopeless = 0
        self._alone = True
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = float("inf")
        self._samples_at_once = bulk.samples_at_once

    async def run(self) -> None:
        """Until every row is settled, or one outcome ends it all."""
        self._loop = asyncio.get_running_loop()
        self._over: asyncio.Future[None] = self._loop.create_future()
        self._figures.begin(self._loop.time(), self._pace, self._bulk.ledger, self._bulk.price)
        head_start = self._loop.call_later(HEAD_START_S, self._end_head_start)
        if self._bulk.warm_first:
            head_start.cancel()
        try:
            self._wake()
            await self._over
        finally:
            head_start.cancel()
            await self._clean_up()

    async def _clean_up(self) -> None:
        if self._timer:
            self._timer.cancel()
        slots = list(self._slots)
        for slot in slots:
            slot.cancel()
        try:
            await asyncio.gather(*slots, return_exceptions=True)
        finally:
            self._give_up_what_is_under_way()
            self._figures.waiting = 0
            self._figures.end(self._loop.time())

    def _give_up_what_is_under_way(self) -> None:
        """It was sent, and nobody waits for its answer any more: it may be billed all the same."""
        for row in self._under_way:
            self._pace.neutral()
            self._figures.doubted()
            self._bulk.ledger.doubt(row.reserved, row.reserved)
        self._under_way.clear()

    def _end_head_start(self) -> None:
        self._alone = False
        self._wake()

    # ---- slots

    def _fill(self) -> None:
        """Open as many slots as the limit allows and rows are there for."""
        while self._may_open():
            row = self._next_row()
            if row is None:
                return
            self._send(row)
            slot = self._loop.create_task(self._work(row))
            self._slots.add(slot)
            slot.add_done_callback(self._slots.discard)

    def _may_open(self) -> bool:
        if self._over.done() or (self._alone and self._under_way):
            return False
        # One may always go, or a limit that others use up would end this job's wakings for good.
        return self._pace.free > 0 or not self._under_way

    async def _work(self, row: _Row[Tag]) -> None:
        """One slot: ask, settle, go on with the next row until there is none or the limit fell."""
        following: _Row[Tag] | None = row
        try:
            while following is not None:
                was_alone = self._alone
                outcome = await self._ask(following)
                self._settle(following, outcome)
                following = self._next_row() if self._may_open() else None
                if following is not None:
                    self._send(following)
                    if self._pace.free > 0:
                        self._open_more(at_once=was_alone)
        except BaseException as error:
            # A cancelled one too: where it is not ours (the job is not over), its row would be lost.
            self._stop(error)
        self._end_if_done()

    def _open_more(self, *, at_once: bool) -> None:
        """The limit lies above what is under way: open the slots, after a moment where it just grew."""
        stagger = 0.0 if at_once or not self._pace.bounds.adaptive else self._pace.stagger
        if stagger:
            self._wake_in(stagger, self._loop.time())
        else:
            self._fill()

    async def _ask(self, row: _Row[Tag]) -> list[Completion] | EngineError:
        first = row.requests[0]
        try:
            if len(row.requests) == 1:
                return [await self._engine.complete(first.messages, first.sampling)]
            return await self._engine.complete_several(first.messages, first.sampling, len(row.requests))
        except EngineError as error:
            return error

    def _stop(self, error: BaseException) -> None:
        if not self._over.done():
            self._over.set_exception(error)

    def _end_if_done(self) -> None:
        if not self._open and not self._fresh_left and not self._over.done():
            self._over.set_result(None)

    # ---- which row is next

    def _next_row(self) -> _Row[Tag] | None:
        """A retry whose time has come, else a fresh row; None when it is better to wait."""
        now = self._loop.time()
        if (wait := self._pace.wait(now)) > 0:
            return self._wake_in(wait, now)
        self._collect_due(now)
        row = self._a_retry(now) or self._a_fresh_row()
        if row is None or self._afford(row):
            return row
        # Not even this one is affordable now: it waits until what is under way has settled.
        self._ready.appendleft(row)
        self._retries.give_back(row.asked > 0)
        if not self._under_way:
            self._leave_out()
        return None

    def _a_retry(self, now: float) -> _Row[Tag] | None:
        if not self._ready:
            return None
        row = self._ready[0]
        if row.asked and (wait := self._retries.spend(now)) > 0:
            return self._wake_in(wait, now)
        self._figures.waiting -= 1
        return self._ready.popleft()

    def _a_fresh_row(self) -> _Row[Tag] | None:
        # Rows that wait for a retry are open too: without this bound an outage would open them all.
        if not self._fresh_left or self._open >= 4 * self._pace.limit + 16:
            return None
        requests = self._draw()
        if not requests:
            self._fresh_left = False
            return None
        self._open += 1
        return _Row(requests)

    def _draw(self) -> list[Request[Tag]]:
        """The next request, with those that follow it and ask the same when several go at once."""
        first = self._ahead or next(self._source, None)
        self._ahead = None
        drawn = [first] if first is not None else []
        while drawn and len(drawn) < self._samples_at_once:
            self._ahead = next(self._source, None)
            if self._ahead is None or not _same_but_for_seed(drawn, self._ahead):
                break
            drawn.append(self._ahead)
            self._ahead = None
        return drawn

    def _collect_due(self, now: float) -> None:
        while self._waiting and self._waiting[0][0] <= now:
            self._ready.append(heapq.heappop(self._waiting)[2])
        self._figures.waiting = len(self._waiting) + len(self._ready)
        if self._waiting:
            self._wake_in(self._waiting[0][0] - now, now)

    def _wake_in(self, wait: float, now: float) -> None:
        """Look again after `wait` seconds, or earlier if that was asked for before."""
        at = now + wait
        if self._timer and self._timer_at <= at:
            return
        if self._timer:
            self._timer.cancel()
        self._timer_at = at
        self._timer = self._loop.call_at(at, self._wake)

    def _wake(self) -> None:
        if self._timer:
            self._timer.cancel()
        self._timer, self._timer_at = None, float("inf")
        try:
            self._fill()
        except BaseException as error:
            self._stop(error)
        self._end_if_done()

    # ---- money

    def _afford(self, row: _Row[Tag]) -> bool:
        """Reserve the most that the row can cost."""
        ledger, price = self._bulk.ledger, self._bulk.price
        if price is None:
            # All that can be seen is whether something is left.
            ledger.exhausted = ledger.exhausted or ledger.left_usd == 0
            return ledger.left_usd != 0
        most = _most(price, row.requests)
        affordable = ledger.reserve(most)
        row.reserved = most if affordable else 0.0
        return affordable

    def _leave_out(self) -> None:
        """The budget is spent: what is not asked yet stays for another run."""
        self._figures.left_out = "budget"
        self._fresh_left = False
        self._open = 0
        self._ready.clear()
        self._waiting.clear()
        self._figures.waiting = 0
        self._end_if_done()

    def _pay(self, row: _Row[Tag], completions: Sequence[Completion]) -> None:
        costs = [self._cost(completion) for completion in completions]
        known = sum(cost for cost in costs if cost is not None)
        reserved, row.reserved = row.reserved, 0.0
        self._bulk.ledger.charge(reserved, known)
        if reserved and None in costs:
            # The answer says not what it took: what it may have cost counts, or the limit would not hold.
            self._bulk.ledger.doubt(0.0, max(0.0, reserved - known))

    def _cost(self, completion: Completion) -> float | None:
        if completion.cost_usd is not None or self._bulk.price is None:
            return completion.cost_usd
        return self._bulk.price.of(completion.usage)

    def _pay_nothing(self, row: _Row[Tag], error: EngineError) -> None:
        reserved, row.reserved = row.reserved, 0.0
        # Under HTTP 200 something was generated, be it of no use: an empty text, or only reasoning.
        if error.maybe_billed or error.status == 200:
            self._bulk.ledger.doubt(reserved, reserved)
        else:
            self._bulk.ledger.release(reserved)

    # ---- how a row went

    def _send(self, row: _Row[Tag]) -> None:
        now = self._loop.time()
        row.asked += 1
        row.sent_at = now
        self._under_way.add(row)
        row.level = self._pace.sent(now)
        self._figures.sent(again=row.asked > 1)

    def _settle(self, row: _Row[Tag], outcome: list[Completion] | EngineError) -> None:
        now = self._loop.time()
        self._alone = False
        self._under_way.discard(row)
        if isinstance(outcome, EngineError):
            self._tell_pace(row, outcome, now)
            self._pay_nothing(row, outcome)
            self._figures.troubled(outcome)
            self._fail(row, outcome, now)
            return
        self._pace.taken(row.level, now, row.sent_at)
        self._retries.earn()
        self._pay(row, outcome)
        self._hopeless = 0
        self._hand_over(row, outcome)

    def _hand_over(self, row: _Row[Tag], completions: Sequence[Completion]) -> None:
        for request, completion in zip(row.requests, completions, strict=False):
            cost = self._cost(completion)
            if row.asked > 1 or cost != completion.cost_usd:
                attempts = row.asked + completion.attempts - 1
                completion = replace(completion, attempts=attempts, cost_usd=cost)
            self._figures.answered(completion)
            self._on_done(request, completion)
        # An engine may have sent a request again by itself, where a kept connection turned out closed.
        self._figures.resent(completions[0].attempts - 1)
        self._open -= 1
        missing = row.requests[len(completions) :]
        if missing:
            # The server was asked for several samples and gave fewer: it does not know how.
            self._samples_at_once = 1
            self._open += len(missing)
            self._ready.extend(_Row([request]) for request in missing)

    def _tell_pace(self, row: _Row[Tag], error: EngineError, now: float) -> None:
        if error.kind == "rate_limited":
            self._pace.refused(row.level, now, row.sent_at)
        elif error.kind in ("timeout", "connection", "unreachable"):
            self._pace.unanswered(now)
        elif error.kind == "transient":
            self._pace.troubled(now)
        else:
            self._pace.neutral()

    def _fail(self, row: _Row[Tag], error: EngineError, now: float) -> None:
        if error.stops_job:
            error.attempts = row.asked
            raise error
        if error.transient and self._has_patience(row, error, now):
            self._wait_for_retry(row, error, now)
            return
        error.attempts = row.asked
        self._hopeless += 1
        for request in row.requests:
            self._figures.failed(error)
            self._on_done(request, error)
        self._open -= 1
        if self._hopeless >= HOPELESS_ROWS or error.kind == "unreachable":
            raise _hopeless(error, self._hopeless)

    def _has_patience(self, row: _Row[Tag], error: EngineError, now: float) -> bool:
        patience = self._bulk.patience
        if error.kind != row.kind:
            row.kind, row.since = error.kind, now
        if error.kind == "rate_limited":
            return now - row.since < patience.refused_s
        # Somebody was there before: a restart takes minutes, and is no fault of the row.
        if error.kind == "unreachable" and self._figures.answers:
            return now - row.since < patience.unreachable_s
        row.useless += 1
        return row.useless < (
            min(3, patience.attempts) if error.kind == "unreachable" else patience.attempts
        )

    def _wait_for_retry(self, row: _Row[Tag], error: EngineError, now: float) -> None:
        seconds = pause(
            row.asked,
            error.retry_after_s,
            first_s=self._bulk.patience.first_pause_s,
            chance=self._bulk.chance,
        )
        self._number += 1
        heapq.heappush(self._waiting, (now + seconds, self._number, row))
        self._wake_in(seconds, now)
        self._figures.waiting = len(self._waiting) + len(self._ready)


def _same_but_for_seed(drawn: Sequence[Request[Tag]], other: Request[Tag]) -> bool:
    """Whether `other` is the next sample of the same request: seeds count up, as servers count them."""
    first = drawn[0]
    seed = first.sampling.seed
    expected = first.sampling if seed is None else replace(first.sampling, seed=seed + len(drawn))
    return other.messages == first.messages and other.sampling == expected


def _most(price: Price, requests: Sequence[Request[Tag]]) -> float:
    messages = requests[0].messages
    tokens = sum(len(message.content.encode(errors="replace")) / BYTES_A_TOKEN + 10 for message in messages)
    return price.most(round(tokens) + 50, requests[0].sampling.max_tokens * len(requests))


def _hopeless(error: EngineError, rows: int) -> EngineError:
    what = "No server answers any more" if error.kind == "unreachable" else f"{rows} rows in a row failed"
    return EngineError(
        f"{what}; stopped before more are spent. The last reason: {error} "
        "Finished rows are kept; run the same command again to go on.",
        kind=error.kind,
        stops_job=True,
        status=error.status,
        attempts=error.attempts,
    )
