"""Charts of the data check: what the pairs teach, and which traits they cover. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from core.charts.chart import Chart, Wanted, cell_of, empty, groups_in, marks_for, rows_behind, speakers_in
from core.charts.plot import Axis, Dots, Line, Mark, Source
from core.charts.traits import SHARE
from core.charts.words import counted, listed, moved, number, trait_words
from core.evaluation.results import EvalResult

SIDES = ("chosen", "rejected")


def data_charts(result: EvalResult, wanted: Wanted) -> list[Chart]:
    """Every chart of a check of the pairs."""
    found = [taught(result, wanted), coverage(result, wanted)]
    if groups_in(result, "told apart"):
        found.append(told_apart(result, wanted))
    return found


def taught(result: EvalResult, wanted: Wanted) -> Chart:
    """A row a habit, the most taught first: how often the chosen answers have it, and the rejected ones."""
    name, title = "taught", "What tells chosen from rejected"
    habits = sorted(_habits(result), key=lambda one: -abs(float(one["difference"])))
    if not habits:
        return empty(
            name, title, "No pair was read yet: character eval data reads the pairs before training."
        )
    rows = tuple(_habit(one) for one in habits[: wanted.most])
    plot = Dots(rows, SIDES, SHARE, linked=True)
    left_out = len(habits) - len(rows)
    sentence = _taught_sentence(result, habits)
    return Chart(name, title, sentence, plot, rows_behind(result), wanted.palette, left_out)


def _habits(result: EvalResult) -> list[Mapping[str, Any]]:
    """The habits with a share on both sides and an interval of their difference."""
    wants = ("chosen", "rejected", "difference", "low", "high")
    found = [one for one in result.details.get("taught") or () if isinstance(one, dict)]
    return [one for one in found if all(_finite(one.get(name)) for name in wants)]


def _finite(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _habit(one: Mapping[str, Any]) -> Line:
    """The chosen dot carries the interval of the difference, counted from the rejected dot."""
    what, chosen, rejected = str(one["what"]), float(one["chosen"]), float(one["rejected"])
    low, high = rejected + float(one["low"]), rejected + float(one["high"])
    words = (
        f"{what}: {number(chosen)} of chosen, {number(rejected)} of rejected answers, "
        f"{number(float(one['difference']), 'points', signed=True)} "
        f"({number(one['low'], 'points').removesuffix(' points')} to {number(one['high'], 'points')})"
    )
    marks = (
        Mark(
            chosen,
            max(0.0, min(low, chosen)),
            min(1.0, max(high, chosen)),
            "chosen",
            _about("chosen"),
            words,
        ),
        Mark(rejected, None, None, "rejected", _about("rejected"), words),
    )
    clear = not float(one["low"]) <= 0 <= float(one["high"])
    return Line(what[:1].upper() + what[1:], marks, moved(float(one["difference"])), strong=clear)


def _about(side: str) -> Source:
    return Source("", side, "taught")


def _taught_sentence(result: EvalResult, habits: Sequence[Mapping[str, Any]]) -> str:
    clear = [str(one["what"]) for one in habits if not float(one["low"]) <= 0 <= float(one["high"])]
    told = f"Beyond chance: {listed(clear)}" if clear else "No habit tells them apart beyond chance"
    lengths = [cell_of(result, "length", "", side) for side in SIDES]
    words = [f"{cell.value or 0:.0f}" for cell in lengths if cell]
    said = f"; {words[0]} words in a chosen answer, {words[1]} in a rejected one" if len(words) == 2 else ""
    counts = {int(one.get("n") or 0) for one in habits} or {0}
    return f"{told}{said}; lines show the interval of the difference (n = {max(counts)} pairs)."


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
