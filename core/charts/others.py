"""Charts of capability and of what people thought: by subject, and judge against people. Pure."""

from __future__ import annotations

from core.charts.chart import (
    Chart,
    Wanted,
    cell_of,
    empty,
    groups_in,
    mark_of,
    marks_for,
    rows_behind,
    shown,
    speakers_in,
)
from core.charts.plot import Axis, Dots, Line, Zone
from core.charts.traits import SHARE, shift_of, spoken
from core.charts.words import between, clean, counted, moved, number
from core.evaluation.results import Cell, EvalResult

# Below the first a judge is noise, from the second on it may carry a headline (Landis and Koch's words).
CAUTION, PASS = 0.4, 0.6
COIN = 0.5
JUDGE = "judge"
OF_THE_JUDGE = {
    "bias-corrected win rate": "The judge's, set right by people",
    "position consistency": "The judge, same verdict in both orders",
}


def capability_charts(result: EvalResult, wanted: Wanted) -> list[Chart]:
    """A row a subject: how many questions were answered rightly."""
    name, title = "capability", "What it still knows"
    speakers = speakers_in(result, "correct")
    if not speakers:
        return [
            empty(name, title, "No question was asked yet: character eval capability asks a short quiz.")
        ]
    groups = groups_in(result, "correct")
    rows = tuple(
        Line(
            "All questions" if group == "" else clean(group).capitalize(),
            marks_for(result, "correct", group, speakers),
            moved(shift.value) if (shift := shift_of(result, "correct", group, speakers)) else "",
        )
        for group in groups
    )
    cells = [c for g in groups for s in speakers if (c := cell_of(result, "correct", g, s))]
    shift = shift_of(result, "correct", "", speakers)
    change = (
        "" if shift is None else "; a real change" if shift.excludes_zero else "; no change beyond chance"
    )
    sentence = f"{spoken(result, 'correct', '', speakers)}{change} ({counted(cells, 'questions')})."
    plot = Dots(rows, tuple(speakers), SHARE, linked=True)
    return [Chart(name, title, sentence, plot, rows_behind(result), wanted.palette)]


def rating_charts(result: EvalResult, wanted: Wanted) -> list[Chart]:
    """How people voted, and whether the judge agrees with them."""
    return [votes(result, wanted), agreement(result, wanted)]


def votes(result: EvalResult, wanted: Wanted) -> Chart:
    """Win rates by people's votes, and the judge's set right by them."""
    name, title = "votes", "What people preferred"
    cells = [
        cell
        for cell in shown(result.cells)
        if cell.measure in ("win rate", "bias-corrected win rate", "position consistency")
    ]
    if not cells:
        return empty(
            name, title, "Nobody has voted yet: character rate shows pairs of answers without names."
        )
    rows = tuple(Line(_voted(cell), (mark_of(cell),)) for cell in cells)
    first = cells[0]
    sentence = f"{_voted(first)} is {number(first.value)} ({between(first)}) ({counted(cells)})."
    plot = Dots(rows, tuple(dict.fromkeys(c.speaker for c in cells)), Axis("", 0.0, 1.0, line=COIN))
    return Chart(name, title, sentence, plot, rows_behind(result), wanted.palette)


def _voted(cell: Cell) -> str:
    """What a row of votes is called: whose they are comes first."""
    if cell.speaker != JUDGE:
        return "People's win rate" if cell.measure == "win rate" else _titled(cell.measure)
    return OF_THE_JUDGE.get(cell.measure, f"The judge's {cell.measure}")


def _titled(word: str) -> str:
    return f"{word[:1].upper()}{word[1:]}"


def agreement(result: EvalResult, wanted: Wanted) -> Chart:
    """The judge's kappa with people, over the zones that decide what its verdicts are worth."""
    name, title = "agreement", "May the judge speak?"
    cells = shown(result.find("kappa"))
    if not cells:
        return empty(
            name,
            title,
            "The judge's worth is not known: it takes about 30 pairs that people and judge both rated.",
        )
    rows = tuple(Line(_kappa_label(cell.group), (mark_of(cell),)) for cell in cells)
    low = min([0.0, *(end for cell in cells if (end := cell.low) is not None)])
    zones = (Zone(low, CAUTION, "block"), Zone(CAUTION, PASS, "caution"), Zone(PASS, 1.0, "pass"))
    plot = Dots(
        rows,
        tuple(dict.fromkeys(cell.speaker for cell in cells)),
        Axis("agreement beyond chance (kappa)", low, 1.0, "rank"),
        zones=zones,
    )
    first = cells[0]
    gate = str((result.judge or {}).get("gate") or "") or gate_of(first.value or 0.0)
    sentence = (
        f"Judge and people agree at kappa {number(first.value, 'rank')} ({between(first)}): {gate} "
        f"({counted(cells)})."
    )
    return Chart(name, title, sentence, plot, rows_behind(result), wanted.palette)


def _kappa_label(group: str) -> str:
    return "Judge and people" if group == "" else f"Judge and people, {clean(group)}"


def gate_of(kappa: float) -> str:
    """The gate's word for an agreement."""
    return "pass" if kappa >= PASS else "caution" if kappa >= CAUTION else "block"
