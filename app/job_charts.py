"""What became of a job over time, as small charts: pure functions from tidy rows to Plotly figures.

A tidy row is a `Moment`; `tidy` makes them from a job's history. The page, and whoever writes a
report, draw the same figures.
"""

from __future__ import annotations

import html
import textwrap
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from statistics import median
from typing import Any

import plotly.graph_objects as go

from app.job_figures import number, rate

# Streamlit puts the theme's first and second colour here, light or dark; elsewhere they are near black.
FIRST, SECOND = "#000001", "#000002"
FADED = "#888888"
VEIL = "22"
HEIGHT = 170
LABEL_ROOM = 84
MOST_POINTS = 400
STEP_S = 5.0
MOST_WORDS = 200
LATEST_TIME = 4e9
SECONDS_NEEDED_UNTIL = 20 * 60
CONFIG = {"displayModeBar": False, "responsive": True}


@dataclass(frozen=True, slots=True)
class Moment:
    """A job at one moment. None: it did not say."""

    at: float
    stage: str = ""
    limit: float | None = None
    in_flight: float | None = None
    rate_cap: float | None = None
    per_second: float | None = None
    why: str = ""


def tidy(rows: Iterable[Mapping[str, Any]]) -> list[Moment]:
    """The rows of a history that make sense, in order of time."""
    found = [_moment(row) for row in rows]
    return sorted((moment for moment in found if moment), key=lambda moment: moment.at)


def _moment(row: Mapping[str, Any]) -> Moment | None:
    at = number(row, "at")
    if at is None or not 0 <= at < LATEST_TIME:
        return None
    names = ("limit", "in_flight", "rate_cap", "per_second")
    why = row.get("why")
    return Moment(
        at,
        stage=str(row.get("stage") or "")[:MOST_WORDS],
        **{name: _at_least_0(number(row, name)) for name in names},
        why=why[:MOST_WORDS].strip() if isinstance(why, str) else "",
    )


def _at_least_0(value: float | None) -> float | None:
    return None if value is None else max(0.0, value)


def is_drawable(moments: Sequence[Moment]) -> bool:
    """Whether there is enough for a line."""
    return len({moment.at for moment in moments}) >= 3


def calm(moments: Sequence[Moment]) -> list[Moment]:
    """The moments up to the last full step: a chart is made anew whenever it changes, and would flicker."""
    if not moments:
        return []
    until = moments[-1].at // STEP_S * STEP_S
    return [moment for moment in moments if moment.at <= until]


def without_end(moments: Sequence[Moment]) -> list[Moment]:
    """The moments of an ended job until its last request was out: how it worked, not how it fell silent."""
    kept = list(moments)
    while kept and kept[-1].in_flight == 0:
        kept.pop()
    return kept


# ---- sentences: the charts for those who do not see them


def speed_in_words(moments: Sequence[Moment]) -> str:
    """How fast it went, in one sentence."""
    speeds = [moment.per_second for moment in moments if moment.per_second]
    if not speeds:
        return "No answer has come yet."
    return f"Usually {rate(median(speeds))}, at best {rate(max(speeds)).split(' ')[0]}."


def at_once_in_words(moments: Sequence[Moment], ceiling: float | None, *, active: bool) -> str:
    """How many requests at once it came to, and what held it there, in one sentence."""
    known = _of_last_stage(moment for moment in moments if moment.limit is not None)
    if not known:
        return "How many it asked at once is not known."
    limit, cap, held = round(known[-1].limit or 0), known[-1].rate_cap, _held_at(known)
    if cap:
        return f"The provider allows about {rate(cap).replace('answer', 'request')}; it keeps to that."
    if ceiling and limit >= ceiling:
        return f"It {'works' if active else 'worked'} at the most you allow: {limit:,} at once."
    if held is None:
        return f"It {'is at' if active else 'came to'} {limit:,} at once; nothing was refused."
    least, why = held
    cause = "the provider refused more" if "429" in why else why.partition(": now")[0]
    if abs(limit - least) <= max(1, limit // 20):
        return f"It settled at {least:,} at once; {cause}."
    return f"It {'is' if active else 'ended'} at {limit:,} at once, up from {least:,}; {cause} before."


def _of_last_stage(moments: Iterable[Moment]) -> list[Moment]:
    known = list(moments)
    return [moment for moment in known if moment.stage == known[-1].stage]


def _held_at(moments: Sequence[Moment]) -> tuple[int, str] | None:
    """To what the limit was taken back last, and why; None when it never was."""
    falls = _falls(moments)
    return (round(falls[-1].limit or 0), falls[-1].why) if falls else None


def _falls(moments: Sequence[Moment]) -> list[Moment]:
    """The moments at which the limit was taken back, with a reason."""
    known = [moment for moment in moments if moment.limit is not None]
    return [now for before, now in pairwise(known) if _is_fall(before, now)]


def _is_fall(before: Moment, now: Moment) -> bool:
    # Not "lower than before": a rise and the fall after it may lie between two moments.
    return bool(now.why) and now.stage == before.stage and (now.limit or 0) <= (before.limit or 0)


def last_changes(moments: Sequence[Moment], most: int = 5) -> list[tuple[str, str]]:
    """When and why the limit changed, the newest first; what is said again is counted, not repeated."""
    told = [moment for moment in moments if moment.why]
    times = Counter(moment.why for moment in told)
    newest = {moment.why: moment.at for moment in told}
    kept = sorted(newest, key=lambda why: -newest[why])[:most]
    return [(clock(newest[why]), _with_times(why, times[why])) for why in kept]


def _with_times(why: str, times: int) -> str:
    return f"{why} ({times:,} times)" if times > 1 else why


def clock(at: float) -> str:
    """The time of day where the studio runs: "14:03:12"."""
    return time.strftime("%H:%M:%S", time.localtime(at))


# ---- figures


def speed_chart(moments: Sequence[Moment]) -> go.Figure:
    """Answers a second, or a minute where that is too slow to see, over time."""
    points = _thinned([moment for moment in moments if moment.per_second is not None])
    factor = speed_factor(points)
    values = [(moment.per_second or 0) * factor for moment in points]
    line = go.Scatter(
        x=_times(points),
        y=values,
        mode="lines",
        line={"color": FIRST, "width": 2},
        fill="tozeroy",
        fillcolor=FIRST + VEIL,
        text=[rate(moment.per_second or 0) for moment in points],
        hovertemplate="%{text}<extra></extra>",
    )
    figure = _small(go.Figure(line), points, top=max(values, default=0.0), least=1.0, room=8)
    return _parted(figure, points)


def speed_factor(moments: Sequence[Moment]) -> int:
    """1 when the speed is told a second, 60 when a minute."""
    return 1 if max((moment.per_second or 0 for moment in moments), default=0.0) >= 1 else 60


def at_once_chart(moments: Sequence[Moment]) -> go.Figure:
    """How many requests were out, under the number that was allowed; why it fell, where it fell."""
    points = _thinned([moment for moment in moments if moment.limit is not None])
    falls = _falls(points)
    used = _line(points, [moment.in_flight for moment in points], SECOND, fill="tozeroy")
    allowed = _line(points, [moment.limit for moment in points], FIRST, text=[_told(m) for m in points])
    marks = go.Scatter(
        x=_times(falls),
        y=[moment.limit for moment in falls],
        mode="markers",
        marker={"color": FIRST, "size": 7},
        hoverinfo="skip",
    )
    top = max((max(moment.limit or 0, moment.in_flight or 0) for moment in points), default=0.0)
    figure = _small(go.Figure([used, allowed, marks]), points, top=top, least=4.0, room=LABEL_ROOM)
    return _labelled(_parted(figure, points), points, max(top, 4.0))


def _line(
    points: Sequence[Moment],
    values: Sequence[float | None],
    color: str,
    *,
    fill: str = "none",
    text: list[str] | None = None,
) -> go.Scatter:
    return go.Scatter(
        x=_times(points),
        y=values,
        mode="lines",
        line={"color": color, "width": 2, "shape": "hv"},
        fill=fill,
        fillcolor=color + VEIL,
        text=text,
        hovertemplate="%{text}<extra></extra>" if text else None,
        hoverinfo=None if text else "skip",
    )


def _told(moment: Moment) -> str:
    """A moment as its label says it; why is text of a provider, so nothing in it may act."""
    counts = f"{moment.in_flight or 0:,.0f} in use, {moment.limit or 0:,.0f} allowed"
    return "<br>".join([counts, *(html.escape(line) for line in textwrap.wrap(moment.why, 38))])


def _labelled(figure: go.Figure, points: Sequence[Moment], top: float) -> go.Figure:
    """The lines named at their right ends, apart even where the lines meet."""
    if not points:
        return figure
    allowed, used = points[-1].limit or 0, points[-1].in_flight or 0
    apart = 0 if abs(allowed - used) > top * 0.18 else 9
    upper = 1 if allowed >= used else -1
    for value, word, color, shift in (
        (allowed, "allowed", FIRST, apart * upper),
        (used, "in use", SECOND, -apart * upper),
    ):
        # The dot carries the colour: words in it would be hard to read on a dark page.
        text = f'<span style="color:{color}">●</span> {value:,.0f} {word}'
        figure.add_annotation(
            **{"x": 1, "xref": "paper", "xanchor": "left", "y": value, "yshift": shift, "xshift": 4},
            **{"text": text, "showarrow": False, "font": {"size": 12}},
        )
    return figure


def _parted(figure: go.Figure, points: Sequence[Moment]) -> go.Figure:
    """A dotted line with the stage's name where a new stage begins."""
    for before, now in pairwise(points):
        if before.stage != now.stage:
            at = datetime.fromtimestamp(now.at)
            figure.add_shape(
                **{"type": "line", "x0": at, "x1": at, "y0": 0, "y1": 1, "yref": "paper"},
                line={"color": FADED, "width": 1, "dash": "dot"},
            )
            figure.add_annotation(
                **{"x": at, "y": 1, "yref": "paper", "xanchor": "left", "xshift": 3, "yshift": -6},
                **{"text": html.escape(now.stage), "showarrow": False, "font": {"size": 11}},
            )
    return figure


def _small(
    figure: go.Figure, points: Sequence[Moment], *, top: float, least: float, room: int
) -> go.Figure:
    """The frame that all of them share: no legend, no zoom, nothing that a thumb could drag."""
    figure.update_layout(
        height=HEIGHT,
        margin={"l": 8, "r": room, "t": 8, "b": 8},
        showlegend=False,
        dragmode=False,
        hovermode="x",
        hoverlabel={"align": "left"},
    )
    figure.update_xaxes(**_clock_axis(points), fixedrange=True, nticks=4, showgrid=False, automargin=True)
    figure.update_yaxes(fixedrange=True, nticks=4, range=[0, max(top, least) * 1.15], automargin=True)
    return figure


def _clock_axis(points: Sequence[Moment]) -> dict[str, Any]:
    """From the first moment to the last; seconds only where they tell something."""
    if not points:
        return {}
    is_long = points[-1].at - points[0].at > SECONDS_NEEDED_UNTIL
    return {
        "hoverformat": "%H:%M:%S",
        "range": _times([points[0], points[-1]]),
        "tickformat": "%H:%M" if is_long else "%H:%M:%S",
    }


def _times(moments: Sequence[Moment]) -> list[datetime]:
    return [datetime.fromtimestamp(moment.at) for moment in moments]


def _thinned(moments: Sequence[Moment]) -> list[Moment]:
    """At most as many as a small chart can show, evenly, the last one always; falls stay."""
    step = -(-len(moments) // MOST_POINTS) or 1
    if step == 1:
        return list(moments)
    even = set(range(len(moments) - 1, -1, -step))
    falls = {id(moment) for moment in _falls(moments)[-MOST_POINTS:]}
    return [moment for place, moment in enumerate(moments) if place in even or id(moment) in falls]
