"""Charts show the cells as they are: every interval, how many, in one sentence; nothing that is unknown."""

from __future__ import annotations

import re
import string
import subprocess
import sys
from typing import Any

import plotly.graph_objects as go
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.charts import CHARTS, Chart, charts_of
from core.charts.lines_places import spaced
from core.charts.plot import Dots, Mark, marks_of
from core.evaluation.results import KINDS, Cell, EvalResult
from core.settings import PROJECT
from tests.core import eval_results

EVERY = [*eval_results.all_results(), eval_results.sweep()]


def charts(*, most: int | None = 12) -> list[tuple[EvalResult, Chart]]:
    return [(result, chart) for result in EVERY for chart in charts_of(result, most=most)]


CHARTS_OF_ALL = charts()
NAMES = [f"{result.kind}-{chart.name}" for result, chart in CHARTS_OF_ALL]


def drawn_intervals(figure: go.Figure) -> list[tuple[float, float, float]]:
    """(value, low, high) of every point that a figure draws with bars to both sides."""
    found: list[tuple[float, float, float]] = []
    for trace in figure.data:
        for axis, bars in (("x", trace.error_x), ("y", getattr(trace, "error_y", None))):
            if bars is not None and bars.array is not None:
                for value, up, down in zip(getattr(trace, axis), bars.array, bars.arrayminus, strict=True):
                    found.append((round(value, 9), round(value - down, 9), round(value + up, 9)))
    return found


def test_every_kind_of_evaluation_has_charts() -> None:
    assert set(CHARTS) == set(KINDS)


@pytest.mark.parametrize(("result", "chart"), CHARTS_OF_ALL, ids=NAMES)
def test_a_chart_is_a_valid_figure_with_one_sentence_that_says_how_many(
    result: EvalResult, chart: Chart
) -> None:
    assert chart.figure is not None
    go.Figure(chart.figure.to_dict())
    assert re.search(r"\(n = \d", chart.sentence)
    assert not chart.sentence[0].islower() and chart.sentence.rstrip().endswith(".")


@pytest.mark.parametrize(("result", "chart"), CHARTS_OF_ALL, ids=NAMES)
def test_every_interval_that_is_drawn_is_the_cells(result: EvalResult, chart: Chart) -> None:
    known = {
        (round(cell.value, 9), round(cell.low, 9), round(cell.high, 9))
        for cell in result.cells
        if cell.value is not None and cell.low is not None and cell.high is not None
    }
    # What the pairs teach has its intervals in the details, of the difference from the rejected answers.
    known |= {
        (one["chosen"], *(round(min(1, max(0, one["rejected"] + one[end])), 9) for end in ("low", "high")))
        for one in result.details.get("taught", ())
    }
    bars = [bar for bar in drawn_intervals(chart.figure or go.Figure()) if bar[1] != bar[2]]
    assert set(bars) <= known


@pytest.mark.parametrize(("result", "chart"), CHARTS_OF_ALL, ids=NAMES)
def test_a_click_on_any_mark_leads_to_its_cell(result: EvalResult, chart: Chart) -> None:
    fields = {"group", "speaker", "measure", "versus"}
    points = [point for trace in (chart.figure or go.Figure()).data for point in trace.customdata or ()]
    assert points and all(set(point) == fields for point in points)


def test_a_row_of_traits_shows_before_and_after_with_both_intervals() -> None:
    result = EvalResult("traits", "pirate", "run")
    result.cells = [
        Cell("in character", 0.02, 0.0, 0.1, 20, group="voice", speaker="base"),
        Cell("in character", 0.85, 0.71, 0.93, 20, group="voice", speaker="tuned"),
        Cell("in character", 0.83, 0.7, 0.95, 20, "points", "voice", "tuned", "base"),
    ]
    chart = charts_of(result, traits={"voice": "I talk like the sea."})[0]
    assert isinstance(chart.plot, Dots)
    row = chart.plot.rows[0]
    assert row.label == "I talk like the sea."
    assert [(mark.series, mark.value, mark.low, mark.high) for mark in row.marks] == [
        ("base", 0.02, 0.0, 0.1),
        ("tuned", 0.85, 0.71, 0.93),
    ]
    assert row.note == "+83 pts"


def test_names_at_the_end_of_lines_keep_apart_and_those_elsewhere_keep_their_place() -> None:
    assert spaced([1.0, 0.0, 1.0], 0.1, 1.0) == [0.9, 0.0, 1.0]
    assert spaced([0.0, 0.0], 0.1, 1.0) == [0.0, 0.1]


def test_rows_of_preferences_stand_by_shift_and_only_marked_ones_are_strong() -> None:
    chart = charts_of(eval_results.preferences(), most=None)[0]
    assert isinstance(chart.plot, Dots)
    shifts = {c.group.capitalize(): c for c in eval_results.preferences().find("shift", versus="base")}
    values = [shifts[row.label].value or 0.0 for row in chart.plot.rows]
    assert values == sorted(values, reverse=True)
    assert all(row.strong == shifts[row.label].marked for row in chart.plot.rows)


def test_only_the_most_moved_traits_are_shown_unless_all_are_wanted() -> None:
    few, every = (charts_of(eval_results.preferences(), most=most)[0] for most in (5, None))
    assert isinstance(few.plot, Dots) and isinstance(every.plot, Dots)
    assert (len(few.plot.rows), few.more) == (5, len(eval_results.WORDS) - 5)
    assert (len(every.plot.rows), every.more) == (len(eval_results.WORDS), 0)


def test_other_formats_stand_apart_from_requests_to_drop_the_role() -> None:
    plot = charts_of(eval_results.robustness())[0].plot
    assert isinstance(plot, Dots)
    labels = [row.label for row in plot.rows]
    heading = next(place for place, row in enumerate(plot.rows) if row.heading)
    assert labels[0] == "Asked plainly"
    assert labels[heading + 1 :] == ["As an e-mail", "As JSON", "As a code review"]


def test_won_tied_and_lost_fill_a_bar() -> None:
    plot = charts_of(eval_results.coherence())[0].plot
    assert plot is not None
    for row in plot.rows:  # type: ignore[union-attr]
        assert sum(mark.value for mark in row.marks) == pytest.approx(1.0)


def test_the_sweep_names_the_strength_that_is_most_in_character_and_what_it_costs() -> None:
    chart = next(chart for chart in charts_of(eval_results.sweep()) if chart.name == "strength")
    assert "strength 1.5: 88 %" in chart.sentence and "41 % of answers repeat themselves" in chart.sentence


@pytest.mark.parametrize("kind", KINDS)
def test_without_anything_measured_a_chart_teaches_instead_of_drawing(kind: str) -> None:
    found = charts_of(EvalResult(kind, "pirate", "run"))
    assert found
    assert all(chart.figure is None and len(chart.sentence) > 30 for chart in found)


@pytest.mark.parametrize("palette", ["theme", "light", "dark"])
def test_series_differ_in_shape_and_not_in_colour_alone(palette: Any) -> None:
    for result in EVERY:
        for chart in charts_of(result, palette=palette):
            assert chart.figure is not None
            shapes = [
                t.marker.symbol for t in chart.figure.data if t.type == "scatter" and t.mode == "markers"
            ]
            colours = [
                t.marker.color for t in chart.figure.data if t.type == "scatter" and t.mode == "markers"
            ]
            assert len(set(zip(shapes, colours, strict=True))) >= len(set(colours))
            assert len(set(shapes)) >= len(set(colours))


def test_labels_are_text_whatever_stands_in_them() -> None:
    hostile = '<a href="https://example.org">x</a>\u202e<b>\x1b[31mred</b> $\\alpha$ %{x}'
    result = eval_results.traits()
    for chart in charts_of(result, traits=dict.fromkeys(eval_results.TRAITS, hostile)):
        text = str((chart.figure or go.Figure()).to_json())
        assert "<a href" not in text and "\\u202e" not in text and "\\u001b" not in text


def test_charts_load_plotly_only_when_a_figure_is_wanted() -> None:
    probe = "import sys, core.charts; print('plotly' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, check=True, cwd=PROJECT
    )
    assert done.stdout.strip() == "False"


# ---- whatever a result holds

shares = st.one_of(st.none(), st.floats(0, 1), st.just(float("nan")))
labels = st.one_of(
    st.sampled_from(["", "base", "tuned", "1", "7", "voice", "x" * 300]), st.text(max_size=30)
)
cells = st.builds(
    Cell,
    st.sampled_from(
        [
            *("in character", "drift", "win", "tie", "loss", "win rate", "strength", "shift", "correct"),
            *("kappa", "markdown", "told apart", "appropriate", "length"),
        ]
    ),
    shares,
    shares,
    shares,
    st.integers(0, 500),
    st.sampled_from(["share", "points", "elo", "ratio", "rank", "count"]),
    labels,
    labels,
    st.one_of(st.none(), st.just("base"), labels),
    st.none(),
    st.one_of(st.none(), st.booleans()),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(KINDS), st.lists(cells, max_size=25), st.sampled_from([None, 3]))
def test_any_cells_give_valid_charts_or_a_sentence(kind: str, found: list[Cell], most: int | None) -> None:
    for chart in charts_of(EvalResult(kind, "pirate", "run", cells=found), most=most):
        assert chart.sentence and chart.title
        if chart.plot is not None:
            assert chart.figure is not None
            for mark in marks_of(chart.plot):
                assert isinstance(mark, Mark) and mark.value == mark.value
                assert not set(mark.source.measure) - set(string.printable)


def test_a_few_prompts_a_trait_are_said_to_be_too_few_for_single_traits() -> None:
    result = eval_results.traits()
    result.cells = [
        cell if cell.group in ("", "everyday") else Cell(**cell.as_dict() | {"n": 2})
        for cell in result.cells
    ]
    assert "at most 2 prompts a trait are too few to tell single traits" in charts_of(result)[0].sentence


def test_preferences_of_one_model_alone_are_shown_as_they_are() -> None:
    result = eval_results.preferences()
    result.cells = [cell for cell in result.cells if cell.speaker == "base"]
    chart = charts_of(result, most=6)[0]
    assert isinstance(chart.plot, Dots) and len(chart.plot.rows) == 6
    values = [row.marks[0].value for row in chart.plot.rows]
    assert values == sorted(values, reverse=True)
    assert "not compared yet (n = 40 prompts)" in chart.sentence
