"""Lines with bands, outlines of histograms and clouds of dots, as figures of Plotly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from core.charts.drawing import LETTER_PX, axis_of, interval_bars, letters, look, pointed
from core.charts.lines_places import furthest, named_step, spaced
from core.charts.palette import SIGNS, Palette, Style, styles_of
from core.charts.plot import Axis, Track, Tracks
from core.charts.words import for_plotly, named, number

HEIGHT = 280
VEIL = "22"


def tracks_figure(plot: Tracks, colours: Palette) -> go.Figure:
    """The figure of lines; a name stands at the end of each."""
    figure, styles = go.Figure(), styles_of([track.series for track in plot.tracks])
    for track in plot.tracks:
        style = styles[track.series]
        if plot.shape == "lines":
            _band(figure, track, colours.series[style.colour])
        figure.add_trace(_line(track, style, colours, plot.shape))
    if plot.shape == "points":
        _diagonal(figure, plot, colours)
    else:
        _names(figure, plot, styles, colours)
    return _framed(figure, plot, colours)


def _band(figure: go.Figure, track: Track, colour: str) -> None:
    steps = [step for step in track.steps if step.mark.low is not None and step.mark.high is not None]
    if len(steps) < 2:
        return
    x = [step.at for step in steps]
    edge: dict[str, Any] = {"mode": "lines", "line": {"width": 0}, "hoverinfo": "skip", "showlegend": False}
    figure.add_trace(go.Scatter(x=x, y=[step.mark.low for step in steps], **edge))
    figure.add_trace(
        go.Scatter(
            x=x, y=[step.mark.high for step in steps], fill="tonexty", fillcolor=colour + VEIL, **edge
        )
    )


def _line(track: Track, style: Style, colours: Palette, shape: str) -> go.Scatter:
    colour, marks = colours.series[style.colour], [step.mark for step in track.steps]
    # A band needs two points; one alone shows its interval as a bar.
    bars = shape == "points" or (shape == "lines" and len(marks) < 2)
    return go.Scatter(
        x=[step.at for step in track.steps],
        y=[mark.value for mark in marks],
        mode={"lines": "lines+markers", "steps": "lines", "points": "markers"}[shape],
        line={
            "color": colour,
            "width": 2,
            "shape": "hvh" if shape == "steps" else "linear",
            "dash": _dash(style),
        },
        marker={
            "color": colour,
            "symbol": style.symbol,
            "size": 6 if shape == "steps" else 8,
            "line": {"color": colour, "width": 1.5},
        },
        fill="tozeroy" if shape == "steps" else None,
        fillcolor=colour + VEIL if shape == "steps" else None,
        error_y=interval_bars(marks, colour + "66") if bars else None,
        **pointed(marks),
    )


def _dash(style: Style) -> str:
    """Hollow shapes have broken lines: what is no colour to some eyes is still told apart."""
    return "dot" if style.symbol.endswith("-open") else "solid"


def _names(figure: go.Figure, plot: Tracks, styles: dict[str, Style], colours: Palette) -> None:
    ends = [named_step(track, plot.shape) for track in plot.tracks]
    gap = (plot.y.high - plot.y.low) * 18 / (HEIGHT - 60)
    places = spaced([step.mark.value for step in ends], gap, plot.y.high)
    for track, y in zip(plot.tracks, places, strict=True):
        style = styles[track.series]
        figure.add_annotation(
            x=1,
            xref="paper",
            y=y,
            xanchor="left",
            xshift=8,
            showarrow=False,
            text=f'<span style="color:{colours.series[style.colour]}">{SIGNS[style.symbol]}</span> '
            f"{for_plotly(named(track.series), 18)}",
            font=letters(colours),
        )


def _diagonal(figure: go.Figure, plot: Tracks, colours: Palette) -> None:
    low, high = plot.x.low, plot.x.high
    figure.add_shape(
        type="line", x0=low, x1=high, y0=low, y1=high, layer="below",
        line={"color": colours.faded, "width": 1, "dash": "dot"},
    )  # fmt: skip
    for step in furthest(plot):
        figure.add_annotation(
            x=step.at, y=step.mark.value, text=for_plotly(step.mark.source.group, 18), showarrow=False,
            xanchor="left" if step.at < (low + high) / 2 else "right",
            xshift=7 if step.at < (low + high) / 2 else -7, font={"size": 11},
        )  # fmt: skip


def _framed(figure: go.Figure, plot: Tracks, colours: Palette) -> go.Figure:
    names = 0 if plot.shape == "points" else max(len(named(track.series)[:18]) for track in plot.tracks)
    figure.update_layout(
        height=340 if plot.shape == "points" else HEIGHT,
        margin={"l": 8, "r": 26 + LETTER_PX * names if names else 14, "t": 10, "b": 8},
        **look(colours),
    )
    figure.update_xaxes(automargin=True, **_ticked(axis_of(plot.x, colours), plot.x, plot.ticks))
    figure.update_yaxes(automargin=True, **axis_of(plot.y, colours))
    return figure


def _ticked(found: dict[str, Any], axis: Axis, ticks: Sequence[tuple[float, str]]) -> dict[str, Any]:
    """Steps are whole numbers unless they say how they are called."""
    if ticks:
        return found | {"tickvals": [place for place, _ in ticks], "ticktext": [word for _, word in ticks]}
    if axis.unit == "share":
        every = max(1, round((axis.high - axis.low) / 7))
        places = [axis.low + step * every for step in range(int((axis.high - axis.low) // every) + 1)]
        return found | {"tickvals": places, "ticktext": [number(place, "count") for place in places]}
    return found
