"""Plots as still pictures for the report: SVG with text that can be read, searched and printed. Pure.

Colours are the report's own (CSS variables --s0 to --s4, --faded, --grid, --paper), so that one picture
serves light, dark and paper. Letters are measured by a guess, since nothing here knows the reader's font.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass, field

from core.charts.layout import BAR_PX, LINE_PX, Layout, at, joined, laid_out
from core.charts.lines_places import NAMED_DOTS, furthest, named_step, spaced
from core.charts.palette import Style, key_lines, styles_of
from core.charts.plot import Axis, Dots, Mark, Plot, Stack, Track, Tracks
from core.charts.words import clean, named, number, short

FONT_PX = 13
LETTER_PX = 7.1
WIDE, NARROW = 660, 340
KEY_PX = 19
AXIS_PX = 22
TITLE_PX = 18
LINES_PX = 210
# More dots than that hide their line.
MOST_DOTS = 24


@dataclass(slots=True)
class Canvas:
    """A picture that grows: marks in pixels from the top left."""

    width: float
    height: float
    parts: list[str] = field(default_factory=list[str])

    def line(self, x0: float, y0: float, x1: float, y1: float, names: str) -> None:
        """A straight line."""
        self.parts.append(
            f'<line x1="{_n(x0)}" y1="{_n(y0)}" x2="{_n(x1)}" y2="{_n(y1)}" class="{names}"/>'
        )

    def box(self, x: float, y: float, width: float, height: float, names: str) -> None:
        """A filled box."""
        size = f'width="{_n(max(0.0, width))}" height="{_n(height)}"'
        self.parts.append(f'<rect x="{_n(x)}" y="{_n(y)}" {size} class="{names}"/>')

    def path(self, points: Sequence[tuple[float, float]], names: str, *, closed: bool = False) -> None:
        """A line through points."""
        steps = " L".join(f"{_n(x)} {_n(y)}" for x, y in points)
        self.parts.append(f'<path d="M{steps}{"Z" if closed else ""}" class="{names}"/>')

    def text(self, x: float, y: float, words: str, anchor: str = "start", names: str = "") -> None:
        """Words on a line; `y` is the line on which they stand."""
        known = f' class="{names}"' if names else ""
        said = html.escape(clean(words))
        self.parts.append(f'<text x="{_n(x)}" y="{_n(y)}" text-anchor="{anchor}"{known}>{said}</text>')

    def dot(self, x: float, y: float, style: Style, *, faint: bool = False) -> None:
        """The shape of a series, hollow where the style is open."""
        shape, is_open = style.symbol.removesuffix("-open"), style.symbol.endswith("-open")
        names = f"{'o' if is_open else 'f'} s{style.colour}{' faint' if faint else ''}"
        if shape == "circle":
            self.parts.append(f'<circle cx="{_n(x)}" cy="{_n(y)}" r="4.5" class="{names}"/>')
            return
        self.path([(x + dx, y + dy) for dx, dy in SHAPES.get(shape, SHAPES["square"])], names, closed=True)

    def svg(self, label: str, names: str) -> str:
        """The whole picture; `label` is what a screen reader says of it."""
        said = html.escape(clean(label), quote=True)
        head = f'<svg class="{names}" viewBox="0 0 {_n(self.width)} {_n(self.height)}" role="img"'
        return f'{head} aria-label="{said}">{"".join(self.parts)}</svg>'


SHAPES = {
    "diamond": ((0, -5.5), (5.5, 0), (0, 5.5), (-5.5, 0)),
    "square": ((-4.2, -4.2), (4.2, -4.2), (4.2, 4.2), (-4.2, 4.2)),
    "triangle-up": ((0, -5), (5, 4), (-5, 4)),
    "cross": ((-5, -1.5), (-1.5, -1.5), (-1.5, -5), (1.5, -5), (1.5, -1.5), (5, -1.5), (5, 1.5), (1.5, 1.5),
              (1.5, 5), (-1.5, 5), (-1.5, 1.5), (-5, 1.5)),
}  # fmt: skip


def _n(value: float) -> str:
    return f"{value:.1f}".rstrip("0").rstrip(".")


def pictures_of(plot: Plot, label: str) -> str:
    """A plot twice: for a wide page and paper, and for a phone. Style sheets show one of them."""
    return svg_of(plot, WIDE, label, "wide") + svg_of(plot, NARROW, label, "narrow")


def svg_of(plot: Plot, width: float, label: str = "", names: str = "") -> str:
    """A plot as one SVG of a width in pixels."""
    canvas = _lines(plot, width) if isinstance(plot, Tracks) else _rows(plot, width)
    return canvas.svg(label, names)


# ---- rows


@dataclass(frozen=True, slots=True)
class _Scale:
    """From a value to a place: a straight line."""

    axis: Axis
    start: float
    end: float

    def __call__(self, value: float) -> float:
        span = self.axis.high - self.axis.low or 1.0
        share = (min(max(value, self.axis.low), self.axis.high) - self.axis.low) / span
        return self.start + share * (self.end - self.start)


def _rows(plot: Dots | Stack, width: float) -> Canvas:
    narrow = width < 500
    longest = max((len(short(row.label)) for row in plot.rows if not row.heading), default=0)
    column = min(250.0, 14 + longest * LETTER_PX)
    beside = not narrow or (column < 118 and longest > 0)
    longest_note = max((len(row.note) for row in plot.rows), default=0)
    wrap = max(8, int((column - 10) / LETTER_PX)) if beside else 47 - longest_note
    layout = laid_out(plot, over=not beside, wrap=wrap, most_lines=2 if beside else 1)
    note = longest_note * LETTER_PX
    zones = isinstance(plot, Dots) and bool(plot.zones)
    lines = key_lines(plot.series, 42 if narrow else 90)
    key = 6 + KEY_PX * max(len(lines), int(zones))
    title = TITLE_PX if plot.axis.title else 0
    canvas = Canvas(width, key + layout.height + AXIS_PX + title)
    scale = _Scale(plot.axis, column if beside else 14, width - (note + 22 if beside and note else 20))
    _ticks(canvas, plot.axis, scale, key, key + layout.height)
    _key(canvas, plot.series, lines)
    _labels(canvas, layout, scale, key)
    draw = _dots if isinstance(plot, Dots) else _stack
    draw(canvas, plot, layout, scale, key)  # type: ignore[arg-type]
    return canvas


def _ticks(canvas: Canvas, axis: Axis, scale: _Scale, top: float, bottom: float) -> None:
    for tick in ticks_of(axis):
        canvas.line(scale(tick), top, scale(tick), bottom, "grid")
        canvas.text(scale(tick), bottom + 15, number(tick, axis.unit), "middle", "tick")
    if axis.line is not None:
        canvas.line(scale(axis.line), top, scale(axis.line), bottom, "nothing")
    if axis.title:
        middle = (scale.start + scale.end) / 2
        canvas.text(middle, bottom + 15 + TITLE_PX, axis.title, "middle", "tick")


def ticks_of(axis: Axis) -> list[float]:
    """About five round numbers on an axis."""
    if axis.unit == "share":
        return [tick for tick in (0.0, 0.25, 0.5, 0.75, 1.0) if axis.low <= tick <= axis.high]
    span = axis.high - axis.low
    size = 10.0 ** len(f"{int(span)}") if span >= 1 else 1.0
    steps = [size * part for part in (1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01)]
    step = next((one for one in steps if span / one >= 3), steps[-1])
    first = -(-axis.low // step) * step
    return [first + step * place for place in range(int((axis.high - first) // step) + 1)]


def _key(canvas: Canvas, series: Sequence[str], lines: Sequence[Sequence[str]]) -> None:
    styles = styles_of(series)
    for place, line in enumerate(lines):
        x, y = 6.0, 9.0 + KEY_PX * place
        for name in line:
            canvas.dot(x, y, styles[name])
            canvas.text(x + 9, y + 4.5, short(named(name), 20), names="tick")
            x += 24 + min(20, len(named(name))) * LETTER_PX


def _labels(canvas: Canvas, layout: Layout, scale: _Scale, top: float) -> None:
    for place in layout.places:
        names = "head" if place.row.heading else "" if place.row.strong else "quiet"
        for number_, line in enumerate(place.lines):
            canvas.text(0, top + place.top + 12 + number_ * LINE_PX, line, names=names)
        if place.row.note:
            y = top + (place.top + 12 if layout.over else place.middle + 4.5)
            canvas.text(canvas.width, y, place.row.note, "end", names)


def _interval(canvas: Canvas, mark: Mark, scale: _Scale, y: float, names: str) -> None:
    if mark.low is not None and mark.high is not None:
        canvas.line(scale(mark.low), y, scale(mark.high), y, f"bar {names}")


def _dots(canvas: Canvas, plot: Dots, layout: Layout, scale: _Scale, top: float) -> None:
    styles = styles_of(plot.series)
    for zone in plot.zones:
        canvas.text((scale(zone.low) + scale(zone.high)) / 2, top - 6, zone.words, "middle", "tick")
        canvas.line(scale(zone.high), top, scale(zone.high), top + layout.height, "nothing")
    for place in layout.places:
        values = [mark.value for mark in place.row.marks]
        if values and (joined(plot) or plot.stems):
            ends = (0.0 if plot.stems else min(values), max(values))
            canvas.line(*_across(scale, ends, top + place.middle), "link")
        for mark in place.row.marks:
            style, y = styles[mark.series], top + at(place, mark)
            faint = "" if place.row.strong else " faint"
            _interval(canvas, mark, scale, y, f"s{style.colour}{faint}")
            canvas.dot(scale(mark.value), y, style, faint=not place.row.strong)


def _across(scale: _Scale, ends: tuple[float, float], y: float) -> tuple[float, float, float, float]:
    return scale(ends[0]), y, scale(ends[1]), y


def _stack(canvas: Canvas, plot: Stack, layout: Layout, scale: _Scale, top: float) -> None:
    styles = styles_of(plot.series)
    for place, over in zip(layout.places, plot.over, strict=True):
        y, start = top + place.middle - BAR_PX / 2 - 2, 0.0
        for mark in place.row.marks:
            left, right = scale(start), scale(start + mark.value)
            canvas.box(
                left, y, right - left - 1, BAR_PX - 4, f"f s{styles[mark.series].colour} {mark.series}"
            )
            start += mark.value
        if over:
            below = y + BAR_PX + 2
            _interval(canvas, over, scale, below, "ink")
            canvas.path(
                [(scale(over.value) + dx, below + dy) for dx, dy in SHAPES["triangle-up"]],
                "f ink",
                closed=True,
            )


# ---- lines


def _lines(plot: Tracks, width: float) -> Canvas:
    names = 0 if plot.shape == "points" else max(len(short(named(t.series), 18)) for t in plot.tracks)
    height = LINES_PX + (90 if plot.shape == "points" else 0)
    canvas = Canvas(width, height + 8 + AXIS_PX + (TITLE_PX if plot.x.title else 0))
    right = width - (28 + names * LETTER_PX if names else 20)
    x, y = _Scale(plot.x, 46, right), _Scale(plot.y, height, 10)
    _grid(canvas, plot, x, y)
    styles = styles_of([track.series for track in plot.tracks])
    for track in plot.tracks:
        _track(canvas, track, plot.shape, styles[track.series], x, y)
    if plot.shape == "points":
        _cloud(canvas, plot, x, y)
    elif names:
        _names(canvas, plot, styles, y, right)
    return canvas


def _grid(canvas: Canvas, plot: Tracks, x: _Scale, y: _Scale) -> None:
    for tick in ticks_of(plot.y):
        canvas.line(x.start, y(tick), x.end, y(tick), "grid")
        canvas.text(x.start - 8, y(tick) + 4, number(tick, plot.y.unit), "end", "tick")
    for place, words in plot.ticks or _steps(plot.x):
        canvas.text(x(place), y.start + 17, words, "middle", "tick")
    if plot.x.title:
        canvas.text((x.start + x.end) / 2, y.start + 17 + TITLE_PX, plot.x.title, "middle", "tick")
    if plot.y.line is not None:
        canvas.line(x.start, y(plot.y.line), x.end, y(plot.y.line), "nothing")


def _steps(axis: Axis) -> list[tuple[float, str]]:
    if axis.unit != "share":
        return [(tick, number(tick, axis.unit)) for tick in ticks_of(axis)]
    every = max(1, round((axis.high - axis.low) / 8))
    return [
        (axis.low + step * every, number(axis.low + step * every, "count"))
        for step in range(int((axis.high - axis.low) // every) + 1)
    ]


def _track(canvas: Canvas, track: Track, shape: str, style: Style, x: _Scale, y: _Scale) -> None:
    banded = [step for step in track.steps if step.mark.low is not None and step.mark.high is not None]
    if shape == "lines" and len(banded) > 1:
        upper = [(x(step.at), y(step.mark.high or 0)) for step in banded]
        lower = [(x(step.at), y(step.mark.low or 0)) for step in reversed(banded)]
        canvas.path([*upper, *lower], f"band s{style.colour}", closed=True)
    elif shape != "steps":
        for step in banded:
            canvas.line(
                x(step.at),
                y(step.mark.low or 0),
                x(step.at),
                y(step.mark.high or 0),
                f"bar thin s{style.colour}",
            )
    points = [(x(step.at), y(step.mark.value)) for step in track.steps]
    if shape == "steps":
        points = _stairs(points, y.start)
        canvas.path(points, f"band s{style.colour}", closed=True)
    if shape != "points":
        canvas.path(points, f"line s{style.colour}{' broken' if style.symbol.endswith('-open') else ''}")
    if shape != "steps" and len(track.steps) <= MOST_DOTS:
        for step in track.steps:
            canvas.dot(x(step.at), y(step.mark.value), style)


def _stairs(points: Sequence[tuple[float, float]], ground: float) -> list[tuple[float, float]]:
    """The outline of a histogram whose bars have their middles at the points."""
    half = (points[1][0] - points[0][0]) / 2 if len(points) > 1 else 10.0
    found = [(points[0][0] - half, ground)]
    for x, y in points:
        found += [(x - half, y), (x + half, y)]
    return [*found, (points[-1][0] + half, ground)]


def _names(canvas: Canvas, plot: Tracks, styles: dict[str, Style], y: _Scale, right: float) -> None:
    steps = [named_step(track, plot.shape) for track in plot.tracks]
    heights = spaced([-y(step.mark.value) for step in steps], 17, -y.end)
    for track, place in zip(plot.tracks, heights, strict=True):
        canvas.dot(right + 15, -place, styles[track.series])
        canvas.text(right + 23, -place + 4.5, short(named(track.series), 18), names="tick")


def _cloud(canvas: Canvas, plot: Tracks, x: _Scale, y: _Scale) -> None:
    canvas.line(x.start, y.start, x.end, y.end, "nothing")
    for step in furthest(plot)[:NAMED_DOTS]:
        left = x(step.at) < (x.start + x.end) / 2
        words = short(step.mark.source.group, 18)
        canvas.text(
            x(step.at) + (8 if left else -8),
            y(step.mark.value) + 4,
            words,
            "start" if left else "end",
            "tick",
        )
