"""Intervals by prompt: they hold the truth, hold their estimate, and never promise certainty."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import RunError
from core.evaluation.stats.classification import accuracy, macro_f1, weighted_mean
from core.evaluation.stats.intervals import (
    bootstrap_weights,
    by_cluster,
    difference_by_cluster,
    mean_by_cluster,
    paired_differences,
    sign_flip_p,
    student_quantile,
    student_tails,
    wilson,
)
from core.evaluation.stats.power import smallest_detectable

EXPERIMENTS = 200


def coverage(prompts: int, alpha: float, beta: float, samples: int = 4) -> float:
    """How often the interval holds the mean of prompts whose rates are beta distributed."""
    rng = np.random.default_rng(7)
    hits = 0
    for seed in range(EXPERIMENTS):
        rates = rng.beta(alpha, beta, prompts)
        values = (rng.random((prompts, samples)) < rates[:, None]).astype(float)
        clusters = np.repeat(np.arange(prompts), samples).tolist()
        found = mean_by_cluster(values.ravel(), clusters, rounds=400, seed=seed)
        hits += found.low <= alpha / (alpha + beta) <= found.high
    return hits / EXPERIMENTS


@pytest.mark.parametrize(("prompts", "alpha", "beta"), [(20, 1, 1), (60, 2, 1), (60, 8, 0.5), (200, 1, 2)])
def test_an_interval_holds_the_truth_about_as_often_as_it_says(
    prompts: int, alpha: float, beta: float
) -> None:
    assert 0.9 <= coverage(prompts, alpha, beta) <= 0.99


def test_rows_of_one_prompt_do_not_count_as_independent() -> None:
    values = np.repeat([0.0, 1.0] * 20, 10)
    by_prompt = mean_by_cluster(values, np.repeat(np.arange(40), 10).tolist())
    by_row = mean_by_cluster(values, range(400))
    assert by_prompt.n == 40 and by_row.n == 400
    assert by_prompt.high - by_prompt.low > 2 * (by_row.high - by_row.low)


def test_every_prompt_counts_once_however_many_rows_it_has() -> None:
    assert mean_by_cluster([1.0] * 9 + [0.0], ["a"] * 9 + ["b"]).value == 0.5


@given(st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0]), max_size=30), st.integers(0, 5))
@settings(max_examples=60, deadline=None)
def test_an_interval_holds_its_estimate_within_bounds_and_has_width(values: list[float], seed: int) -> None:
    found = mean_by_cluster(values, range(len(values)), rounds=100, seed=seed)
    assert found.n == len(values)
    assert 0 <= found.low < found.high <= 1
    if values:
        assert found.low <= found.value <= found.high


def test_nothing_and_one_prompt_leave_everything_open() -> None:
    nothing, one = mean_by_cluster([], []), mean_by_cluster([1.0, 1.0], ["a", "a"])
    assert math.isnan(nothing.value) and (nothing.low, nothing.high, nothing.n) == (0, 1, 0)
    assert (one.value, one.low, one.high, one.n) == (1, 0, 1, 1)
    scale = mean_by_cluster([3.0], ["a"], bounds=(-4, 4))
    assert (scale.low, scale.high) == (-4, 4)


def test_unanimous_prompts_get_wilsons_interval() -> None:
    found, expected = mean_by_cluster([1.0] * 30, range(30)), wilson(30, 30)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    ties = mean_by_cluster([0.5] * 30, range(30))
    assert 0.4 < ties.low < 0.5 < ties.high < 0.6


def test_the_same_seed_gives_the_same_interval_and_rows_in_another_order_too() -> None:
    values, clusters = [0.0, 1.0, 1.0, 0.5], ["a", "a", "b", "c"]
    assert mean_by_cluster(values, clusters, seed=3) == mean_by_cluster(values, clusters, seed=3)
    assert mean_by_cluster(values, clusters, seed=3) != mean_by_cluster(values, clusters, seed=4)


def test_values_off_the_scale_and_unequal_columns_are_refused() -> None:
    with pytest.raises(RunError, match="outside 0 to 1"):
        mean_by_cluster([0.0, 3.0], ["a", "b"])
    with pytest.raises(RunError, match="2 values but 1 clusters"):
        mean_by_cluster([0.0, 1.0], ["a"])


def test_wilson_agrees_with_published_figures() -> None:
    found = wilson(81, 263)
    assert (found.low, found.high) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert wilson(0, 0).n == 0 and wilson(0, 10).low == 0 and 0.2 < wilson(0, 10).high < 0.3


def test_students_t_is_close_to_scipys() -> None:
    t = pytest.importorskip("scipy.stats").t
    for freedom in (1, 2, 3, 5, 9, 30, 200):
        assert student_quantile(0.95, freedom) == pytest.approx(t.ppf(0.975, freedom), rel=0.01)
    for freedom in (9, 30, 200):
        assert student_tails(2.5, freedom) == pytest.approx(2 * t.sf(2.5, freedom), rel=0.02)


def test_resamples_draw_as_many_prompts_as_there_are() -> None:
    weights = bootstrap_weights(7, 500, 1)
    assert weights.shape == (500, 7)
    assert (weights.sum(axis=1) == 7).all()
    assert weights.mean(axis=0) == pytest.approx(np.ones(7), abs=0.2)
    assert bootstrap_weights(0, 5, 1).shape == (5, 0)


def test_a_change_is_taken_on_the_prompts_that_both_sides_have() -> None:
    before, after = [0.0, 0.0, 1.0], [1.0, 1.0, 0.0]
    found = difference_by_cluster(before, after, ["a", "b", "c"], ["b", "a", "d"])
    assert (found.value, found.n) == (1.0, 2)
    assert paired_differences(before, after, ["a", "b", "c"]).tolist() == [1.0, 1.0, -1.0]


def test_pairing_cancels_what_is_the_prompts_own() -> None:
    rng = np.random.default_rng(3)
    ease = rng.random(60) * 0.8
    paired = difference_by_cluster(ease, ease + rng.random(60) * 0.2, range(60))
    assert paired.excludes_zero and paired.high - paired.low < 0.05


def test_the_sign_flip_test_is_exact_for_few_and_close_for_many() -> None:
    assert sign_flip_p([1.0] * 5) == pytest.approx(2 / 32)
    assert sign_flip_p([0.0, 0.0]) == 1.0 and sign_flip_p([]) == 1.0
    assert sign_flip_p([0.2] * 40, seed=1) < 0.001
    assert sign_flip_p([0.2, -0.2] * 20, seed=1) == 1.0


def test_macro_f1_and_accuracy_are_those_of_scikit_learn() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(2)
    truth = rng.integers(0, 4, 120).tolist()
    guess = [value if rng.random() < 0.6 else int(rng.integers(0, 4)) for value in truth]
    prompts = (np.arange(120) // 4).tolist()
    found = by_cluster(macro_f1(truth, guess), prompts, rounds=200)
    assert found.value == pytest.approx(metrics.f1_score(truth, guess, average="macro"))
    assert found.low < found.value < found.high and found.n == 30
    right = by_cluster(accuracy(truth, guess), prompts, rounds=200)
    assert right.value == pytest.approx(metrics.accuracy_score(truth, guess))


def test_a_statistic_by_prompt_agrees_with_the_mean_by_prompt() -> None:
    values, prompts = [0.0, 1.0] * 30, (np.arange(60) // 2).tolist()
    values[0] = 1.0
    one, other = (
        by_cluster(weighted_mean(values), prompts, seed=4),
        mean_by_cluster(values, prompts, seed=4),
    )
    assert (one.value, one.low, one.high) == pytest.approx((other.value, other.low, other.high))


def test_a_statistic_without_rows_or_without_an_answer_leaves_everything_open() -> None:
    nothing = by_cluster(weighted_mean([]), [])
    assert math.isnan(nothing.value) and (nothing.low, nothing.high) == (0, 1)
    perfect = by_cluster(accuracy(["a", "b"] * 10, ["a", "b"] * 10), range(20))
    assert perfect.high == 1 and 0.8 < perfect.low < 1


def test_the_smallest_detectable_difference_is_the_tables() -> None:
    assert smallest_detectable(783) == pytest.approx(0.05, abs=1e-3)
    assert smallest_detectable(194) == pytest.approx(0.1, abs=1e-3)
    assert smallest_detectable(47) == pytest.approx(0.2, abs=2e-3)
    assert smallest_detectable(0) == smallest_detectable(1) == 0.5
