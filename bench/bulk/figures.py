"""What a server's log and a list of latencies say: the ideal replay, in flight, throughput, waste. Pure.

A log is a list of records as `GET /_log` gives them, in order of arrival.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from typing import Any

Entry = dict[str, Any]

TURNED_AWAY = "limit"


def greedy_makespan(latencies: Iterable[float], slots: int) -> float:
    """Seconds that an ideal client takes: each request in turn goes to the slot that is free first."""
    return greedy_replay(latencies, slots)[1]


def greedy_replay(latencies: Iterable[float], slots: int) -> tuple[float, float]:
    """When that client sends its last request, and when the last answer is there."""
    free = [0.0] * slots
    last = 0.0
    for latency in latencies:
        last = free[0]
        heapq.heapreplace(free, last + latency)
    return last, max(free)


def first_latencies(log: Sequence[Entry]) -> list[float]:
    """The latencies of all first attempts, in the order in which they came."""
    return [entry["latency"] for entry in log if entry["attempt"] == 1]


def span(log: Sequence[Entry]) -> float:
    """Seconds from the first arrival to the last answer."""
    return max(entry["sent"] or entry["at"] for entry in log) - log[0]["at"]


def steady(log: Sequence[Entry], skip: int) -> tuple[float, float]:
    """From the arrival of request `skip` to the last first attempt: then the job begins to run dry."""
    begin = log[min(skip, len(log) - 1)]["at"]
    return begin, max(entry["at"] for entry in log if entry["attempt"] == 1)


def mean_in_flight(log: Sequence[Entry], begin: float, end: float) -> float:
    """Requests in flight between two times, weighted by time; those turned away never were."""
    overlaps = (
        min(end, entry["sent"] or end) - max(begin, entry["at"])
        for entry in log
        if entry["fault"] != TURNED_AWAY
    )
    return sum(max(0.0, overlap) for overlap in overlaps) / (end - begin) if end > begin else 0.0


def rate_admitted(log: Sequence[Entry], begin: float, end: float) -> float:
    """Requests a second that a limit let in between two times."""
    inside = sum(begin <= entry["at"] < end for entry in log if entry["fault"] != TURNED_AWAY)
    return inside / (end - begin) if end > begin else 0.0


def wasted(log: Sequence[Entry], begin: float, end: float) -> float:
    """The share of the requests between two times that were answered 429."""
    inside = [entry for entry in log if begin <= entry["at"] <= end]
    return sum(entry["status"] == 429 for entry in inside) / max(1, len(inside))
