"""Plots as figures of Plotly. Colours come from a palette; on a page Streamlit's theme puts its own in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import plotly.graph_objects as go

from core.charts.drawing import FONT_PX, LETTER_PX, axis_of, interval_bars, letters, look, pointed
from core.charts.layout import BAR_PX, Layout, Place, at, joined, laid_out, wrapped
from core.charts.lines import tracks_figure
from core.charts.palette import PALETTES, SIGNS, Name, Palette, Style, key_lines, styles_of
from core.charts.plot import Dots, Mark, Plot, Stack, Tracks
from core.charts.words import for_plotly, named

KEY_PX = 18
AXIS_PX = 34
CONFIG = {"displayModeBar": False, "displaylogo": False, "responsive": True, "scrollZoom": False}


def figure_of(plot: Plot, palette: Name = "theme") -> go.Figure:
    """The figure of a plot. Every mark carries what it was drawn from, as customdata."""
    colours = PALETTES[palette]
    if isinstance(plot, Tracks):
        return tracks_figure(plot, colours)
    layout = laid_out(plot)
    figure = _dots(plot, layout, colours) if isinstance(plot, Dots) else _stack(plot, layout, colours)
    _labels(figure, layout, colours)
    return _framed(figure, plot, layout, colours)


# ---- dots with intervals


def _dots(plot: Dots, layout: Layout, colours: Palette) -> go.Figure:
    figure = go.Figure()
    for zone in plot.zones:
        _zone(figure, zone.low, zone.high, zone.words, layout.height)
    if joined(plot) or plot.stems:
        figure.add_trace(_links(plot, layout, colours))
    styles = styles_of(plot.series)
    for series in plot.series:
        for strong in (False, True):
            marks = [
                (place, mark)
                for place in layout.places
                for mark in place.row.marks
                if mark.series == series and place.row.strong == strong
            ]
            if marks:
                figure.add_trace(dot_trace(marks, styles[series], colours, faint=not strong))
    return figure


def dot_trace(
    marks: Sequence[tuple[Place, Mark]], style: Style, colours: Palette, *, faint: bool = False
) -> go.Scatter:
    """Marks of one series with their intervals."""
    colour = colours.series[style.colour]
    return go.Scatter(
        x=[mark.value for _, mark in marks],
        y=[at(place, mark) for place, mark in marks],
        mode="markers",
        marker={"color": colour, "symbol": style.symbol, "size": 9, "line": {"width": 2, "color": colour}},
        error_x=interval_bars([mark for _, mark in marks], colour),
        opacity=0.45 if faint else 1.0,
        **pointed([mark for _, mark in marks]),
    )


def _links(plot: Dots, layout: Layout, colours: Palette) -> go.Scatter:
    """A line in each row: from the first dot to the last, or from zero to each."""
    x: list[float | None] = []
    y: list[float | None] = []
    for place in layout.places:
        values = [mark.value for mark in place.row.marks]
        ends = (
            [0.0, max(values, default=0.0)]
            if plot.stems
            else [min(values, default=0), max(values, default=0)]
        )
        if values and ends[0] != ends[1]:
            x += [*ends, None]
            y += [place.middle, place.middle, None]
    return go.Scatter(
        x=x,
        y=y,
        mode="lines",
        line={"color": colours.faded + "66", "width": 3},
        hoverinfo="skip",
        showlegend=False,
    )


def _zone(figure: go.Figure, low: float, high: float, words: str, height: float) -> None:
    figure.add_shape(
        type="line", x0=high, x1=high, y0=0, y1=height, line={"color": "#888888", "width": 1, "dash": "dot"}
    )
    figure.add_annotation(
        x=(low + high) / 2,
        y=height,
        yanchor="bottom",
        text=for_plotly(words),
        showarrow=False,
        font={"size": 11},
    )


# ---- bars that sum to one


def _stack(plot: Stack, layout: Layout, colours: Palette) -> go.Figure:
    figure, styles = go.Figure(), styles_of(plot.series)
    for series in plot.series:
        marks = [(p, m) for p in layout.places for m in p.row.marks if m.series == series]
        figure.add_trace(_bars(series, marks, colours.series[styles[series].colour]))
    over = [(p, mark) for p, mark in zip(layout.places, plot.over, strict=True) if mark]
    if over:
        figure.add_trace(_rates(over, colours))
    figure.update_layout(barmode="stack", bargap=0)
    return figure


def _bars(series: str, marks: Sequence[tuple[Place, Mark]], colour: str) -> go.Bar:
    shown = pointed(mark for _, mark in marks)
    return go.Bar(
        x=[mark.value for _, mark in marks],
        y=[place.middle - 3 for place, _ in marks],
        width=BAR_PX - 4,
        orientation="h",
        marker={"color": colour, "line": {"width": 0}, "opacity": 0.55 if series == "tie" else 1.0},
        hovertext=shown.pop("text"),
        **(shown | {"hovertemplate": "%{hovertext}<extra></extra>"}),
    )


def _rates(over: Sequence[tuple[Place, Mark]], colours: Palette) -> go.Scatter:
    """The win rates with their intervals, right under their bars."""
    marks = [mark for _, mark in over]
    return go.Scatter(
        x=[mark.value for mark in marks],
        y=[place.middle + BAR_PX / 2 for place, _ in over],
        mode="markers",
        marker={"color": colours.faded, "symbol": "triangle-up", "size": 8},
        error_x=interval_bars(marks, colours.faded),
        **pointed(marks),
    )


# ---- what stands around them


def _labels(figure: go.Figure, layout: Layout, colours: Palette) -> None:
    for place in layout.places:
        text = "<br>".join(for_plotly(line) for line in place.lines)
        beside = not layout.over and not place.row.heading
        where = {
            "x": 0.0,
            "y": place.top,
            "xanchor": "right" if beside else "left",
            "xshift": -10 if beside else 0,
        }
        _write(
            figure, f"<b>{text}</b>" if place.row.heading else text, where, colours, whole=place.row.label
        )
        if place.row.note:
            top = place.top if layout.over else place.middle - FONT_PX * 0.7
            side = {"xanchor": "right", "xshift": 0} if layout.over else {"xanchor": "left", "xshift": 8}
            _write(figure, for_plotly(place.row.note), {"x": 1.0, "y": top} | side, colours)


def _write(
    figure: go.Figure, text: str, where: dict[str, Any], colours: Palette, *, whole: str = ""
) -> None:
    """Words beside the marks; a pointer that rests on a shortened label shows the whole."""
    cut = text.endswith("…")
    figure.add_annotation(
        text=text,
        xref="paper",
        yanchor="top",
        align=where["xanchor"],
        showarrow=False,
        borderpad=0,
        hovertext="<br>".join(wrapped(for_plotly(whole, 400), 60, 7)) if cut else None,
        font=letters(colours),
        **where,
    )


def _key(figure: go.Figure, series: Sequence[str], colours: Palette, left: float) -> None:
    """Who is who, above the rows: shape, colour and word."""
    styles = styles_of(series)
    lines = [
        "&nbsp;&nbsp; ".join(_named(name, styles[name], colours) for name in line)
        for line in key_lines(series)
    ]
    if lines:
        figure.add_annotation(
            x=0,
            xref="paper",
            xshift=8 - left,
            y=1,
            yref="paper",
            yshift=4,
            text="<br>".join(lines),
            align="left",
            showarrow=False,
            xanchor="left",
            yanchor="bottom",
            font=letters(colours),
        )


def _named(name: str, style: Style, colours: Palette) -> str:
    sign = f'<span style="color:{colours.series[style.colour]}">{SIGNS[style.symbol]}</span>'
    return f"{sign} {for_plotly(named(name), 24)}"


def _framed(figure: go.Figure, plot: Dots | Stack, layout: Layout, colours: Palette) -> go.Figure:
    left = 8 if layout.over else 16 + LETTER_PX * _longest(line for p in layout.places for line in p.lines)
    right = 14 if layout.over else 14 + LETTER_PX * _longest(row.note for row in plot.rows)
    zones = isinstance(plot, Dots) and bool(plot.zones)
    top = 8 + KEY_PX * max(len(key_lines(plot.series)), int(zones))
    _key(figure, plot.series, colours, left)
    figure.update_layout(
        height=round(top + layout.height + AXIS_PX + (14 if plot.axis.title else 0)),
        margin={"l": left, "r": right, "t": top, "b": AXIS_PX + (14 if plot.axis.title else 0)},
        **look(colours),
    )
    figure.update_yaxes(range=[layout.height, 0], visible=False, fixedrange=True)
    figure.update_xaxes(**axis_of(plot.axis, colours))
    if plot.axis.line is not None:
        _line(figure, plot.axis.line, layout.height, colours)
    return figure


def _longest(words: Iterable[str]) -> int:
    return max((len(word) for word in words), default=0)


def _line(figure: go.Figure, x: float, height: float, colours: Palette) -> None:
    figure.add_shape(
        type="line",
        x0=x,
        x1=x,
        y0=0,
        y1=height,
        layer="below",
        line={"color": colours.faded, "width": 1, "dash": "dot"},
    )
