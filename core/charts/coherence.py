"""The chart of coherence: whose answer a judge preferred, in both orders. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from core.charts.chart import Chart, Wanted, empty, mark_of, rows_behind, shown
from core.charts.plot import Axis, Line, Stack
from core.charts.words import between, counted, named, number
from core.evaluation.results import BASE, NEUTRAL, PROMPTED, Cell, EvalResult

OUTCOMES = ("win", "tie", "loss")
COIN = 0.5
# Short enough that a row keeps to one line.
AGAINST = {
    BASE: "before",
    PROMPTED: "instructions",
    NEUTRAL: "a plain voice",
}


def coherence_charts(result: EvalResult, wanted: Wanted) -> list[Chart]:
    """Every chart of an evaluation of coherence."""
    return [outcomes(result, wanted)]


def outcomes(result: EvalResult, wanted: Wanted) -> Chart:
    """A bar per rubric and opponent: won, tied, lost; the win rate with its interval lies over it."""
    name, title = "coherence", "Whose answer is better"
    places = _places(result)
    if not places:
        return empty(
            name,
            title,
            "No verdict yet: character eval coherence --judge MODEL asks a judge in both orders.",
        )
    rows = tuple(_row(result, place, places) for place in places)
    rates = [_cell(result, "win rate", place) for place in places]
    over = tuple(mark_of(rate) if rate else None for rate in rates)
    plot = Stack(rows, OUTCOMES, over, Axis("share of pairs", 0.0, 1.0, line=COIN))
    return Chart(name, title, _sentence(result, places), plot, rows_behind(result), wanted.palette)


Place = tuple[str, str, str]


def _places(result: EvalResult) -> list[Place]:
    """(rubric, speaker, opponent), in their order, where something was decided."""
    found = (
        (cell.group, cell.speaker, cell.versus or "")
        for cell in shown(result.cells)
        if cell.measure == "win" and cell.versus
    )
    return list(dict.fromkeys(found))


def _cell(result: EvalResult, measure: str, place: Place) -> Cell | None:
    group, speaker, versus = place
    return next(iter(shown(result.find(measure, group=group, speaker=speaker, versus=versus))), None)


def _row(result: EvalResult, place: Place, places: Sequence[Place]) -> Line:
    rubric, speaker, versus = place
    several = len({one for _, one, _ in places}) > 1
    against = f"against {AGAINST.get(versus, named(versus))}"
    label = f"{rubric[:1].upper()}{rubric[1:]}: {f'{named(speaker)} ' if several else ''}{against}"
    cells = ((outcome, _cell(result, outcome, place)) for outcome in OUTCOMES)
    marks = tuple(mark_of(cell, outcome) for outcome, cell in cells if cell)
    rate = _cell(result, "win rate", place)
    return Line(label, marks, number(rate.value) if rate else "")


def _sentence(result: EvalResult, places: Sequence[Place]) -> str:
    rates = [(place, rate) for place in places if (rate := _cell(result, "win rate", place))]
    if not rates:
        return f"{len(places)} comparisons, none with a win rate yet (n = 0 prompts)."
    if (result.judge or {}).get("gate") == "block":
        return f"What this judge said, and nobody should rely on ({counted(rate for _, rate in rates)})."
    parts = [_verdict(place, rate) for place, rate in rates[:3]]
    more = f"; and {len(rates) - 3} more" if len(rates) > 3 else ""
    flips = [cell for place in places if (cell := _cell(result, "flips", place))]
    turned = max((cell.value or 0.0 for cell in flips), default=0.0)
    counted_as = "are averaged" if result.settings.get("by") == "logprob" else "count as ties"
    flipped = (
        f" Up to {number(turned)} of verdicts turned with the order; they {counted_as}." if turned else ""
    )
    said = "; ".join(parts)
    return f"{said[:1].upper()}{said[1:]}{more} ({counted(rate for _, rate in rates)}).{flipped}"


def _verdict(place: Place, rate: Cell) -> str:
    rubric, speaker, versus = place
    low, high = rate.low, rate.high
    if low is None or high is None or low <= COIN <= high:
        word = "is not told from"
    else:
        word = "wins against" if low > COIN else "loses against"
    return f"on {rubric}, {named(speaker)} {word} {named(versus)}, {number(rate.value)} ({between(rate)})"
