"""Colours and shapes of charts. Colour never tells anything alone: every series has its own shape. Pure.

On a page Streamlit colours the charts: it puts its theme's colours, light or dark, in the place of
#000001, #000002 …, also where two digits of transparency follow. A report has no theme: it brings its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from core.charts.words import named
from core.evaluation.results import BASE, NEUTRAL, PROMPTED, TUNED

Name = Literal["theme", "light", "dark"]


@dataclass(frozen=True, slots=True)
class Palette:
    """Five colours of series, ink for text (None: the page's own), a grey for both papers, the paper."""

    series: tuple[str, str, str, str, str]
    ink: str | None
    faded: str
    grid: str
    paper: str | None


PALETTES: dict[Name, Palette] = {
    "theme": Palette(
        ("#000001", "#000002", "#000003", "#000004", "#000005"), None, "#888888", "#88888833", None
    ),
    "light": Palette(
        ("#B4532A", "#2F6F73", "#9A7A12", "#5B5F97", "#6E685D"), "#26211B", "#8C8579", "#E2D8C8", "#FBF8F3"
    ),
    "dark": Palette(
        ("#E07A45", "#6FB3B0", "#D9B84A", "#9A9ED6", "#A8A196"), "#EFE8DD", "#8C8579", "#3A342D", "#191613"
    ),
}


@dataclass(frozen=True, slots=True)
class Style:
    """Which of the palette's colours a series has, and its shape as Plotly calls it."""

    colour: int
    symbol: str


KNOWN: dict[str, Style] = {
    BASE: Style(4, "circle-open"),
    PROMPTED: Style(1, "diamond-open"),
    NEUTRAL: Style(3, "square-open"),
    TUNED: Style(0, "circle"),
    "chosen": Style(0, "circle"),
    "rejected": Style(4, "circle-open"),
    "pairs": Style(0, "circle"),
    "prompts": Style(4, "circle-open"),
    "win": Style(0, "square"),
    "tie": Style(4, "square"),
    "loss": Style(1, "square"),
    "repeats itself": Style(1, "diamond-open"),
    "in character": Style(0, "circle"),
}
OTHERS = (
    Style(0, "circle"),
    Style(2, "diamond"),
    Style(1, "square"),
    Style(3, "triangle-up"),
    Style(4, "cross"),
)
SIGNS = {
    "circle": "●",
    "circle-open": "○",
    "diamond": "◆",
    "diamond-open": "◇",
    "square": "■",
    "square-open": "□",
    "triangle-up": "▲",
    "cross": "✚",
}


def key_lines(series: Sequence[str], most: int = 44) -> list[list[str]]:
    """The names of a chart's series in lines that a narrow screen has room for."""
    lines: list[list[str]] = [[]]
    for name in series if len(series) > 1 else ():
        if lines[-1] and sum(len(named(one)) + 5 for one in lines[-1]) + len(named(name)) > most:
            lines.append([])
        lines[-1].append(name)
    return [line for line in lines if line]


def styles_of(series: Sequence[str]) -> dict[str, Style]:
    """A style for each series: the usual one where it has one, else the next that is free."""
    free = [style for style in OTHERS if style not in {KNOWN[name] for name in series if name in KNOWN}]
    strangers = [name for name in series if name not in KNOWN]
    found = {name: (free or list(OTHERS))[at % len(free or OTHERS)] for at, name in enumerate(strangers)}
    return {name: KNOWN.get(name) or found[name] for name in series}
