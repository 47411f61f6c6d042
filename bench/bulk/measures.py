"""The measures against a scripted server, one function each: `rig` in, lines of the table out."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable
from typing import Any

from bench.bulk.figures import (
    Entry,
    first_latencies,
    greedy_replay,
    mean_in_flight,
    rate_admitted,
    span,
    steady,
    wasted,
)
from bench.bulk.lines import Line, at_least, at_most
from bench.bulk.rig import HEAVY_TAIL, Rig, Server
from bench.bulk.wanted import Wanted

SLOTS = 64
# What the server does before the client may be judged: it has to find the limit first.
WARM_UP = 500


def median(values: Iterable[float]) -> float:
    """The median of some rounds."""
    return statistics.median(values)


def spread(values: Iterable[float], form: str = ".3f") -> str:
    """The rounds behind a median, for the column beside it."""
    return "rounds " + ", ".join(f"{value:{form}}" for value in values)


def heavy(rig: Rig, server: Server, rows: int, *, fsync: bool = True) -> list[Entry]:
    """The log of a job at a fixed concurrency under a heavy tail, with its seconds in the first entry."""
    server.reset()
    found = rig.ours(Wanted(server.url, rig.fresh(), rows, concurrency=SLOTS, fsync=fsync))
    log = server.log()
    log[0]["seconds"] = max(found["asking_s"], span(log))
    return log


def makespan(rig: Rig) -> list[Line]:
    """How far from an ideal greedy replay of the same latencies, in the end and before the stragglers."""
    rows = rig.size(5000)
    with rig.server(*HEAVY_TAIL) as server:
        logs = [heavy(rig, server, rows) for _ in range(rig.rounds)]
    ideals = [greedy_replay(first_latencies(log), SLOTS) for log in logs]
    ends = [(ideal[1], log[0]["seconds"]) for ideal, log in zip(ideals, logs, strict=True)]
    sent = [(ideal[0], steady(log, 0)[1] - log[0]["at"]) for ideal, log in zip(ideals, logs, strict=True)]
    name = f"ideal greedy makespan ÷ ours (heavy tail, C={SLOTS})"
    return [
        _replayed(name, ends, f"{rows} rows; starting to ask → last row"),
        _replayed("the same until the last request is sent", sent, "no straggler hides lost time"),
    ]


def _replayed(name: str, pairs: list[tuple[float, float]], what: str) -> Line:
    ratios = [ideal / ours for ideal, ours in pairs]
    ideal, ours = (median(pair[part] for pair in pairs) for part in (0, 1))
    beside = f"{what}; ours {ours:.2f} s, ideal {ideal:.2f} s; {spread(ratios)}"
    return at_least(name, median(ratios), 0.97, 0.99, form=".3f", beside=beside)


def memory(rig: Rig) -> list[Line]:
    """What a hundred times more rows cost in memory; the prompts of the job are part of it."""
    sizes = {"small": 1000 // 5, "large": rig.size(100_000) // 5}
    found: dict[str, dict[str, Any]] = {}
    with rig.server() as server:
        for name, prompts in sizes.items():
            server.reset()
            found[name] = rig.ours(Wanted(server.url, rig.fresh(), prompts, samples=5, concurrency=SLOTS))
    grown, end = (found["large"][key] - found["small"][key] for key in ("peak_mb", "rss_mb"))
    beside = f"peak {found['small']['peak_mb']:.0f} → {found['large']['peak_mb']:.0f} MB; "
    beside += f"at the end {end:+.1f} MB; {sizes['large']} prompts × 5"
    name = "peak RSS at 100,000 rows minus at 1,000, MB"
    return [at_most(name, grown, 20, 5, form=".1f", beside=beside)]


def concurrency(rig: Rig) -> list[Line]:
    """A server that hides how many requests it takes at once."""
    lines: list[Line] = []
    for limit, rows, bar in ((5, 1500, 0.5), (37, 5000, 0.75), (80, 8000, 0.75)):
        log, failed = limited(rig, rig.size(rows), "--limit-concurrency", str(limit))
        begin, end = steady(log, WARM_UP // rig.shrink)
        whole = log[0]["at"], log[-1]["at"]
        flight = mean_in_flight(log, begin, end) / limit
        beside = f"whole run {mean_in_flight(log, *whole) / limit:.2f}; {len(log)} requests{failed}"
        lines.append(
            at_least(f"hidden limit {limit}: mean in flight ÷ limit", flight, bar, 0.9, beside=beside)
        )
        lines.append(_waste(f"hidden limit {limit}: wasted requests", log, begin, 0.03))
    return lines


def rate(rig: Rig) -> list[Line]:
    """A server that hides how many requests a second it takes."""
    lines: list[Line] = []
    for limit, rows in ((20, 2000), (200, 6000)):
        log, failed = limited(rig, rig.size(rows), "--limit-rate", str(limit))
        begin, end = steady(log, WARM_UP // rig.shrink)
        whole = log[0]["at"], log[-1]["at"]
        through = rate_admitted(log, begin, end) / limit
        beside = f"whole run {rate_admitted(log, *whole) / limit:.2f}; {len(log)} requests{failed}"
        name = f"hidden rate {limit}/s: throughput ÷ rate"
        lines.append(at_least(name, through, 0.95, 0.98, beside=beside))
        lines.append(_waste(f"hidden rate {limit}/s: 429s", log, begin, 0.02))
    return lines


def _waste(name: str, log: list[Entry], begin: float, bar: float) -> Line:
    whole, value = (wasted(log, start, log[-1]["at"]) for start in (log[0]["at"], begin))
    return at_most(name, value, bar, 0.01, form=".2%", beside=f"whole run {whole:.2%}")


def limited(rig: Rig, rows: int, *flags: str) -> tuple[list[Entry], str]:
    """The log of an adaptive job, ceiling 200, against a hidden limit; and how many rows failed."""
    with rig.server(*HEAVY_TAIL, *flags) as server:
        wanted = Wanted(server.url, rig.fresh(), rows, concurrency=200, fixed=False)
        failed = rig.ours(wanted, lenient=True)["failed"]
        return server.log(), f"; **{failed} of {rows} rows failed**" if failed else ""


def resume(rig: Rig) -> list[Line]:
    """A job of which all but a hundred rows are there: how long until it asks, and what it asks."""
    prompts, new = rig.size(10_000), 20
    waits: list[float] = []
    again = 0
    with rig.server() as server:
        data = rig.fresh()
        for number in range(rig.rounds + 1):
            server.reset()
            grown = prompts + number * new
            run = rig.ours(Wanted(server.url, data, grown, samples=5, concurrency=SLOTS))
            log = server.log()
            if number:
                waits.append(log[0]["at"] - run["began_at"])
                again += len(log) - new * 5
    name = "resume: seconds from the call to the first request, 50,000 rows there"
    beside = f"{prompts * 5} rows; {spread(waits, '.2f')}"
    return [
        at_most(name, median(waits), 1.0, 0.4, beside=beside),
        at_most("resume: durable rows asked again", again, 0, None, form=".0f"),
    ]


def fsync(rig: Rig) -> list[Line]:
    """What durability costs: the same job with and without flushing, in turn."""
    rows = rig.size(2500)
    seconds: dict[bool, list[float]] = {True: [], False: []}
    with rig.server(*HEAVY_TAIL) as server:
        for _ in range(rig.rounds):
            for flushed, found in seconds.items():
                found.append(heavy(rig, server, rows, fsync=flushed)[0]["seconds"])
    flushed, loose = median(seconds[True]), median(seconds[False])
    beside = f"{flushed:.2f} and {loose:.2f} s, {rows} rows, heavy tail, C={SLOTS}"
    name = "fsync: share of the makespan"
    return [at_most(name, max(0.0, flushed / loose - 1), 0.02, None, form=".1%", beside=beside)]


Measure = Callable[[Rig], list[Line]]
