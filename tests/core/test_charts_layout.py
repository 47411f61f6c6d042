"""Marks that would lie on one another stand apart, labels fit, and names of lines keep their distance."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.charts.layout import laid_out, lanes_of, wrapped
from core.charts.lines_places import spaced
from core.charts.palette import KNOWN, key_lines, styles_of
from core.charts.plot import Axis, Dots, Line, Mark, Source
from core.charts.words import clean, for_plotly, number, short
from core.evaluation.results import SPEAKERS

shares = st.floats(0, 1)


def mark(series: str, ends: tuple[float, float, float]) -> Mark:
    low, value, high = sorted(ends)
    return Mark(value, low, high, series, Source(), "")


rows = st.lists(st.tuples(shares, shares, shares), min_size=1, max_size=5).map(
    lambda found: [mark(f"s{place}", ends) for place, ends in enumerate(found)]
)


@given(rows, st.floats(0, 0.05))
def test_no_interval_lies_on_another_of_its_lane(marks: list[Mark], room: float) -> None:
    lanes = lanes_of(marks, room)
    assert set(lanes) == {one.series for one in marks}
    for lane in set(lanes.values()):
        inside = sorted((m.low or 0.0, m.high or 0.0) for m in marks if lanes[m.series] == lane)
        assert all(before[1] < after[0] for before, after in pairwise(inside))


@given(st.lists(rows, min_size=1, max_size=6), st.lists(st.text(max_size=120), min_size=6, max_size=6))
def test_rows_never_run_into_one_another(found: list[list[Mark]], labels: list[str]) -> None:
    lines = tuple(Line(label, tuple(marks)) for label, marks in zip(labels, found, strict=False))
    layout = laid_out(Dots(lines, tuple(f"s{place}" for place in range(5)), Axis("", 0, 1)))
    reaches = [[place.top, place.middle, *place.marks.values()] for place in layout.places]
    assert all(max(above) < min(below) for above, below in pairwise(reaches))
    assert max(max(reach) for reach in reaches) <= layout.height


@given(st.text(max_size=300), st.integers(8, 60), st.integers(1, 3))
def test_a_label_keeps_to_its_lines(label: str, width: int, most: int) -> None:
    lines = wrapped(label, width, most)
    assert 1 <= len(lines) <= most and all(len(line) <= width for line in lines)


@given(st.lists(shares, min_size=1, max_size=6))
def test_names_at_the_ends_of_lines_keep_their_distance_and_their_order(values: list[float]) -> None:
    found = spaced(values, 0.07, 1.0)
    order = sorted(range(len(values)), key=lambda place: values[place])
    placed = [found[place] for place in order]
    assert all(after - before >= 0.07 - 1e-9 for before, after in pairwise(placed))
    assert max(found) <= 1.0 + 1e-9


@given(st.text(max_size=200))
def test_a_label_of_a_figure_has_no_tag_and_nothing_unseen(text: str) -> None:
    label = for_plotly(text)
    assert "<" not in label and ">" not in label and "\u202e" not in label and "\n" not in label
    assert clean(clean(text)) == clean(text)


@given(st.text(max_size=300), st.integers(5, 80))
def test_a_short_text_is_short(text: str, most: int) -> None:
    assert len(short(text, most)) <= most


@given(
    st.lists(
        st.sampled_from([*SPEAKERS, "dpo", "sft", "tuned at 0.5"]), unique=True, min_size=1, max_size=6
    )
)
def test_everybody_has_a_style_and_the_usual_ones_keep_theirs(series: list[str]) -> None:
    styles = styles_of(series)
    assert all(styles[name] == KNOWN[name] for name in series if name in KNOWN)
    strangers = [styles[name] for name in series if name not in KNOWN]
    assert len(set(strangers)) == len(strangers)
    assert [name for line in key_lines(series) for name in line] == (series if len(series) > 1 else [])


@pytest.mark.parametrize(
    ("value", "unit", "signed", "said"),
    [
        (0.853, "share", False, "85 %"),
        (0.32, "points", True, "+32 points"),
        (-0.004, "points", True, "0 points"),
        (-0.31, "points", True, "−31 points"),
        (1234.4, "elo", False, "1,234"),
        (0.6149, "rank", False, "0.61"),
        (None, "share", False, "–"),
    ],
)
def test_numbers_are_written_as_people_read_them(
    value: float | None, unit: str, signed: bool, said: str
) -> None:
    assert number(value, unit, signed=signed) == said
