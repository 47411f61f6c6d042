"""From a click on a chart to the rows behind it, and the constitution's sentence about them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.charts.chart import Row, rows_behind, shown
from core.charts.plot import Source
from core.evaluation.results import Cell, EvalResult


def selected(
    selection: Any, result: EvalResult, traits: Mapping[str, str] | None = None
) -> tuple[Cell | None, list[Row], str | None]:
    """The cell that was clicked, its rows, and its trait's sentence; (None, [], None) without a click.

    `selection` is what `st.plotly_chart(…, on_select="rerun")` returns: {"selection": {"points": […]}}.
    Points without the studio's data, as of an annotation, count as no click.
    """
    source = clicked(selection)
    if source is None:
        return None, [], None
    known = traits if traits is not None else result.details.get("traits")
    sentence = known.get(source.group) if isinstance(known, Mapping) else None
    return cell_at(result, source), rows_behind(result)(source), sentence


def clicked(selection: Any) -> Source | None:
    """What the first selected point was drawn from."""
    points = _get(_get(selection, "selection"), "points") or _get(selection, "points") or []
    for point in points if isinstance(points, list) else []:
        about = _get(point, "customdata")
        about = about[0] if isinstance(about, list) and about else about
        if isinstance(about, Mapping) and "measure" in about:
            return Source(
                str(about.get("group") or ""),
                str(about.get("speaker") or ""),
                str(about.get("measure") or ""),
                about.get("versus") or None,
            )
    return None


def cell_at(result: EvalResult, source: Source) -> Cell | None:
    """The cell of a source, as long as the result has it."""
    found = result.find(source.measure, group=source.group, speaker=source.speaker, versus=source.versus)
    return next(iter(shown(found)), None)


def _get(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, Mapping) else getattr(value, name, None)
