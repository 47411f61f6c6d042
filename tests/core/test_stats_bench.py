"""The bench of known truth: a killed run goes on, and its worlds are what they say."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from bench.bulk.lines import Line
from bench.evaluation.blocks import Measure, Tally, tallied
from bench.evaluation.coverage import covered
from bench.evaluation.table import BEGIN, END, written
from bench.evaluation.worlds import Classifier, Contest, Players, Raters
from core.evaluation.stats.agreement import cohen_kappa
from core.evaluation.stats.classification import macro_f1


class Killed(Exception):
    """Stands for a kill in the middle of a block."""


class Counting:
    """A measure's experiment that counts itself and may be killed."""

    def __init__(self, killed_at: int = -1) -> None:
        self.done = 0
        self.killed_at = killed_at

    def once(self, rng: np.random.Generator) -> Tally:
        self.done += 1
        if self.done == self.killed_at:
            raise Killed
        return Counter({"drawn": float(rng.random())})

    def measure(self) -> Measure:
        return Measure(self.once, lambda sums, count: [], block=5, most=50)


def test_a_killed_run_goes_on_and_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    with pytest.raises(Killed):
        tallied("a", Counting(killed_at=13).measure(), 20, tmp_path / "killed.jsonl")
    again = Counting()
    found = tallied("a", again.measure(), 20, tmp_path / "killed.jsonl")
    assert again.done == 10
    assert found == tallied("a", Counting().measure(), 20, tmp_path / "whole.jsonl")
    assert found[1] == 20


def test_more_experiments_only_add_blocks_up_to_the_most(tmp_path: Path) -> None:
    path, more = tmp_path / "blocks.jsonl", Counting()
    tallied("a", Counting().measure(), 20, path)
    assert tallied("a", more.measure(), 1000, path)[1] == 50
    assert more.done == 30


def test_a_line_outside_93_to_97_percent_misses() -> None:
    assert covered("", 95, 100).holds and not covered("", 92, 100).holds and not covered("", 98, 100).holds


def test_lines_replace_their_own_and_leave_the_others() -> None:
    readme = f"before\n{BEGIN}\n| one | 1 |\n| two | 2 |\n{END}\nafter"
    found = written(readme, [Line("two", "3")], "a machine")
    assert "| one | 1 |" in found and "| two | 3 |" in found and "| two | 2 |" not in found
    assert found.startswith("before") and found.endswith("after")


def test_the_worlds_truths_are_what_endless_experiments_would_find() -> None:
    rng = np.random.default_rng(1)
    contest = Contest(1.2)
    assert contest.judged(100_000, rng)[0].mean() == pytest.approx(contest.truth, abs=0.005)
    classifier = Classifier(1.0)
    truth, guess, _ = (column.tolist() for column in classifier.read(30_000, rng))
    assert macro_f1(truth, guess)(np.ones((1, len(truth))))[0] == pytest.approx(
        classifier.macro_f1, abs=0.005
    )
    raters = Raters()
    person, judge, _ = (column.tolist() for column in raters.rated(50_000, 1, rng))
    assert cohen_kappa(person, judge, rounds=2).value == pytest.approx(raters.kappa, abs=0.01)


def test_whims_flatten_a_ranking_and_without_them_it_is_the_scores() -> None:
    scores = np.linspace(-1, 1, 5)
    assert Players(scores, whims=0.0).truth() == pytest.approx(scores, abs=1e-4)
    flat = Players(scores, whims=1.0).truth()
    assert 0.7 < flat[-1] < 0.95
