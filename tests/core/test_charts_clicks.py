"""A click on a mark shows the rows that went into it, and the constitution's sentence about them."""

from __future__ import annotations

from core.charts import charts_of
from core.charts.clicks import selected
from tests.core import eval_results


def click(**about: str | None) -> dict[str, object]:
    """What Streamlit hands on for one clicked point."""
    return {"selection": {"points": [{"x": 0.8, "y": 12, "customdata": about}]}}


def test_a_trait_shows_its_rows_and_its_sentence() -> None:
    result = eval_results.traits()
    cell, rows, sentence = selected(
        click(group="voice", speaker="tuned", measure="in character", versus=None), result
    )
    assert cell is not None and (cell.group, cell.speaker, cell.versus) == ("voice", "tuned", None)
    assert rows and all(row["speaker"] == "tuned" and row["trait"] == "voice" for row in rows)
    assert sentence == eval_results.TRAITS["voice"]


def test_a_difference_shows_the_rows_of_both() -> None:
    result = eval_results.preferences()
    _, rows, _ = selected(click(group="formal", speaker="tuned", measure="shift", versus="base"), result)
    assert {row["speaker"] for row in rows} == {"base", "tuned"}


def test_a_part_of_a_bar_shows_only_pairs_that_ended_so_against_that_opponent() -> None:
    result = eval_results.coherence()
    _, rows, _ = selected(click(group="coherence", speaker="tuned", measure="tie", versus="base"), result)
    assert rows and {(row["outcome"], row["versus"], row["group"]) for row in rows} == {
        ("tie", "base", "coherence")
    }


def test_a_preferred_trait_shows_every_pair_in_which_it_stood() -> None:
    result = eval_results.preferences()
    _, rows, _ = selected(click(group="formal", speaker="tuned", measure="strength", versus=None), result)
    assert any(row["second"] == "formal" for row in rows) and any(row["first"] == "formal" for row in rows)


def test_all_prompts_mean_all_rows_of_the_speaker() -> None:
    result = eval_results.robustness()
    _, rows, sentence = selected(
        click(group="", speaker="base", measure="in character", versus=None), result
    )
    assert len(rows) == sum(row["speaker"] == "base" for row in result.rows)
    assert sentence is None


def test_no_click_and_a_click_on_nothing_show_nothing() -> None:
    result = eval_results.traits()
    for nothing in (None, {}, {"selection": {"points": []}}, {"selection": {"points": [{"x": 1}]}}):
        assert selected(nothing, result) == (None, [], None)


def test_a_click_on_what_a_newer_result_lacks_finds_no_cell() -> None:
    cell, rows, _ = selected(
        click(group="gone", speaker="tuned", measure="in character", versus=None), eval_results.traits()
    )
    assert cell is None and rows == []


def test_every_mark_of_the_main_charts_has_rows() -> None:
    for result in (eval_results.traits(), eval_results.robustness(), eval_results.coherence()):
        chart = charts_of(result)[0]
        assert chart.figure is not None
        points = [point for trace in chart.figure.data for point in trace.customdata or ()]
        assert points
        for point in points:
            cell, rows, _ = selected({"selection": {"points": [{"customdata": point}]}}, result)
            assert cell is not None and rows, point
