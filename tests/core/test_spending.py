"""The spending limit: it holds in any order of events, to the last nano-dollar."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from core.errors import SettingsError
from core.spending import Ledger

AMOUNTS = st.floats(0, 5, allow_nan=False) | st.sampled_from([0.1, 0.2, 0.3, 1e-9, 1e-12, 0.01])


class Requests(RuleBasedStateMachine):
    """Requests that begin and end in any order, as a job with many at once has them."""

    @initialize(budget=st.floats(0, 20, allow_nan=False))
    def begin(self, budget: float) -> None:
        self.budget = budget
        self.ledger = Ledger(budget)
        self.under_way: list[float] = []

    @rule(amount=AMOUNTS)
    def send(self, amount: float) -> None:
        before = self.ledger.left_usd
        if self.ledger.reserve(amount):
            self.under_way.append(amount)
        else:
            assert self.ledger.exhausted
            assert self.ledger.left_usd == before, "a refusal keeps nothing aside"

    @precondition(lambda self: self.under_way)
    @rule(data=st.data(), share=st.floats(0, 1))
    def answer(self, data: st.DataObject, share: float) -> None:
        amount = self.take(data)
        self.ledger.charge(amount, amount * share)

    @precondition(lambda self: self.under_way)
    @rule(data=st.data())
    def refuse(self, data: st.DataObject) -> None:
        self.ledger.release(self.take(data))

    @precondition(lambda self: self.under_way)
    @rule(data=st.data())
    def time_out(self, data: st.DataObject) -> None:
        amount, before = self.take(data), self.ledger.maybe_double_billed
        self.ledger.doubt(amount, amount)
        assert self.ledger.maybe_double_billed == before + 1

    def take(self, data: st.DataObject) -> float:
        return self.under_way.pop(data.draw(st.integers(0, len(self.under_way) - 1)))

    @invariant()
    def the_limit_holds(self) -> None:
        spent = self.ledger.spent_usd + self.ledger.maybe_usd + self.ledger.reserved_usd
        assert spent <= self.budget + 1e-9
        assert self.ledger.left_usd is not None
        assert self.ledger.left_usd >= 0
        if not self.under_way:
            assert self.ledger.reserved_usd == 0


TestTheLimitHoldsInAnyInterleaving = Requests.TestCase


def test_without_a_limit_everything_fits_and_is_still_counted() -> None:
    ledger = Ledger(None)
    assert ledger.reserve(1e6)
    ledger.charge(1e6, 2.5)
    assert (ledger.spent_usd, ledger.left_usd, ledger.budget_usd) == (2.5, None, None)
    assert not ledger.exhausted


def test_tenths_of_a_cent_add_up_to_exactly_a_dollar() -> None:
    ledger = Ledger(1.0)
    assert all(ledger.reserve(0.001) for _ in range(1000))
    assert not ledger.reserve(1e-9)
    for _ in range(1000):
        ledger.charge(0.001, 0.001)
    assert ledger.spent_usd == 1.0
    assert ledger.left_usd == 0.0


@given(st.lists(st.floats(0, 0.1), max_size=60))
def test_the_sum_of_many_costs_is_the_sum_to_a_nano_dollar_each(costs: list[float]) -> None:
    ledger = Ledger(None)
    for cost in costs:
        ledger.reserve(0.1)
        ledger.charge(0.1, cost)
    assert ledger.spent_usd == pytest.approx(math.fsum(costs), abs=1e-9 * (len(costs) + 1))


def test_a_cheaper_answer_makes_room_again() -> None:
    ledger = Ledger(1.0)
    assert ledger.reserve(0.9)
    assert not ledger.reserve(0.5)
    ledger.charge(0.9, 0.1)
    assert ledger.reserve(0.5)
    assert ledger.exhausted, "that something was refused is remembered"


def test_what_was_spent_can_never_fit_again() -> None:
    ledger = Ledger(1.0)
    ledger.reserve(0.9)
    ledger.charge(0.9, 0.9)
    assert not ledger.reserve(0.2)
    assert ledger.reserve(0.1)


def test_a_request_without_an_answer_counts_as_spent_but_is_told_apart() -> None:
    ledger = Ledger(1.0)
    ledger.reserve(0.6)
    ledger.doubt(0.6, 0.6)
    assert (ledger.spent_usd, ledger.maybe_usd, ledger.maybe_double_billed) == (0.0, 0.6, 1)
    assert not ledger.reserve(0.5)
    assert ledger.left_usd == 0.4


def test_an_answer_dearer_than_reserved_is_counted_in_full_and_nothing_follows() -> None:
    ledger = Ledger(1.0)
    ledger.reserve(0.5)
    ledger.charge(0.5, 1.5)
    assert ledger.spent_usd == 1.5
    assert ledger.left_usd == 0.0
    assert not ledger.reserve(0.0001)


def test_a_limit_of_nothing_lets_through_what_is_free() -> None:
    ledger = Ledger(0)
    assert ledger.reserve(0.0)
    assert not ledger.reserve(1e-9)


@pytest.mark.parametrize("budget", [-1.0, math.nan, math.inf])
def test_a_limit_that_is_no_amount_is_refused_in_words(budget: float) -> None:
    with pytest.raises(SettingsError, match="spending limit is an amount"):
        Ledger(budget)


@pytest.mark.parametrize("amount", [-0.1, math.nan, math.inf])
def test_what_is_no_amount_changes_nothing(amount: float) -> None:
    ledger = Ledger(1.0)
    ledger.reserve(0.5)
    for act in (
        lambda: ledger.reserve(amount),
        lambda: ledger.charge(0.5, amount),
        lambda: ledger.doubt(0.5, amount),
        lambda: ledger.release(amount),
    ):
        with pytest.raises(ValueError, match="no amount"):
            act()
    assert ledger.reserved_usd == 0.5
    assert ledger.maybe_double_billed == 0


def test_what_was_not_reserved_cannot_be_given_back() -> None:
    ledger = Ledger(1.0)
    ledger.reserve(0.2)
    with pytest.raises(ValueError, match="than was reserved"):
        ledger.release(0.3)
    with pytest.raises(ValueError, match="than was reserved"):
        ledger.charge(0.3, 0.1)
    assert ledger.spent_usd == 0.0
