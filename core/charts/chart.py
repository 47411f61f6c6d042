"""A chart: a title, the one sentence that it shows, and what is drawn. Plotly loads only for a figure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from core.charts.palette import Name
from core.charts.plot import Mark, Plot, Source
from core.charts.words import told
from core.evaluation.results import BASE, NEUTRAL, PROMPTED, Cell, EvalResult, in_order

if TYPE_CHECKING:
    import plotly.graph_objects as go

Row = Mapping[str, Any]
CONTROLS = (BASE, PROMPTED, NEUTRAL)
MOST_ROWS = 12
# The fields of a row that say what it is about, and the measures that count rows by how they ended.
ABOUT = ("group", "trait", "first", "second")
OUTCOMES = ("win", "tie", "loss", "unscored")


@dataclass(frozen=True, slots=True)
class Wanted:
    """How charts are wanted: whose sentences stand for traits' ids, and how many rows at most.

    `most` None shows all rows.
    """

    traits: Mapping[str, str] = field(default_factory=dict[str, str])
    most: int | None = MOST_ROWS
    palette: Name = "theme"


@dataclass(frozen=True)
class Chart:
    """One chart. `plot` None: there is too little to draw, and the sentence says what would fill it.

    `rows_of` finds the rows behind a mark. `more` counts the rows that were left out.
    """

    name: str
    title: str
    sentence: str
    plot: Plot | None
    rows_of: Callable[[Source], list[Row]]
    palette: Name = "theme"
    more: int = 0

    @cached_property
    def figure(self) -> go.Figure | None:
        """The chart as a Plotly figure, None where nothing can be drawn. Loads Plotly."""
        if self.plot is None:
            return None
        from core.charts.figures import figure_of

        return figure_of(self.plot, self.palette)


def mark_of(cell: Cell, series: str | None = None) -> Mark:
    """A cell as a mark; the cell must have a value."""
    assert cell.value is not None
    source = Source(cell.group, cell.speaker, cell.measure, cell.versus)
    low, high = (cell.low, cell.high) if _finite(cell.low) and _finite(cell.high) else (None, None)
    return Mark(cell.value, low, high, series or cell.speaker, source, told(cell))


def _finite(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def shown(cells: Iterable[Cell]) -> list[Cell]:
    """The cells that have a number."""
    return [cell for cell in cells if _finite(cell.value)]


def rows_behind(result: EvalResult) -> Callable[[Source], list[Row]]:
    """Finds the rows of a result that went into a cell. An empty group means all of them."""

    def rows(source: Source) -> list[Row]:
        return [row for row in result.rows if _behind(row, source)]

    return rows


def _behind(row: Row, source: Source) -> bool:
    speakers = {source.speaker, source.versus} - {None, ""}
    if source.speaker and row.get("speaker") not in speakers:
        return False
    if "versus" in row and source.versus and row["versus"] != source.versus:
        return False
    if source.measure in OUTCOMES and row.get("outcome", source.measure) != source.measure:
        return False
    scores = row.get("scores")
    if isinstance(scores, Mapping) and scores and source.measure not in (*scores, "length"):
        return False
    return source.group in ("", *(str(row.get(name, "")) for name in ABOUT))


def speakers_in(result: EvalResult, measure: str) -> list[str]:
    """Who was measured, in the order of tables."""
    return in_order(cell.speaker for cell in shown(result.find(measure)))


def tuned_in(speakers: Sequence[str]) -> list[str]:
    """Those that training made."""
    return [label for label in speakers if label not in CONTROLS]


def groups_in(result: EvalResult, measure: str, *, versus: str | None = None) -> list[str]:
    """What a measure was taken of, in its own order, with something to show."""
    return list(dict.fromkeys(cell.group for cell in shown(result.find(measure, versus=versus))))


def cell_of(
    result: EvalResult, measure: str, group: str, speaker: str, versus: str | None = None
) -> Cell | None:
    """One cell that has a value, or None."""
    return next(iter(shown(result.find(measure, group=group, speaker=speaker, versus=versus))), None)


def marks_for(result: EvalResult, measure: str, group: str, speakers: Sequence[str]) -> tuple[Mark, ...]:
    """The marks of one row: each speaker's cell where it has one."""
    cells = (cell_of(result, measure, group, speaker) for speaker in speakers)
    return tuple(mark_of(cell) for cell in cells if cell)


def empty(name: str, title: str, sentence: str) -> Chart:
    """A chart that cannot be drawn yet, and what would fill it."""
    return Chart(name, title, sentence, None, lambda source: [])
