"""The limit finds what a server takes, holds it, and comes back after a storm. All in virtual time."""

from __future__ import annotations

import asyncio
import random
from itertools import pairwise

import pytest

from core.bulk.pace import COOLDOWN_S, Bounds, Pace
from tests.core.simulated_server import Drive, Server, adaptive, at_times, drive, fixed, trouble
from tests.core.virtual_time import run


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("limit", [5, 37, 80])
def test_a_hidden_limit_is_found_and_filled(limit: int, seed: int) -> None:
    made = run(drive(Server(limit=limit, seed=seed), 2500, adaptive(200)))
    assert made.mean_under_way() >= (0.75 if limit == 5 else 0.9) * limit
    assert made.server.refused <= 0.02 * made.server.requests
    assert not made.failed


@pytest.mark.parametrize(("rate", "burst_s"), [(r, b) for r in (2, 20, 200) for b in (0.25, 1.0)])
def test_a_hidden_rate_is_found_and_used(rate: int, burst_s: float) -> None:
    server = Server(rate=rate, burst=max(1.0, rate * burst_s), median_s=0.5)
    made = run(drive(server, 1500 if rate == 2 else 4000 if rate == 20 else 16_000, adaptive(300)))
    (begun, _), (ended, _) = made.at_row[500], made.all_drawn
    # A bucket of one token refuses for the smallest jitter: there the bar is lower.
    least = 0.9 if rate * burst_s <= 1 else 0.95
    assert (made.drawn - 500) / (ended - begun) >= least * rate
    late = [taken for at, _, taken in server.log if at >= begun]
    assert late.count(False) <= 0.03 * len(late)


@pytest.mark.parametrize(("rate", "rows"), [(20, 2000), (200, 6000)])
def test_a_rate_is_told_from_a_limit_within_seconds_whatever_the_latencies(rate: int, rows: int) -> None:
    def both_bars_hold(seed: int) -> bool:
        server = Server(rate=rate, burst=rate / 4, seed=seed)
        made = run(drive(server, rows, adaptive(200)))
        (begun, _), (ended, _) = made.at_row[500], made.all_drawn
        late = [(at, taken) for at, _, taken in server.log if at >= begun]
        through = sum(taken for at, taken in late if at < ended) / (ended - begun)
        return through >= 0.95 * rate and sum(not taken for _, taken in late) <= 0.02 * len(late)

    assert sum(map(both_bars_hold, range(20))) >= 18


@pytest.mark.parametrize("seed", [1, 2])
def test_with_answers_that_take_long_most_of_the_rate_is_used(seed: int) -> None:
    server = Server(rate=20, burst=5, median_s=8.0, sigma=0.3, stragglers=0, seed=seed)
    made = run(drive(server, 6000, adaptive(400)))
    (begun, _), (ended, _) = made.at_row[1500], made.all_drawn
    # Rounds last as long as answers, so the way up is slow: 0.65 to 0.77 of the rate, not 0.95.
    assert (made.drawn - 1500) / (ended - begun) >= 0.6 * 20


async def _changing(*changes: tuple[float, str, int], rows: int) -> Drive:
    server = Server(limit=80)
    at_times(*changes, server=server)
    return await drive(server, rows, adaptive(100))


def test_a_limit_that_falls_and_rises_is_followed() -> None:
    made = run(_changing((30, "limit", 20), (90, "limit", 80), rows=22_000))
    before, low, after = made.per_second(10, 30), made.per_second(50, 90), made.per_second(120, 150)
    assert 0.8 * before / 4 <= low <= 1.2 * before / 4
    assert after >= 0.85 * before
    assert made.server.refused <= 0.03 * made.server.requests


def test_another_client_that_takes_half_leaves_us_the_other_half() -> None:
    made = run(_changing((30, "others", 40), (90, "others", 0), rows=26_000))
    before = made.per_second(10, 30)
    assert made.per_second(50, 90) >= 0.85 * before / 2
    assert made.per_second(110, 130) >= 0.85 * before
    assert not made.failed


@pytest.mark.parametrize(("retry_after", "median_s"), [(None, 0.2), (7.0, 0.2), (None, 2.0)])
def test_after_a_storm_the_speed_comes_back_within_two_minutes(
    retry_after: float | None, median_s: float
) -> None:
    def storm(number: int, now: float) -> object:
        refused = 1060 <= now < 1120
        return trouble("rate_limited", 429, retry_after_s=retry_after) if refused else None

    server = Server(limit=64, seed=3, median_s=median_s, fault=storm)  # type: ignore[arg-type]
    made = run(drive(server, 35_000 if median_s < 1 else 6_000))
    cuts = [change.at for change in made.bulk.pace.changes]
    assert all(later - earlier >= COOLDOWN_S for earlier, later in pairwise(cuts))
    asked = [at for at, _, _ in server.log if 1060 <= at < 1120]
    # What was open, the reserve of retries, one a second, and what paid for itself.
    assert len(asked) <= 4 * 64 + 16 + 50 + 60 + 64
    assert (len(made.results), made.failed) == (made.drawn, [])
    assert made.per_second(220, 245) >= 0.9 * made.per_second(20, 60)


@pytest.mark.parametrize("share", [0.05, 0.2])
def test_a_servers_own_trouble_neither_cuts_nor_slows(share: float) -> None:
    def speed(share: float) -> tuple[float, Drive]:
        chance = random.Random(3)
        server = Server(seed=3, fault=lambda number, now: trouble() if chance.random() < share else None)
        made = run(drive(server, 5000))
        return (made.drawn - 500) / (made.all_drawn[0] - made.at_row[500][0]), made

    (undisturbed, _), (troubled, made) = speed(0.0), speed(share)
    assert troubled >= 0.8 * undisturbed
    assert (list(made.bulk.pace.changes), made.bulk.pace.limit) == ([], 64)
    assert len(made.failed) <= 5


def test_many_timeouts_halve_the_limit_at_most_once_a_cooldown() -> None:
    chance = random.Random(3)
    lost = trouble("timeout", None, maybe_billed=True)
    made = run(drive(Server(fault=lambda number, now: lost if chance.random() < 0.5 else None), 600))
    changes = list(made.bulk.pace.changes)
    assert changes and "no answer" in changes[0].why
    assert all(b.at - a.at >= COOLDOWN_S for a, b in pairwise(changes))
    assert changes[0].limit in range(5, 33)
    assert made.bulk.figures.maybe_billed > 100


@pytest.mark.parametrize("ceiling", [1, 3, 64])
def test_the_ceiling_is_never_passed(ceiling: int) -> None:
    made = run(drive(Server(), 400, adaptive(ceiling)))
    assert max(level for _, level, _ in made.server.log) + 1 <= made.most_limit <= ceiling
    assert len(made.results) == 400


def test_a_fixed_limit_never_moves() -> None:
    made = run(drive(Server(limit=10), 500, fixed(16)))
    assert (made.bulk.pace.limit, list(made.bulk.pace.changes), made.most_limit) == (16, [], 16)
    assert len(made.results) == 500


def test_a_start_of_one_grows_and_a_limit_below_one_is_one() -> None:
    assert run(drive(Server(), 500, adaptive(32, start=1))).bulk.pace.limit == 32
    assert Pace(Bounds(0, 0)).limit == 1


def test_one_pace_for_two_jobs_in_turn_keeps_what_was_learnt() -> None:
    async def both() -> tuple[Drive, Drive]:
        server, bulk = Server(limit=12), adaptive(64)
        first = await drive(server, 600, bulk)
        other = adaptive(64)
        other.pace = bulk.pace
        return first, await drive(server, 600, other)

    first, second = run(both())
    assert second.server.refused - first.bulk.figures.rate_limited <= 0.02 * 600 + first.server.refused
    assert second.bulk.figures.rate_limited < first.bulk.figures.rate_limited


def test_two_jobs_that_share_one_pace_at_once_both_end() -> None:
    async def both() -> list[Drive]:
        first, second = fixed(2), fixed(2)
        second.pace = first.pace
        return list(await asyncio.gather(drive(Server(), 50, first), drive(Server(seed=2), 300, second)))

    assert [len(made.results) for made in run(both())] == [50, 300]
