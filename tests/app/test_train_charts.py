"""A training's curves and words: what the charts hold and what is said of them."""

from __future__ import annotations

import pytest

from app.train_charts import Curve, curve_chart, measured, smoothed, values_of
from app.train_words import course, fields_of, local_seconds, meaning, plain_number, recipe_words
from core.tuning.trainings import Point

POINTS = [Point(1, 2.0, -0.1, 0.25), Point(2, 1.0, None, 1.0), Point(3, 0.5, 3.0, 1.0)]


def test_a_chart_holds_every_step_and_a_line_a_training() -> None:
    figure = curve_chart("loss", [Curve("A", POINTS, 12), Curve("B", POINTS[:2])])
    dots, first, second = figure.data
    assert list(dots.x) == list(first.x) == [1, 2, 3]
    assert list(second.x) == [1, 2]
    assert figure.layout.xaxis.range == (0.5, 12.5)
    assert [note.text[-1] for note in figure.layout.annotations] == ["A", "B"]


def test_a_chart_without_points_still_stands() -> None:
    for measure in ("loss", "margin", "accuracy"):
        assert curve_chart(measure, []).layout.height
        assert curve_chart(measure, [Curve("", [], 4)]).layout.xaxis.range == (0.5, 4.5)


def test_what_was_not_measured_is_left_out() -> None:
    assert values_of(POINTS, "margin") == [(1, -0.1), (3, 3.0)]
    assert measured([Point(1, loss=2.0)]) == ["loss"]
    assert measured([]) == []


def test_negative_margins_are_inside_the_frame() -> None:
    least, _ = curve_chart("margin", [Curve("", POINTS)]).layout.yaxis.range
    assert least < -0.1


def test_a_line_is_the_mean_of_the_last_steps() -> None:
    values = [float(value) for value in range(20)]
    assert smoothed(values)[:3] == [0.0, 0.5, 1.5]
    assert smoothed([5.0]) == [5.0]


def test_many_steps_are_thinned_and_the_last_one_stays() -> None:
    figure = curve_chart("loss", [Curve("", [Point(step, 1.0) for step in range(1, 5001)])])
    assert len(figure.data[0].x) <= 300
    assert figure.data[0].x[-1] == 5000


def test_a_curve_is_told_in_words() -> None:
    assert (course("loss", []), course("accuracy", [0.5, 1.0])) == ("", "50\u00a0% → 100\u00a0%")
    assert meaning("loss", None) == "How far it is from what it should say; it should fall."
    assert meaning("accuracy", 4).endswith("A dot is one step of 4 of its rows.")


def test_a_recipe_is_told_in_words() -> None:
    assert recipe_words("dpo", 1, {"batch": 4, "epochs": 1}) == "1 pass over 1 pair, 4 a step: 1 step."
    assert recipe_words("sft", 9, {"batch": 4, "epochs": 2}) == (
        "2 passes over 9 conversations, 4 a step: 6 steps."
    )


def test_expert_numbers_belong_to_their_kind() -> None:
    assert "dpo-beta" in [field.flag for field in fields_of("dpo")]
    assert "dpo-beta" not in [field.flag for field in fields_of("sft")]


@pytest.mark.parametrize(("value", "said"), [(5e-5, "0.00005"), (1, "1"), (0.1, "0.1"), (2.0, "2")])
def test_numbers_are_written_as_flags_take_them(value: float, said: str) -> None:
    assert plain_number(value) == said


def test_times_are_guessed_roughly_and_better_after_a_first_training() -> None:
    assert local_seconds(40, 2, 1.0) < local_seconds(40, 2)
