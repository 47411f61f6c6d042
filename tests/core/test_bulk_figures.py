"""What a running job says about itself adds up, and no wall clock can disturb it."""

from __future__ import annotations

import re
from pathlib import Path

import core.bulk
from core.bulk.figures import history_row
from core.prices import Price
from core.spending import Ledger
from tests.core.simulated_server import Server, adaptive, drive, trouble
from tests.core.virtual_time import run


def test_the_counts_add_up() -> None:
    server = Server(limit=12, fault=lambda number, now: trouble() if number % 10 == 0 else None)
    made = run(drive(server, 800, adaptive(ledger=Ledger(9.0), price=Price(1e-6, 1e-6))))
    figures = made.bulk.figures
    assert (figures.answers, figures.failures) == (800 - len(made.failed), len(made.failed))
    assert figures.requests == server.requests == 800 + figures.retries
    assert figures.rate_limited == server.refused > 0
    assert (figures.tokens_in, figures.tokens_out) == (10 * figures.answers, 5 * figures.answers)
    assert figures.seconds > 0
    told = figures.as_dict(2000.0)
    assert (told["in_flight"], told["waiting"], told["limit"]) == (0, 0, int(made.bulk.pace.limit))


def test_changes_of_the_limit_are_told_once_with_a_reason() -> None:
    made = run(drive(Server(limit=12), 500))
    changes = made.bulk.figures.changes()
    assert changes and all("429" in change.why for change in changes)
    assert made.bulk.figures.changes() == []


def test_speed_is_that_of_the_last_seconds() -> None:
    figures = adaptive().figures
    for second in range(60):
        figures.answers += 1 if second < 30 else 10
        speed = figures.speed(1000.0 + second)
    assert 9 <= speed <= 11
    for second in range(60, 5000):
        figures.speed(1000.0 + second)
    assert len(figures._marks) <= 20


def test_a_history_row_holds_what_the_page_draws() -> None:
    row = history_row(adaptive().figures.as_dict(1.0), stage="teacher", done=1, failed=0, why="x")
    assert {"at", "stage", "limit", "in_flight", "rate_cap", "per_second", "done", "why"} <= row.keys()


def test_only_history_rows_know_the_time_of_day() -> None:
    folder = Path(core.bulk.__file__).parent
    found = {
        path.name: re.findall(r"\btime\.(?:time|time_ns|localtime|monotonic)\(|datetime", path.read_text())
        for path in folder.glob("*.py")
    }
    assert {name: uses for name, uses in found.items() if uses} == {"figures.py": ["time.time("]}
