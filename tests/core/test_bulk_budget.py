"""The spending limit holds however requests overlap, and what it left out is asked by the next run."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.bulk import Bulk
from core.errors import EngineError
from core.prices import Price
from core.records import Usage
from core.spending import Ledger
from tests.core.simulated_server import Drive, Server, adaptive, drive, trouble
from tests.core.virtual_time import run

# 100 tokens at most: an answer costs at most 0.0101 and some prompt.
PRICE = Price(1e-7, 1e-4)


def bulk_with(budget: float | None, price: Price | None = PRICE, ceiling: int = 16) -> Bulk:
    return adaptive(ceiling, ledger=Ledger(budget), price=price)


@settings(max_examples=60, deadline=None)
@given(st.floats(0, 0.6), st.integers(1, 32), st.integers(0, 100), st.integers(0, 50))
def test_the_limit_is_never_exceeded(budget: float, ceiling: int, tokens: int, seed: int) -> None:
    lost = trouble("timeout", None, maybe_billed=True)
    server = Server(
        seed=seed, usage=Usage(10, tokens), fault=lambda number, now: lost if number % 9 == 0 else None
    )
    made = run(drive(server, 60, bulk_with(budget, ceiling=ceiling)))
    ledger = made.bulk.ledger
    assert ledger.spent_usd + ledger.maybe_usd <= budget
    assert made.rests()
    assert len(made.results) == 60 or made.bulk.figures.left_out == "budget"
    assert len(made.results) < 60 or made.bulk.figures.left_out == ""


def test_a_spent_budget_ends_the_job_early_and_a_larger_one_asks_only_for_the_rest() -> None:
    first = run(drive(Server(usage=Usage(10, 100)), 100, bulk_with(0.5)))
    assert first.bulk.figures.left_out == "budget"
    assert 40 <= len(first.results) <= 50
    assert not first.failed
    assert first.drawn <= len(first.results) + 20
    server = Server(usage=Usage(10, 100))
    second = run(drive(server, 100 - len(first.results), bulk_with(5.0)))
    assert (second.bulk.figures.left_out, server.requests) == ("", 100 - len(first.results))


def test_answers_cheaper_than_their_worst_case_leave_room_for_more() -> None:
    made = run(drive(Server(usage=Usage(10, 10)), 300, bulk_with(0.3)))
    assert len(made.results) >= 250


def test_a_request_without_an_answer_counts_as_billed() -> None:
    lost = trouble("timeout", None, maybe_billed=True)
    made = run(drive(Server(fault=lambda number, now: lost if number <= 3 else None), 20, bulk_with(5.0)))
    assert made.bulk.figures.maybe_billed == 3
    assert 0.03 <= made.bulk.ledger.maybe_usd <= 0.04


def test_an_answer_of_no_use_may_be_billed_too() -> None:
    useless = EngineError("only reasoning", kind="exhausted", status=200)
    made = run(
        drive(Server(fault=lambda number, now: useless if number == 2 else None), 20, bulk_with(5.0))
    )
    assert 0.01 <= made.bulk.ledger.maybe_usd <= 0.02


def test_a_refused_request_costs_nothing() -> None:
    def refused(number: int, now: float) -> EngineError | None:
        return trouble("rate_limited", 429) if number % 5 == 0 else None

    made = run(drive(Server(usage=Usage(0, 10), fault=refused), 50, bulk_with(5.0)))
    assert (made.bulk.ledger.maybe_usd, round(made.bulk.ledger.spent_usd, 9)) == (0, 0.05)


def test_the_providers_own_cost_wins_over_the_table() -> None:
    made = run(drive(Server(cost_usd=0.002), 10, bulk_with(5.0)))
    assert made.bulk.ledger.spent_usd == pytest.approx(0.02)
    assert {getattr(result, "cost_usd", None) for result in made.results.values()} == {0.002}


def test_an_answer_that_does_not_say_what_it_took_counts_at_its_worst() -> None:
    made = run(drive(Server(usage=Usage()), 100, bulk_with(0.3)))
    assert made.bulk.figures.left_out == "budget"
    assert len(made.results) <= 30
    assert made.bulk.ledger.maybe_usd <= 0.3


def test_without_a_price_the_job_ends_when_the_providers_costs_reach_the_limit() -> None:
    made = run(drive(Server(cost_usd=0.01), 500, bulk_with(0.5, price=None)))
    assert made.bulk.figures.left_out == "budget"
    assert 50 <= len(made.results) <= 50 + 16


def test_a_free_model_is_not_held_back() -> None:
    made = run(drive(Server(), 100, bulk_with(0.0, price=Price(0, 0))))
    assert (len(made.results), made.bulk.figures.left_out) == (100, "")


def test_prompts_in_any_script_are_reserved_for() -> None:
    from core.bulk.pipeline import Request, _most
    from core.records import Message, Sampling

    for text, tokens in (("汉字" * 500, 1500), ("word " * 500, 510), ("\N{GRINNING FACE}" * 300, 600)):
        asked = [Request(0, (Message("user", text),), Sampling(max_tokens=1))]
        assert _most(Price(1.0, 0.0), asked) >= tokens


def test_no_budget_is_no_limit() -> None:
    made: Drive = run(drive(Server(), 100, bulk_with(None)))
    assert len(made.results) == 100
