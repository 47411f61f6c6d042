"""Where the rows of a chart stand, in pixels from the top: the same for a page and for the report. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from core.charts.plot import Dots, Line, Mark, Stack
from core.charts.words import short

LINE_PX = 16
DODGE_PX = 10
# Of the axis, to either side of an interval: half a dot.
ROOM = 0.015
GAP_PX = 12
BAR_PX = 16
HEADING_PX = 26
NEXT_TO = 17
WRAP = 38


@dataclass(frozen=True, slots=True)
class Place:
    """One row: the lines of its label with the top of the first, and where its marks stand by series."""

    row: Line
    lines: tuple[str, ...]
    top: float
    marks: dict[str, float]
    middle: float


@dataclass(frozen=True, slots=True)
class Layout:
    """All rows, the height they need, and whether labels stand over their marks or beside them."""

    places: tuple[Place, ...]
    height: float
    over: bool


def labels_over(rows: Sequence[Line]) -> bool:
    """Whether a label is too long to stand beside its marks on a narrow screen."""
    return any(len(short(row.label)) > NEXT_TO for row in rows if not row.heading)


def laid_out(
    plot: Dots | Stack, *, over: bool | None = None, wrap: int = WRAP, most_lines: int = 2
) -> Layout:
    """The places of a chart's rows. `wrap` is how many letters a line of a label takes."""
    above = labels_over(plot.rows) if over is None else over
    places: list[Place] = []
    y = 6.0
    for row in plot.rows:
        place, y = _place(row, y, _spread(row, plot), wrapped(row.label, wrap, most_lines), above)
        places.append(place)
    return Layout(tuple(places), y, above)


def wrapped(label: str, wrap: int, most_lines: int = 2) -> tuple[str, ...]:
    """A label in lines; the last one ends with … where more would follow."""
    lines = textwrap.wrap(
        short(label, wrap * most_lines),
        wrap,
        max_lines=most_lines,
        placeholder=" …",
        break_on_hyphens=False,
    )
    return tuple(lines) or ("",)


def _spread(row: Line, plot: Dots | Stack) -> dict[str, float]:
    """How far from the middle of its row each series stands: apart where they would overlap."""
    if isinstance(plot, Stack) or joined(plot) or plot.stems:
        return dict.fromkeys(plot.series, 0.0)
    lanes = lanes_of(row.marks, (plot.axis.high - plot.axis.low) * ROOM)
    middle = max(lanes.values(), default=0) / 2
    return {series: (lane - middle) * DODGE_PX for series, lane in lanes.items()}


def lanes_of(marks: Sequence[Mark], room: float) -> dict[str, int]:
    """A lane for each mark's series: the first in which its interval, with some room, is free."""
    taken: list[list[tuple[float, float]]] = []
    found: dict[str, int] = {}
    for mark in marks:
        ends = [end for end in (mark.low, mark.value, mark.high) if end is not None]
        low, high = min(ends) - room, max(ends) + room
        free = (at for at, lane in enumerate(taken) if all(high < one or low > two for one, two in lane))
        lane = next(free, len(taken))
        taken[lane:] = taken[lane:] or [[]]
        taken[lane].append((low, high))
        found[mark.series] = lane
    return found


def joined(plot: Dots) -> bool:
    """Whether a line joins the dots of a row: only where there are two."""
    return plot.linked and len(plot.series) == 2


def _place(
    row: Line, y: float, spread: dict[str, float], lines: tuple[str, ...], above: bool
) -> tuple[Place, float]:
    if row.heading:
        return Place(row, lines[:1], y + GAP_PX / 2, {}, y + HEADING_PX / 2), y + HEADING_PX + GAP_PX / 2
    label = len(lines) * LINE_PX
    marks = BAR_PX + max(spread.values(), default=0.0) - min(spread.values(), default=0.0)
    if above:
        middle = y + label + 2 + marks / 2
        bottom = y + label + 2 + marks + GAP_PX
    else:
        high = max(label, marks)
        middle, bottom = y + high / 2, y + high + GAP_PX / 2
    top = y if above else middle - label / 2
    return Place(row, lines, top, {name: middle + off for name, off in spread.items()}, middle), bottom


def at(place: Place, mark: Mark) -> float:
    """How far from the top a mark stands."""
    return place.marks.get(mark.series, place.middle)
