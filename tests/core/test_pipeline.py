"""Every row is settled exactly once and nothing is left over, whatever server, disk and user do."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.bulk import Bulk, Request, answer_all
from core.bulk.pace import Bounds, Pace
from core.errors import EngineError
from core.prices import Price
from core.records import Completion, Message, Sampling, Usage
from core.spending import Ledger
from tests.core.simulated_server import ASKED, Server, adaptive, drive, fixed, trouble
from tests.core.virtual_time import run

PRICE = Price(1e-6, 2e-6)
OUTCOMES = ("fine", "rate_limited", "transient", "timeout", "connection", "empty", "refused", "unreachable")


class Scripted(Server):
    """Each row has its own outcomes, attempt by attempt; beyond its script it is answered."""

    def follow(self, scripts: Sequence[Sequence[str]]) -> Scripted:
        self.scripts = [list(script) for script in scripts]
        return self

    async def complete(self, messages: Sequence[Message], sampling: Sampling) -> Completion:
        script = self.scripts[sampling.seed or 0]
        kind = script.pop(0) if script else "fine"
        await asyncio.sleep(self.chance.uniform(0, 3))
        if kind == "fine":
            return Completion("fine", "stop", usage=Usage(10, 5))
        raise EngineError(
            kind,
            kind=kind,
            transient=kind != "refused",
            status=200 if kind == "empty" else None,
            maybe_billed=kind in ("timeout", "connection"),
        )


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.lists(st.sampled_from(OUTCOMES), max_size=6), min_size=1, max_size=40),
    st.integers(1, 8),
    st.booleans(),
    st.booleans(),
)
def test_every_row_is_settled_exactly_once(
    scripts: list[list[str]], at_once: int, learns: bool, warm: bool
) -> None:
    bulk = Bulk(
        pace=Pace(Bounds(2, at_once, learns)),
        ledger=Ledger(1000.0),
        price=PRICE,
        warm_first=warm,
        chance=random.Random(1),
    )
    seen: Counter[int] = Counter()
    stopped = False

    def on_done(request: Request[int], result: Completion | EngineError) -> None:
        seen[request.tag] += 1

    rows = [Request(number, ASKED, Sampling(max_tokens=9, seed=number)) for number in range(len(scripts))]
    try:
        run(answer_all(Scripted().follow(scripts), rows, on_done, bulk=bulk))
    except EngineError as error:
        stopped = error.stops_job
    figures, ledger = bulk.figures, bulk.ledger
    assert set(seen.values()) <= {1}
    assert stopped or len(seen) == len(scripts)
    assert (bulk.pace.in_flight, ledger.reserved_usd, figures.waiting) == (0, 0, 0)
    assert figures.answers + figures.failures == len(seen)
    assert figures.requests >= len(seen) + figures.retries - len(scripts)


def _rows(count: int) -> list[Request[int]]:
    return [Request(number, ASKED, Sampling(max_tokens=9, seed=number)) for number in range(count)]


def _bulk() -> Bulk:
    return adaptive(8, start=4, ledger=Ledger(100.0), price=PRICE)


def test_a_full_disk_ends_the_job_and_leaves_nothing_over() -> None:
    bulk, kept = _bulk(), []

    def on_done(request: Request[int], result: Completion | EngineError) -> None:
        if len(kept) == 30:
            raise OSError("no space left")
        kept.append(request.tag)

    with pytest.raises(OSError, match="no space"):
        run(answer_all(Server(), _rows(500), on_done, bulk=bulk))
    assert (len(set(kept)), bulk.pace.in_flight, bulk.ledger.reserved_usd) == (30, 0, 0)


@pytest.mark.parametrize("after", [0.0, 0.01, 0.5, 3.0])
def test_a_cancelled_job_leaves_nothing_over_and_counts_what_was_under_way(after: float) -> None:
    bulk, seen = _bulk(), Counter[int]()
    server = Server()

    async def job() -> None:
        asked = answer_all(server, _rows(5000), lambda request, _: seen.update([request.tag]), bulk=bulk)
        task = asyncio.create_task(asked)
        await asyncio.sleep(after)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(job())
    assert set(seen.values()) <= {1}
    assert (bulk.pace.in_flight, bulk.ledger.reserved_usd, server.under_way) == (0, 0, 0)
    assert bulk.figures.maybe_billed == bulk.figures.requests - bulk.figures.answers


@pytest.mark.parametrize("broken_at", [0, 1, 7, 60])
def test_a_plan_that_breaks_ends_the_job(broken_at: int) -> None:
    def plan() -> Iterator[Request[int]]:
        yield from _rows(broken_at)
        raise ValueError("a broken plan")

    bulk = _bulk()
    with pytest.raises(ValueError, match="broken plan"):
        run(answer_all(Server(), plan(), lambda *_: None, bulk=bulk))
    assert (bulk.pace.in_flight, bulk.ledger.reserved_usd) == (0, 0)


@pytest.mark.parametrize("error", [RuntimeError("a defect"), asyncio.CancelledError()])
def test_an_engine_that_breaks_ends_the_job_instead_of_losing_the_row(error: BaseException) -> None:
    class Broken(Server):
        async def complete(self, messages: Sequence[Message], sampling: Sampling) -> Completion:
            if sampling.seed == 20:
                raise error
            return await super().complete(messages, sampling)

    bulk = _bulk()
    with pytest.raises(type(error)):
        run(answer_all(Broken(), _rows(50), lambda *_: None, bulk=bulk))
    assert (bulk.pace.in_flight, bulk.ledger.reserved_usd) == (0, 0)


def test_an_empty_plan_ends_at_once() -> None:
    assert run(drive(Server(), 0)).results == {}


@pytest.mark.parametrize("bulk", [adaptive(), adaptive(warm_first=True)])
def test_a_wrong_key_costs_one_request_when_it_is_answered_quickly(bulk: Bulk) -> None:
    wrong = EngineError("HTTP 401", kind="key", status=401, stops_job=True)
    server = Server(fault=lambda number, now: wrong)
    with pytest.raises(EngineError, match="401"):
        run(drive(server, 100, bulk))
    assert (server.requests, bulk.pace.in_flight) == (1, 0)


def test_warm_first_keeps_the_others_back_until_the_first_answer() -> None:
    server = Server(median_s=5.0, sigma=0.1, stragglers=0)
    run(drive(server, 50, fixed(8, warm_first=True)))
    times = [at for at, _, _ in server.log]
    assert times[1] >= server.answered_at[0]
    assert times[1:8] == [times[1]] * 7
    server = Server(median_s=5.0, sigma=0.1, stragglers=0)
    run(drive(server, 50, fixed(8)))
    assert server.log[7][0] - server.log[0][0] <= 0.2


@pytest.mark.parametrize("knows_n", [True, False])
def test_samples_of_one_prompt_go_together_or_fall_back_to_single_requests(knows_n: bool) -> None:
    server, results = Server(knows_n=knows_n), Counter[tuple[int, int]]()

    def plan() -> Iterator[Request[tuple[int, int]]]:
        for prompt in range(40):
            asked = (Message("user", f"prompt {prompt}"),)
            for sample in range(5):
                yield Request((prompt, sample), asked, Sampling(max_tokens=9, seed=sample))

    bulk = fixed(4, samples_at_once=5)
    run(answer_all(server, plan(), lambda request, _: results.update([request.tag]), bulk=bulk))
    assert (len(results), set(results.values())) == (200, {1})
    assert server.requests == (40 if knows_n else 200)


def test_only_seeds_that_count_up_go_together() -> None:
    server, seeds = Server(knows_n=True), [0, 1, 2, 7, 8, 3]
    rows = [Request(n, ASKED, Sampling(max_tokens=9, seed=seed)) for n, seed in enumerate(seeds)]
    done: list[int] = []
    run(answer_all(server, rows, lambda r, _: done.append(r.tag), bulk=fixed(1, samples_at_once=4)))
    assert (sorted(done), server.requests) == ([0, 1, 2, 3, 4, 5], 3)


def test_the_plan_is_drawn_as_it_is_needed() -> None:
    made = run(drive(Server(fault=lambda n, now: trouble() if n % 7 == 0 else None), 3000, fixed(16)))
    assert made.most_open <= 4 * 16 + 16 + 1
    assert (made.twice, made.rests(), len(made.results)) == (0, True, 3000)
