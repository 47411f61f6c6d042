"""Agreement, correction, length control and many questions at once."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import RunError
from core.evaluation.stats.agreement import (
    Weights,
    cohen_kappa,
    gate,
    position_consistency,
    rogan_gladen,
)
from core.evaluation.stats.intervals import Estimate, NoEstimate
from core.evaluation.stats.length_control import alike_length_win_rate, length_controlled_win_rate
from core.evaluation.stats.multiple import benjamini_hochberg, holm


@given(st.lists(st.floats(0, 1), max_size=40))
def test_adjusted_p_values_are_scipys(p_values: list[float]) -> None:
    found = benjamini_hochberg(p_values)
    assert found.rejected == [p <= 0.05 for p in found.adjusted]
    if p_values:
        control = pytest.importorskip("scipy.stats").false_discovery_control
        assert found.adjusted == pytest.approx(control(p_values).tolist())


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40))
def test_holm_marks_no_more_than_benjamini_hochberg(p_values: list[float]) -> None:
    pairs = zip(holm(p_values).rejected, benjamini_hochberg(p_values).rejected, strict=True)
    assert all(loose or not strict for strict, loose in pairs)
    assert holm(p_values).adjusted[p_values.index(min(p_values))] == pytest.approx(
        min(1.0, min(p_values) * len(p_values))
    )


@pytest.mark.parametrize("weights", [None, "linear", "quadratic"])
def test_kappa_is_scikit_learns_with_an_interval_by_prompt(weights: Weights | None) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(1)
    a = rng.integers(0, 4, 80).tolist()
    b = [value if rng.random() < 0.7 else int(rng.integers(0, 4)) for value in a]
    found = cohen_kappa(a, b, (np.arange(80) // 2).tolist(), weights=weights, rounds=200)
    assert found.value == pytest.approx(metrics.cohen_kappa_score(a, b, weights=weights))
    assert found.low < found.value < found.high and found.n == 40


def test_kappa_of_full_agreement_is_one_with_a_lower_end_and_of_one_label_unknown() -> None:
    same = cohen_kappa(["a", "b"] * 20, ["a", "b"] * 20)
    assert same.value == 1 and 0.7 < same.low < 1
    assert math.isnan(cohen_kappa(["a"] * 40, ["a"] * 40).value)
    assert math.isnan(cohen_kappa([], []).value)
    with pytest.raises(RunError, match="same rows"):
        cohen_kappa(["a"], [])


@pytest.mark.parametrize(
    ("value", "half", "n", "said"),
    [
        (0.7, 0.1, 100, "pass"),
        (0.5, 0.1, 100, "caution"),
        (0.3, 0.1, 100, "block"),
        (-0.2, 0.1, 100, "block"),
        (0.9, 0.1, 29, "too few"),
        (0.7, 0.31, 40, "too few"),
        (math.nan, 1.0, 100, "too few"),
    ],
)
def test_the_gate(value: float, half: float, n: int, said: str) -> None:
    assert gate(Estimate(value, value - half, value + half, n)) == said


def test_a_judge_who_follows_the_place_is_inconsistent() -> None:
    assert position_consistency(["a", "b"] * 20, ["a", "b"] * 20).value == 1
    assert position_consistency(["a"] * 40, ["b"] * 40).value == 0
    with pytest.raises(RunError, match="both orders"):
        position_consistency(["a"], [])


def test_a_corrected_rate_undoes_the_judges_errors_and_carries_both_samples() -> None:
    seen = 0.6 * 0.9 + 0.4 * 0.2
    many, few = (rogan_gladen(seen, 1000, (9 * n, 10 * n), (8 * n, 10 * n)) for n in (100, 4))
    assert isinstance(many, Estimate) and isinstance(few, Estimate)
    assert many.value == pytest.approx(0.6) and many.low < 0.6 < many.high
    assert few.high - few.low > 1.5 * (many.high - many.low)
    assert few.low >= 0 and few.high <= 1


def test_a_judge_no_better_than_chance_cannot_be_corrected() -> None:
    found = rogan_gladen(0.5, 100, (5, 10), (5, 10))
    assert isinstance(found, NoEstimate) and "another judge" in found.reason
    assert isinstance(rogan_gladen(0.5, 100, (0, 0), (5, 10)), NoEstimate)
    assert isinstance(rogan_gladen(0.5, 0, (9, 10), (9, 10)), NoEstimate)


def long_winded(prompts: int, lead: float = 0.0) -> tuple[list[float], list[float], list[float], list[int]]:
    """B is longer, longer answers are liked, and B is better by `lead` logits."""
    rng = np.random.default_rng(5)
    a, b = np.exp(rng.normal(5.0, 0.4, prompts)), np.exp(rng.normal(5.5, 0.4, prompts))
    liked = 1 / (1 + np.exp(-lead - 2 * np.tanh((b - a) / (b - a).std())))
    won = (rng.random(prompts) < liked).astype(float)
    return won.tolist(), a.tolist(), b.tolist(), list(range(prompts))


def test_length_control_takes_away_what_only_length_won() -> None:
    won, a, b, prompts = long_winded(1000)
    found, alike = length_controlled_win_rate(won, a, b, prompts), alike_length_win_rate(won, a, b, prompts)
    assert np.mean(won) > 0.65
    assert isinstance(found, Estimate) and found.low < 0.5 < found.high
    assert isinstance(alike, Estimate) and alike.value < np.mean(won) and alike.n < 1000
    better = length_controlled_win_rate(*long_winded(1000, 1.0))
    assert isinstance(better, Estimate) and better.low > 0.5


def test_length_control_says_when_it_cannot_tell() -> None:
    won, a, b, prompts = long_winded(20)
    few = length_controlled_win_rate(won, a, b, prompts)
    assert isinstance(few, NoEstimate) and "50 prompts" in few.reason
    none = alike_length_win_rate([1.0], [10], [100], ["p"])
    assert isinstance(none, NoEstimate)
    with pytest.raises(RunError, match="differ in number"):
        length_controlled_win_rate([1.0], [1, 2], [1], ["p"])


def test_equal_lengths_leave_the_win_rate_as_it_is() -> None:
    won = [1.0] * 45 + [0.0] * 15
    found = length_controlled_win_rate(won, [100] * 60, [100] * 60, range(60))
    assert isinstance(found, Estimate) and found.value == pytest.approx(0.75, abs=1e-3)
