"""What a chart shows, before anybody draws it: rows of marks, stacked bars, or lines. Pure.

One description, two drawers: `core.charts.figures` makes a Plotly figure of it for a page,
`core.charts.svg` a still picture for the report. So both show the same numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Unit = Literal["share", "points", "elo", "count", "ratio", "rank"]


@dataclass(frozen=True, slots=True)
class Source:
    """Which cell a mark is drawn from, so that a click on it finds its rows."""

    group: str = ""
    speaker: str = ""
    measure: str = ""
    versus: str | None = None

    def as_dict(self) -> dict[str, str | None]:
        """As the points of a figure carry it."""
        return {
            "group": self.group,
            "speaker": self.speaker,
            "measure": self.measure,
            "versus": self.versus,
        }


@dataclass(frozen=True, slots=True)
class Mark:
    """One number: where it stands on the axis, its interval, whose it is, and in words."""

    value: float
    low: float | None
    high: float | None
    series: str
    source: Source
    words: str


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a chart with rows: what it is about, its marks, and what stands at its end.

    `heading` makes it the title of the rows under it. A line that is not `strong` is drawn faintly.
    """

    label: str
    marks: tuple[Mark, ...] = ()
    note: str = ""
    heading: bool = False
    strong: bool = True


@dataclass(frozen=True, slots=True)
class Axis:
    """The axis of values. `line` is where "nothing" stands: zero, a coin, a gate."""

    title: str
    low: float
    high: float
    unit: Unit = "share"
    line: float | None = None


@dataclass(frozen=True, slots=True)
class Zone:
    """A stretch of the axis with a meaning of its own, as the judge's gates."""

    low: float
    high: float
    words: str


@dataclass(frozen=True, slots=True)
class Dots:
    """A row per thing, a dot with its interval per series. `linked` joins the dots of a row."""

    rows: tuple[Line, ...]
    series: tuple[str, ...]
    axis: Axis
    linked: bool = False
    stems: bool = False
    zones: tuple[Zone, ...] = ()


@dataclass(frozen=True, slots=True)
class Stack:
    """Bars whose parts sum to one; over each the `marks` of `over`, with intervals."""

    rows: tuple[Line, ...]
    series: tuple[str, ...]
    over: tuple[Mark | None, ...]
    axis: Axis


@dataclass(frozen=True, slots=True)
class Step:
    """A point of a line: its place on the first axis, and its mark."""

    at: float
    mark: Mark


@dataclass(frozen=True, slots=True)
class Track:
    """One line over an axis of steps, with a band where its points have intervals."""

    series: str
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Tracks:
    """Lines with bands. `shape` "steps" draws them as outlines of histograms, "points" as dots alone."""

    tracks: tuple[Track, ...]
    x: Axis
    y: Axis
    shape: Literal["lines", "steps", "points"] = "lines"
    ticks: tuple[tuple[float, str], ...] = ()


Plot = Dots | Stack | Tracks


def marks_of(plot: Plot) -> list[Mark]:
    """Every mark of a plot, in the order in which they are drawn."""
    if isinstance(plot, Tracks):
        return [step.mark for track in plot.tracks for step in track.steps]
    over = [mark for mark in plot.over if mark] if isinstance(plot, Stack) else []
    return [mark for row in plot.rows for mark in row.marks] + over


def reach(marks: Sequence[Mark]) -> tuple[float, float]:
    """The least and the greatest number among marks and the ends of their intervals."""
    ends = [end for mark in marks for end in (mark.value, mark.low, mark.high) if end is not None]
    return (min(ends), max(ends)) if ends else (0.0, 1.0)
