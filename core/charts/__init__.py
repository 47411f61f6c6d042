"""Charts of evaluations: what a result shows, as figures of Plotly. Pure.

    for chart in charts_of(result, traits={t.id: t.trait for t in constitution.traits}):
        chart.title, chart.sentence, chart.figure          # None: too little to draw; the sentence says why

A click on a mark: `selected(selection, result)` in `core.charts.clicks`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from core.charts.chart import MOST_ROWS, Chart, Wanted
from core.charts.coherence import coherence_charts
from core.charts.data import data_charts
from core.charts.others import capability_charts, rating_charts
from core.charts.palette import Name
from core.charts.preferences import preference_charts
from core.charts.robustness import prefill_charts, robustness_charts
from core.charts.traits import trait_charts
from core.evaluation.results import EvalResult

__all__ = ["CHARTS", "MOST_ROWS", "Chart", "charts_of"]

CHARTS: dict[str, Callable[[EvalResult, Wanted], list[Chart]]] = {
    "data": data_charts,
    "traits": trait_charts,
    "robustness": robustness_charts,
    "prefill": prefill_charts,
    "coherence": coherence_charts,
    "preferences": preference_charts,
    "capability": capability_charts,
    "rate": rating_charts,
}


def charts_of(
    result: EvalResult,
    *,
    traits: Mapping[str, str] | None = None,
    palette: Name = "theme",
    most: int | None = MOST_ROWS,
) -> list[Chart]:
    """The charts of a result, the most telling first; [] for a kind that has none.

    `traits` gives the sentence of each trait's id. `most` limits the rows of long charts, None shows all.
    """
    known = result.details.get("traits")
    sentences = (known if isinstance(known, dict) else {}) | dict(traits or {})
    words = {str(key): str(value) for key, value in sentences.items()}
    draw = CHARTS.get(result.kind)
    return draw(result, Wanted(words, most, palette)) if draw else []
