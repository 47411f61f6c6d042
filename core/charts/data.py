"""Charts of the data check: what the pairs teach, and which traits they cover. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.charts.chart import Chart, Wanted, cell_of, empty, groups_in, marks_for, rows_behind, speakers_in
from core.charts.plot import Axis, Dots, Line, Mark, Source
from core.charts.traits import SHARE
from core.charts.words import counted, listed, number, trait_words
from core.evaluation.results import EvalResult

SIDES = ("chosen", "rejected")
# Measures that are shares of answers; lengths have another axis.
TAUGHT = {
    "markdown": "Uses markdown",
    "emoji": "Uses emoji",
    "hedging": "Hedges",
    "refusals": "Refuses",
    "near duplicates": "Is nearly a repeat",
}


def data_charts(result: EvalResult, wanted: Wanted) -> list[Chart]:
    """Every chart of a check of the pairs."""
    found = [taught(result, wanted), coverage(result, wanted)]
    if groups_in(result, "told apart"):
        found.append(told_apart(result, wanted))
    return found


def taught(result: EvalResult, wanted: Wanted) -> Chart:
    """A row a habit: how often the chosen answers have it, and how often the rejected ones."""
    name, title = "taught", "What the pairs teach besides the character"
    rows = [
        Line(words, marks_for(result, measure, "", SIDES))
        for measure, words in TAUGHT.items()
        if speakers_in(result, measure)
    ]
    rows = [row for row in rows if row.marks]
    if not rows:
        return empty(
            name, title, "No pair was read yet: character eval data reads the pairs before training."
        )
    plot = Dots(tuple(rows), SIDES, SHARE, linked=True)
    return Chart(name, title, _taught_sentence(result), plot, rows_behind(result), wanted.palette)


def _taught_sentence(result: EvalResult) -> str:
    pairs = [(m, *(cell_of(result, m, "", side) for side in SIDES)) for m in TAUGHT]
    cells = [cell for _, *two in pairs for cell in two if cell]
    apart = [m for m, one, two in pairs if one and two and _apart(one, two)]
    lengths = [cell_of(result, "length", "", side) for side in SIDES]
    parts = [
        f"chosen and rejected differ in {listed(apart)}" if apart else "no habit differs beyond chance"
    ]
    if all(lengths):
        one, two = (cell.value or 0.0 for cell in lengths if cell)
        parts.append(f"chosen answers have {one:.0f} words on average, rejected ones {two:.0f}")
    said = "; ".join(parts)
    return f"{said[:1].upper()}{said[1:]} ({counted(cells, 'pairs')})."


def _apart(one: Any, two: Any) -> bool:
    """Whether two intervals leave each other alone."""
    ends = (one.low, one.high, two.low, two.high)
    return None not in ends and (one.low > two.high or two.low > one.high)


def coverage(result: EvalResult, wanted: Wanted) -> Chart:
    """A row a trait: how many prompts ask for it, and how many pairs were kept of them."""
    name, title = "coverage", "Which traits the pairs cover"
    covered = [one for one in result.details.get("coverage") or () if isinstance(one, dict)]
    if not covered:
        return empty(name, title, "No trait has prompts yet; they are written on the Prompts page.")
    most = max(1.0, *(float(one.get(what) or 0) for one in covered for what in ("prompts", "pairs")))
    rows = tuple(_covered(one, wanted) for one in covered)
    plot = Dots(rows, ("prompts", "pairs"), Axis("", 0.0, most * 1.05, "count"), stems=True)
    pairs = sum(int(one.get("pairs") or 0) for one in covered)
    prompts = sum(int(one.get("prompts") or 0) for one in covered)
    bare = [_name(one, wanted) for one in covered if not one.get("pairs")]
    least = min(covered, key=lambda one: int(one.get("pairs") or 0))
    said = (
        f"No pair yet for {listed(bare, 2, quoted=True)}"
        if bare
        else f"Fewest pairs: {listed([_name(least, wanted)], quoted=True)}, {int(least.get('pairs') or 0)}"
    )
    sentence = f"{said} (n = {pairs} pairs of {prompts} prompts, counted, not estimated)."
    return Chart(name, title, sentence, plot, rows_behind(result), wanted.palette)


def _name(one: Mapping[str, Any], wanted: Wanted) -> str:
    return str(one.get("sentence") or "") or trait_words(str(one.get("trait") or ""), wanted.traits)


def _covered(one: Mapping[str, Any], wanted: Wanted) -> Line:
    marks = tuple(
        Mark(
            float(one.get(what) or 0),
            None,
            None,
            what,
            Source(str(one.get("trait") or ""), "", "coverage"),
            f"{int(one.get(what) or 0)} {what}",
        )
        for what in ("prompts", "pairs")
    )
    return Line(
        _name(one, wanted), marks, f"{int(one.get('pairs') or 0)} of {int(one.get('prompts') or 0)}"
    )


def told_apart(result: EvalResult, wanted: Wanted) -> Chart:
    """A row a trait: how surely a classifier tells chosen from rejected, on pairs it did not learn from."""
    groups = groups_in(result, "told apart")
    speakers = speakers_in(result, "told apart")
    rows = tuple(
        Line(
            "All pairs" if group == "" else trait_words(group, wanted.traits),
            marks_for(result, "told apart", group, speakers),
        )
        for group in groups
    )
    cells = [c for g in groups for s in speakers if (c := cell_of(result, "told apart", g, s))]
    weak = [
        trait_words(c.group, wanted.traits) for c in cells if c.low is not None and c.low <= 0.5 and c.group
    ]
    best = max(cells, key=lambda cell: cell.value or 0.0)
    said = (
        f"no better than a coin: {listed(weak, 2, quoted=True)}"
        if weak
        else "every trait is told better than by a coin"
    )
    sentence = f"Told apart up to {number(best.value)}; {said} ({counted(cells, 'pairs')})."
    plot = Dots(rows, tuple(speakers), Axis("", 0.0, 1.0, line=0.5))
    title = "Where chosen and rejected differ"
    return Chart("told-apart", title, sentence, plot, rows_behind(result), wanted.palette)
