"""Bradley-Terry, Elo and pairing: known strengths come back, and rows in another order change nothing."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import RunError
from core.evaluation.stats.bradley_terry import (
    ELO,
    Comparisons,
    Ties,
    bootstrap,
    connected,
    fit,
    shift,
    split_half,
)
from core.evaluation.stats.elo import elo, order_spread
from core.evaluation.stats.intervals import Floats, bootstrap_weights
from core.evaluation.stats.pairing import balanced_pairs
from core.evaluation.stats.ranks import disattenuated, mean_ranks, order, spearman


def sigmoid(x: Floats) -> Floats:
    return 1 / (1 + np.exp(-x))


def played(
    scores: Floats, games: int, seed: int, *, position: float = 0.0, tie: float = 0.0, prompts: int = 50
) -> Comparisons:
    """A Rao-Kupper world's verdicts on balanced pairs."""
    rng = np.random.default_rng(seed)
    pairs = balanced_pairs(len(scores), games, seed)
    lead = scores[pairs[:, 0]] - scores[pairs[:, 1]] + position
    drawn, won, lost = rng.random(games), sigmoid(lead - tie), sigmoid(-lead - tie)
    outcome = np.where(drawn < won, 1.0, np.where(drawn < won + lost, 0.0, 0.5))
    return Comparisons(pairs[:, 0], pairs[:, 1], outcome, rng.permutation(np.arange(games) % prompts))


def rows(*games: tuple[int, int, float]) -> Comparisons:
    left, right, outcome = (np.array(column) for column in zip(*games, strict=True))
    return Comparisons(left, right, outcome.astype(float), np.arange(len(games)))


NOTHING = Comparisons(
    *(np.zeros(0, dtype=np.int64) for _ in range(2)), np.zeros(0), np.zeros(0, dtype=np.int64)
)
SCORES = np.linspace(-1, 1, 8)


def test_known_strengths_ties_and_the_advantage_of_the_first_place_come_back() -> None:
    found = fit(played(SCORES, 40_000, 1, position=0.4, tie=0.5), 8)
    assert found.scores == pytest.approx(SCORES, abs=0.06)
    assert (found.position, found.tie) == (pytest.approx(0.4, abs=0.04), pytest.approx(0.5, abs=0.04))
    assert found.converged and found.connected and found.n == 40_000
    assert found.elo == pytest.approx(found.scores * 173.72, rel=1e-3)


@pytest.mark.parametrize("ties", ["rao-kupper", "davidson", "half"])
def test_all_models_of_ties_agree_where_there_are_none(ties: Ties) -> None:
    world = played(SCORES, 2000, 2)
    assert fit(world, 8, ties=ties).scores == pytest.approx(fit(world, 8, ties="half").scores, abs=1e-4)


def test_davidsons_own_world_comes_back() -> None:
    rng = np.random.default_rng(3)
    pairs = balanced_pairs(8, 40_000, 3)
    lead = SCORES[pairs[:, 0]] - SCORES[pairs[:, 1]]
    chances = np.stack([np.exp(lead / 2), np.full(len(lead), math.exp(-0.5)), np.exp(-lead / 2)])
    drawn = rng.random(len(lead)) * chances.sum(axis=0)
    outcome = np.where(drawn < chances[0], 1.0, np.where(drawn < chances[:2].sum(axis=0), 0.5, 0.0))
    found = fit(Comparisons(pairs[:, 0], pairs[:, 1], outcome, np.arange(len(lead))), 8, ties="davidson")
    assert found.scores == pytest.approx(SCORES, abs=0.06)
    assert found.tie == pytest.approx(-0.5, abs=0.05)


def test_a_judge_who_likes_the_first_place_does_not_change_who_is_best() -> None:
    fair, biased = (fit(played(SCORES, 20_000, 4, position=bias), 8) for bias in (0.0, 1.0))
    assert abs(fair.position) < 0.06 and biased.position == pytest.approx(1.0, abs=0.06)
    assert biased.scores == pytest.approx(SCORES, abs=0.1)
    assert fit(played(SCORES, 2000, 4, position=1.0), 8, position=False).position == 0


def test_the_fit_is_where_the_likelihood_is_highest() -> None:
    optimize = pytest.importorskip("scipy.optimize")
    world = played(SCORES[:4], 300, 5, position=0.3, tie=0.4)

    def loss(free: Floats) -> float:
        lead = free[world.left] - free[world.right] + free[4]
        won, lost = sigmoid(lead - free[5]), sigmoid(-lead - free[5])
        chance = np.where(world.outcome == 1, won, np.where(world.outcome == 0, lost, 1 - won - lost))
        prior = -0.5 * np.log(sigmoid(free[:4]) * sigmoid(-free[:4])).sum() + 1e-3 / 2 * (free**2).sum()
        return float(-np.log(chance).sum() + prior)

    limits = [(-3, 3)] * 5 + [(0.01, 3)]
    start = np.array([0, 0, 0, 0, 0, 0.5])
    best = optimize.minimize(loss, start, method="L-BFGS-B", bounds=limits, tol=1e-12).x
    found = fit(world, 4)
    assert found.scores == pytest.approx(best[:4] - best[:4].mean(), abs=1e-4)
    assert (found.position, found.tie) == pytest.approx((best[4], best[5]), abs=1e-4)


@given(st.permutations(range(60)), st.integers(0, 3))
@settings(max_examples=20, deadline=None)
def test_rows_in_another_order_give_the_same_ranking(mixed: list[int], seed: int) -> None:
    world = played(SCORES[:4], 60, seed, tie=0.3)
    other = Comparisons(world.left[mixed], world.right[mixed], world.outcome[mixed], world.cluster[mixed])
    assert fit(other, 4).scores == pytest.approx(fit(world, 4).scores, abs=1e-9)


@given(st.permutations(range(4)))
@settings(max_examples=10, deadline=None)
def test_renaming_items_renames_their_scores(names: list[int]) -> None:
    world, new = played(SCORES[:4], 200, 6, tie=0.3), np.array(names)
    renamed = Comparisons(new[world.left], new[world.right], world.outcome, world.cluster)
    assert fit(renamed, 4).scores[new] == pytest.approx(fit(world, 4).scores, abs=1e-6)


def test_a_row_of_weight_two_is_two_rows() -> None:
    world = played(SCORES[:4], 100, 7, tie=0.3)
    doubled = Comparisons(world.left, world.right, world.outcome, world.cluster, np.full(100, 2.0))
    twice = Comparisons(
        *(
            np.concatenate([column] * 2)
            for column in (world.left, world.right, world.outcome, world.cluster)
        )
    )
    assert fit(doubled, 4).scores == pytest.approx(fit(twice, 4).scores, abs=1e-9)


def test_no_rows_all_ties_and_all_won_give_finite_scores() -> None:
    none = fit(NOTHING, ["a", "b", "c"])
    assert none.scores.tolist() == [0, 0, 0] and not none.connected and none.n == 0
    ties = fit(rows((0, 1, 0.5), (1, 2, 0.5), (2, 0, 0.5)), 3)
    assert ties.scores == pytest.approx(np.zeros(3), abs=1e-6) and np.isfinite(ties.tie) and ties.converged
    won = fit(rows(*[(0, 1, 1.0)] * 20, *[(1, 0, 0.0)] * 20), 2)
    assert np.isfinite(won.scores).all() and won.scores[0] > 2 and won.converged


def test_groups_that_never_met_are_reported() -> None:
    apart = rows((0, 1, 1.0), (2, 3, 0.0))
    assert not connected(apart, 4) and not fit(apart, 4).connected
    assert connected(rows((0, 1, 1.0), (2, 3, 0.0), (1, 2, 0.5)), 4)


@pytest.mark.parametrize(
    ("game", "said"), [((0, 5, 1.0), "item 5 of 3"), ((1, 1, 1.0), "itself"), ((0, 1, 0.7), "neither 0")]
)
def test_impossible_rows_are_refused(game: tuple[int, int, float], said: str) -> None:
    with pytest.raises(RunError, match=said):
        fit(rows(game), 3)


def test_resamples_started_at_the_fit_are_fits_of_their_own() -> None:
    """To within what the halves of a win and a loss, whose weights are drawn too, do to 4,000 rows."""
    world = played(SCORES, 4000, 8, position=0.3, tie=0.4, prompts=20)
    draws = bootstrap(world, 8, rounds=5, seed=9)
    weights = bootstrap_weights(20, 5, 9)[:, world.cluster]
    for drawn, weight in zip(draws, weights, strict=True):
        alone = fit(Comparisons(world.left, world.right, world.outcome, world.cluster, weight), 8)
        assert drawn == pytest.approx(alone.scores, abs=0.02)


def test_an_item_that_wins_everything_keeps_a_wide_interval() -> None:
    before = played(np.zeros(6), 600, 1)
    always = np.where(before.left == 0, 1.0, np.where(before.right == 0, 0.0, before.outcome))
    after = Comparisons(before.left, before.right, always, before.cluster)
    first, *others = shift(before, after, 6, rounds=300)
    assert first.delta.low > 200 and first.p < 0.01
    assert first.delta.high - first.delta.low > 3 * (others[0].delta.high - others[0].delta.low)


def test_intervals_of_changes_hold_the_truth_and_marks_follow() -> None:
    moved = np.array([1.0, -1.0, 0, 0, 0, 0, 0, 0])
    hits = []
    for seed in range(30):
        before, after = played(SCORES, 600, seed), played(SCORES + moved, 600, seed)
        found = shift(before, after, 8, rounds=200, seed=seed)
        hits += [
            one.delta.low <= truth * ELO <= one.delta.high for one, truth in zip(found, moved, strict=True)
        ]
    assert 0.9 <= np.mean(hits) <= 0.99


def test_a_large_change_is_told_with_its_prompts() -> None:
    before, after = played(SCORES, 1500, 1), played(SCORES[::-1].copy(), 1500, 1)
    found = shift(before, after, 8, rounds=200)
    assert found[0].delta.low > 0 and found[7].delta.high < 0 and found[0].p < 1e-6
    assert found[0].item == 0 and found[0].delta.n == 50


def test_a_change_of_an_item_that_never_played_stays_open() -> None:
    world = rows((0, 1, 1.0), (1, 0, 1.0), (0, 1, 0.0))
    found = shift(world, world, 3, rounds=50)[2]
    assert (found.delta.low, found.delta.high, found.p, found.delta.n) == (-math.inf, math.inf, 1.0, 0)
    assert [one.p for one in shift(NOTHING, NOTHING, 2, rounds=10)] == [1.0, 1.0]


def test_halves_of_much_data_agree_and_of_noise_do_not() -> None:
    much = split_half(played(SCORES, 8000, 2), 8)
    assert much.halves > 0.9 and much.halves <= much.corrected <= 1
    noise = split_half(played(np.zeros(24), 300, 2), 24)
    assert abs(noise.halves) < 0.5


def test_elo_depends_on_the_order_of_the_same_rows_and_bradley_terry_does_not() -> None:
    world = played(np.random.default_rng(1).normal(0, 100 / ELO, 30), 5000, 3)
    spread = order_spread(world, 30, orders=6)
    assert spread.sd > 30 and spread.pearson < 0.95 and spread.lowest <= spread.spearman
    mixed = np.random.default_rng(2).permutation(5000)
    other = Comparisons(world.left[mixed], world.right[mixed], world.outcome[mixed], world.cluster[mixed])
    assert fit(other, 30).elo == pytest.approx(fit(world, 30).elo, abs=1e-6)


def test_elo_is_the_textbooks() -> None:
    found = elo(rows((0, 1, 1.0), (0, 1, 0.5)), 2)
    second = 32 * (0.5 - 1 / (1 + 10 ** (-32 / 400)))
    assert found == pytest.approx([1016 + second, 984 - second])
    assert elo(NOTHING, 3).tolist() == [1000.0] * 3


@given(st.integers(2, 15), st.integers(0, 400), st.integers(0, 9))
@settings(max_examples=60, deadline=None)
def test_balanced_pairs_are_balanced(items: int, count: int, seed: int) -> None:
    pairs = balanced_pairs(items, count, seed)
    assert pairs.shape == (count, 2) and (pairs[:, 0] != pairs[:, 1]).all()
    first, second = (np.bincount(pairs[:, side], minlength=items) for side in (0, 1))
    assert np.ptp(first + second) <= 2 and np.abs(first - second).max(initial=0) <= 3
    met = np.zeros((items, items), dtype=int)
    np.add.at(met, (pairs.min(axis=1), pairs.max(axis=1)), 1)
    assert np.ptp(met[np.triu_indices(items, 1)]) <= 1


def test_pairs_follow_the_seed_and_need_two_items() -> None:
    assert (balanced_pairs(9, 50, 1) == balanced_pairs(9, 50, 1)).all()
    assert (balanced_pairs(9, 50, 1) != balanced_pairs(9, 50, 2)).any()
    with pytest.raises(RunError, match="at least two"):
        balanced_pairs(1, 5, 0)


def test_rank_correlation_is_scipys() -> None:
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(4)
    a, b = rng.integers(0, 6, 40).astype(float), rng.normal(size=40)
    found = spearman(a, b, rounds=300)
    assert found.value == pytest.approx(stats.spearmanr(a, b).statistic)
    assert found.low <= found.value <= found.high and found.n == 40
    assert mean_ranks(a) == pytest.approx(stats.rankdata(a))


def test_a_correlation_that_cannot_be_told_stays_open() -> None:
    constant = spearman([1.0] * 10, list(range(10)))
    assert math.isnan(constant.value) and (constant.low, constant.high) == (-1, 1)
    assert spearman([1.0, 2.0], [1.0, 2.0]).low == -1
    with pytest.raises(RunError, match="3 scores against 2"):
        spearman([1.0, 2.0, 3.0], [1.0, 2.0])
    assert disattenuated(0.4, 0.5, 0.8) == pytest.approx(0.632, abs=1e-3)
    assert math.isnan(disattenuated(0.4, float("nan"), 0.8)) and math.isnan(disattenuated(0.4, 0.0, 0.8))
    assert order([0.1, 0.9, 0.5]).tolist() == [1, 2, 0]
