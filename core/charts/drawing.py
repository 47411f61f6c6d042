"""What all figures share: intervals, what a pointer shows, axes, and a quiet look."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from core.charts.palette import Palette
from core.charts.plot import Axis, Mark
from core.charts.words import for_plotly, number

FONT_PX = 12
LETTER_PX = 7


def interval_bars(marks: Sequence[Mark], colour: str) -> dict[str, Any]:
    """Bars from each mark to the ends of its interval; none where it has none."""
    return {
        "type": "data",
        "symmetric": False,
        "array": [0.0 if mark.high is None else max(0.0, mark.high - mark.value) for mark in marks],
        "arrayminus": [0.0 if mark.low is None else max(0.0, mark.value - mark.low) for mark in marks],
        "color": colour,
        "thickness": 1.5,
        "width": 0,
    }


def pointed(marks: Iterable[Mark]) -> dict[str, Any]:
    """What a pointer shows of marks, and what a click on them carries."""
    found = list(marks)
    return {
        "text": [for_plotly(mark.words, 120) for mark in found],
        "hovertemplate": "%{text}<extra></extra>",
        "customdata": [mark.source.as_dict() for mark in found],
        "showlegend": False,
    }


def letters(colours: Palette) -> dict[str, Any]:
    """The font of words on a figure; its colour is the page's own where the palette has none."""
    return {"size": FONT_PX} | ({"color": colours.ink} if colours.ink else {})


def look(colours: Palette) -> dict[str, Any]:
    """What all figures share: quiet, still under the finger, on the page's own paper."""
    own: dict[str, Any] = {"font": {"color": colours.ink, "size": FONT_PX}} if colours.ink else {}
    return own | {
        "showlegend": False,
        "dragmode": False,
        "hovermode": "closest",
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "clickmode": "event+select",
    }


def axis_of(axis: Axis, colours: Palette) -> dict[str, Any]:
    """An axis with few ticks in the words of its unit."""
    room = (axis.high - axis.low) * 0.02
    found: dict[str, Any] = {
        "range": [axis.low - room, axis.high + room],
        "fixedrange": True,
        "zeroline": False,
        "showgrid": True,
        "gridcolor": colours.grid,
        "nticks": 6,
        "title": {"text": for_plotly(axis.title), "font": {"size": FONT_PX}, "standoff": 6}
        if axis.title
        else None,
    }
    if axis.unit in ("share", "points"):
        ticks = [0, 0.25, 0.5, 0.75, 1.0] if axis.unit == "share" else None
        found |= {"tickvals": ticks, "ticktext": [number(tick, axis.unit) for tick in ticks or ()]}
    return found
