"""A training's curves, alone or over one another: pure functions from tidy rows to Plotly figures."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from app.job_charts import FADED, HEIGHT
from app.train_words import shown
from core.tuning.trainings import Point

# Streamlit puts the theme's colours in their order here, light or dark.
COLOURS = ("#000001", "#000002", "#000003", "#000004", "#000005")
MEASURES = ("loss", "margin", "accuracy")
MOST_POINTS = 300
COIN = 0.5


@dataclass(frozen=True, slots=True)
class Curve:
    """One training's points under the letter that names it; "" where it stands alone."""

    letter: str
    points: Sequence[Point]
    steps: int | None = None


def values_of(points: Sequence[Point], measure: str) -> list[tuple[int, float]]:
    """The steps at which something was measured, with what."""
    found = ((point.step, getattr(point, measure)) for point in points)
    return [(step, value) for step, value in found if value is not None]


def measured(points: Sequence[Point]) -> list[str]:
    """The measures of which there is something to draw."""
    return [measure for measure in MEASURES if values_of(points, measure)]


def smoothed(values: Sequence[float]) -> list[float]:
    """Each value as the mean of the last few, a tenth of all: single steps jump about."""
    few = max(1, len(values) // 10)
    return [
        sum(values[max(0, at + 1 - few) : at + 1]) / len(values[max(0, at + 1 - few) : at + 1])
        for at in range(len(values))
    ]


def curve_chart(measure: str, curves: Sequence[Curve]) -> go.Figure:
    """One measure over the steps; the first curve with its single steps as dots, the others as lines."""
    figure = go.Figure()
    for place, curve in enumerate(curves[: len(COLOURS)]):
        pairs = _thinned(values_of(curve.points, measure))
        if place == 0:
            figure.add_trace(_dots(pairs, measure))
        figure.add_trace(_line(pairs, measure, COLOURS[place], thick=place == 0))
        if curve.letter and pairs:
            _name(figure, curve.letter, pairs, COLOURS[place])
    return _framed(figure, measure, curves)


def _thinned(pairs: list[tuple[int, float]]) -> list[tuple[int, float]]:
    step = -(-len(pairs) // MOST_POINTS) or 1
    return pairs[::-1][::step][::-1]


def _dots(pairs: list[tuple[int, float]], measure: str) -> go.Scatter:
    return go.Scatter(
        x=[step for step, _ in pairs],
        y=[value for _, value in pairs],
        mode="markers",
        marker={"color": COLOURS[0], "size": 4, "opacity": 0.35},
        text=[f"step {step}: {shown(measure, value)}" for step, value in pairs],
        hovertemplate="%{text}<extra></extra>",
    )


def _line(pairs: list[tuple[int, float]], measure: str, colour: str, *, thick: bool) -> go.Scatter:
    return go.Scatter(
        x=[step for step, _ in pairs],
        y=smoothed([value for _, value in pairs]),
        mode="lines" if len(pairs) > 1 else "markers",
        line={"color": colour, "width": 2.5 if thick else 1.5},
        marker={"color": colour, "size": 7},
        hoverinfo="skip",
    )


def _name(figure: go.Figure, letter: str, pairs: list[tuple[int, float]], colour: str) -> None:
    """The letter at a curve's right end; the dot before it carries the colour."""
    figure.add_annotation(
        x=pairs[-1][0],
        y=smoothed([value for _, value in pairs])[-1],
        text=f'<span style="color:{colour}">●</span> {html.escape(letter)}',
        showarrow=False,
        xanchor="left",
        xshift=4,
        font={"size": 12},
    )


def _framed(figure: go.Figure, measure: str, curves: Sequence[Curve]) -> go.Figure:
    """The frame: the whole training from the first step to the last planned, so that nothing jumps."""
    last = max((max(curve.steps or 0, *(p.step for p in curve.points), 2) for curve in curves), default=2)
    figure.update_layout(
        height=HEIGHT,
        margin={"l": 8, "r": 28 if len(curves) > 1 else 8, "t": 8, "b": 8},
        showlegend=False,
        dragmode=False,
        hovermode="closest",
    )
    figure.update_xaxes(
        range=[0.5, last + 0.5],
        fixedrange=True,
        dtick=max(1, -(-last // 5)),
        tick0=0,
        showgrid=False,
        automargin=True,
        tickformat="d",
    )
    figure.update_yaxes(
        fixedrange=True, nticks=4, automargin=True, zeroline=False, **_y_axis(measure, curves)
    )
    if measure in LINES:
        figure.add_hline(y=LINES[measure], line={"color": FADED, "width": 1, "dash": "dot"})
    return figure


# Where a training stands that has learned nothing.
LINES = {"margin": 0.0, "accuracy": COIN}


def _y_axis(measure: str, curves: Sequence[Curve]) -> dict[str, object]:
    if measure == "accuracy":
        return {"range": [-0.04, 1.06], "tickformat": ".0%"}
    values = [value for curve in curves for _, value in values_of(curve.points, measure)]
    if not values:
        return {"range": [0, 1], "showticklabels": False}
    least, most = min([0.0, *values]), max([1e-6, *values])
    return {"range": [least - (most - least) * 0.08, most + (most - least) * 0.12]}
