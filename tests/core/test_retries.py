"""Rows that must wait give their slot to others; servers are asked again when they said, not for ever."""

from __future__ import annotations

import heapq
import random
from collections.abc import Sequence

import pytest

from core.bulk.pipeline import HOPELESS_ROWS
from core.bulk.retries import LONGEST_PAUSE_S, Patience, RetryBudget, pause
from core.errors import EngineError
from tests.core.simulated_server import Drive, Server, adaptive, drive, fixed, trouble
from tests.core.virtual_time import run


def ideal_seconds(latencies: Sequence[float], slots: int) -> float:
    """How long the same latencies take when every slot takes the next the moment it is free."""
    free = [0.0] * slots
    for latency in latencies:
        heapq.heapreplace(free, free[0] + latency)
    return max(free)


@pytest.mark.parametrize("share", [0.0, 0.1])
def test_slots_are_always_full_even_while_rows_wait_for_a_retry(share: float) -> None:
    chance = random.Random(5)
    server = Server(fault=lambda number, now: trouble() if chance.random() < share else None)
    made = run(drive(server, 5000, fixed(64)))
    # While rows are left; at the end the slowest row decides, not the client.
    assert made.mean_under_way() >= 0.97 * 64
    assert ideal_seconds(server.latencies, 64) / made.seconds >= 0.97
    assert not made.failed


@pytest.mark.parametrize("asked", [None, -5.0, 0.0, 7.0, 1e9, float("inf"), float("nan")])
@pytest.mark.parametrize("attempt", [1, 2, 7, 100_000])
def test_a_pause_is_at_least_what_the_server_asked_for_and_never_long(
    attempt: int, asked: float | None
) -> None:
    chance = random.Random(1)
    for _ in range(50):
        seconds = pause(attempt, asked, first_s=1.0, chance=chance)
        assert 0.5 <= seconds <= 1.5 * LONGEST_PAUSE_S
        assert asked != 7.0 or seconds >= 7.0


def test_retry_after_is_kept_and_other_rows_go_on() -> None:
    def first_is_refused(number: int, now: float) -> EngineError | None:
        return trouble("rate_limited", 429, retry_after_s=7.0) if number == 1 else None

    server = Server(median_s=0.05, stragglers=0, fault=first_is_refused)
    made = run(drive(server, 200, adaptive(4)))
    assert len(made.results) == 200
    assert 7.0 <= made.seconds <= 9.0
    assert sum(at < 1007.0 for at, _, _ in server.log) == 200


def test_retries_are_as_many_as_answers_with_a_reserve_and_then_one_a_second() -> None:
    budget = RetryBudget()
    assert [budget.spend(0.0) for _ in range(50)] == [0.0] * 50
    assert 0 < budget.spend(0.0) <= 1.0
    budget.earn()
    assert budget.spend(0.0) == 0.0
    assert budget.spend(0.5) > 0
    assert budget.spend(1.5) == 0.0
    budget.give_back(True)
    assert budget.spend(1.5) == 0.0


def test_a_row_that_is_refused_for_too_long_becomes_an_error_row() -> None:
    def always(number: int, now: float) -> EngineError:
        return trouble("rate_limited", 429)

    made = run(drive(Server(fault=always), 5, adaptive(patience=Patience(refused_s=100.0))))
    assert [error.kind for error in made.failed] == ["rate_limited"] * 5
    assert 100 <= made.seconds <= 300
    assert all(error.attempts > 1 for error in made.failed)


def test_attempts_are_counted_in_answers_and_in_failures() -> None:
    def script(number: int, now: float) -> EngineError | None:
        return trouble() if number <= 2 else None

    made = run(drive(Server(fault=script), 1))
    assert made.results[0].attempts == 3
    made = run(drive(Server(fault=lambda number, now: trouble()), 1))
    assert (made.results[0].attempts, made.server.requests) == (5, 5)
    assert made.bulk.figures.retries == 4


def test_a_row_that_is_not_wanted_is_asked_once() -> None:
    def script(number: int, now: float) -> EngineError | None:
        return EngineError("too long", kind="refused", status=400) if number == 3 else None

    made = run(drive(Server(fault=script), 20))
    assert (len(made.failed), made.server.requests, len(made.results)) == (1, 20, 20)


def test_many_failed_rows_without_a_single_answer_stop_the_job() -> None:
    def script(number: int, now: float) -> EngineError | None:
        return EngineError("no", kind="refused", status=400) if number > 100 else None

    server = Server(fault=script)
    with pytest.raises(EngineError, match=f"{HOPELESS_ROWS} rows in a row failed") as caught:
        run(drive(server, 5000))
    assert caught.value.stops_job
    # Answers that were under way keep hope alive for a moment.
    assert server.requests <= 500


def test_failed_rows_between_answers_do_not_stop_the_job() -> None:
    chance = random.Random(1)
    bad = EngineError("no", kind="refused", status=400)
    made = run(drive(Server(fault=lambda number, now: bad if chance.random() < 0.4 else None), 1000))
    assert len(made.results) == 1000
    assert 300 <= len(made.failed) <= 500


def test_a_server_that_was_never_there_stops_the_job_after_three_tries() -> None:
    server = Server(fault=lambda number, now: trouble("unreachable", None))
    with pytest.raises(EngineError, match="No server answers") as caught:
        run(drive(server, 1))
    assert (caught.value.attempts, server.requests) == (3, 3)


def test_a_server_that_was_never_there_is_soon_given_up_with_many_rows() -> None:
    async def job() -> float:
        import asyncio

        with pytest.raises(EngineError, match="No server answers"):
            await drive(Server(fault=lambda number, now: trouble("unreachable", None)), 5000)
        return asyncio.get_running_loop().time() - 1000

    assert run(job()) <= 20


@pytest.mark.parametrize("seconds", [20, 60, 150])
def test_a_server_that_comes_back_finds_every_row_waiting(seconds: int) -> None:
    def away(number: int, now: float) -> EngineError | None:
        return trouble("unreachable", None) if 1020 <= now < 1020 + seconds else None

    made = run(drive(Server(seed=3, fault=away), 16_000))
    assert (len(made.results), made.failed) == (16_000, [])
    before, after = made.per_second(5, 20), made.per_second(20 + seconds + 30, 20 + seconds + 50)
    assert after >= 0.85 * before


def test_a_server_that_does_not_come_back_ends_the_job() -> None:
    def away(number: int, now: float) -> EngineError | None:
        return trouble("unreachable", None) if now >= 1010 else None

    with pytest.raises(EngineError, match="No server answers"):
        run(drive(Server(fault=away), 50_000, adaptive(4, patience=Patience(unreachable_s=60.0))))


def test_an_outage_does_not_draw_the_plan() -> None:
    made_here: list[Drive] = []

    def away(number: int, now: float) -> EngineError | None:
        return trouble("transient") if 1010 <= now < 1100 else None

    made_here.append(run(drive(Server(fault=away), 10_000)))
    (made,) = made_here
    # One more is drawn before the count of those settled is looked at.
    assert made.most_open <= 4 * 64 + 16 + 1
