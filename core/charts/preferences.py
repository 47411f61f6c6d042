"""Charts of revealed preferences: which traits rose and fell, and how they are spread. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import quantiles

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
    tuned_in,
)
from core.charts.plot import Axis, Dots, Line, Mark, Source, Step, Track, Tracks, reach
from core.charts.words import between, counted, listed, named, number, sentence_case, short
from core.evaluation.results import BASE, Cell, EvalResult

STRENGTH, SHIFT = "strength", "shift"
BINS = 14
FEWEST_FOR_A_SPREAD = 8


def preference_charts(result: EvalResult, wanted: Wanted) -> list[Chart]:
    """Every chart of an evaluation of preferences."""
    found = [shifts(result, wanted), spread(result, wanted)]
    if tuned_in(speakers_in(result, STRENGTH)) and BASE in speakers_in(result, STRENGTH):
        found.append(across(result, wanted))
    return found


def shifts(result: EvalResult, wanted: Wanted) -> Chart:
    """A row a trait, those first that moved most: strength before and after, marked ones strong."""
    name, title = "shift", "What it came to prefer"
    speakers = _pair(result)
    moved = _moved(result, speakers)
    if not moved and speakers_in(result, STRENGTH):
        return strengths(result, wanted)
    if not moved:
        return empty(
            name,
            title,
            "No trait can be compared yet: the same pairs of traits must be asked before and after.",
        )
    chosen = moved if wanted.most is None else _most_moved(moved, wanted.most)
    rows = tuple(_row(result, cell, speakers) for cell in sorted(chosen, key=lambda c: -(c.value or 0.0)))
    low, high = reach([mark for row in rows for mark in row.marks])
    room = max(1.0, (high - low) * 0.04)
    plot = Dots(
        rows, tuple(speakers), Axis("strength, in Elo points", low - room, high + room, "elo"), linked=True
    )
    left_out = len(moved) - len(chosen)
    return Chart(name, title, _sentence(moved), plot, rows_behind(result), wanted.palette, left_out)


def strengths(result: EvalResult, wanted: Wanted) -> Chart:
    """A row a trait, the most preferred first: what one model prefers, with nobody to compare it with."""
    who = speakers_in(result, STRENGTH)[-1]
    cells = sorted(shown(result.find(STRENGTH, speaker=who)), key=lambda cell: -(cell.value or 0.0))
    half = None if wanted.most is None or len(cells) <= wanted.most else wanted.most // 2
    chosen = cells if half is None else [*cells[:half], *cells[-half:]]
    rows = tuple(
        Line(sentence_case(cell.group), (mark_of(cell),), number(cell.value, "elo")) for cell in chosen
    )
    low, high = reach([mark for row in rows for mark in row.marks])
    room = max(1.0, (high - low) * 0.04)
    plot = Dots(rows, (who,), Axis("strength, in Elo points", low - room, high + room, "elo"))
    best, least = listed(cell.group for cell in cells[:3]), listed(cell.group for cell in cells[:-4:-1])
    sentence = (
        f"{named(who).capitalize()}: most {best}; least {least}; not compared yet ({counted(cells)})."
    )
    left_out = len(cells) - len(chosen)
    return Chart("shift", "What it prefers", sentence, plot, rows_behind(result), wanted.palette, left_out)


def _pair(result: EvalResult) -> list[str]:
    """The plain model and the last that training made."""
    speakers = speakers_in(result, STRENGTH)
    return [label for label in (BASE, *tuned_in(speakers)[-1:]) if label in speakers]


def _moved(result: EvalResult, speakers: Sequence[str]) -> list[Cell]:
    if len(speakers) < 2:
        return []
    return shown(result.find(SHIFT, speaker=speakers[-1], versus=BASE))


def _most_moved(cells: Sequence[Cell], most: int) -> list[Cell]:
    return sorted(cells, key=lambda cell: (not cell.marked, -abs(cell.value or 0.0)))[:most]


def _row(result: EvalResult, shift: Cell, speakers: Sequence[str]) -> Line:
    marks = marks_for(result, STRENGTH, shift.group, speakers)
    return Line(
        sentence_case(shift.group),
        marks,
        number(shift.value, "elo", signed=True),
        strong=bool(shift.marked),
    )


def _sentence(moved: Sequence[Cell]) -> str:
    marked = [cell for cell in moved if cell.marked]
    up = [c.group for c in sorted(marked, key=lambda c: -(c.value or 0)) if (c.value or 0) > 0]
    down = [c.group for c in sorted(marked, key=lambda c: c.value or 0) if (c.value or 0) < 0]
    parts = [f"more {listed(up)}"] if up else []
    parts += [f"less {listed(down)}"] if down else []
    said = "; ".join(parts)
    lead = f"{said[:1].upper()}{said[1:]}: " if said else ""
    return f"{lead}{len(marked)} of {len(moved)} traits moved beyond chance ({counted(moved)})."


def spread(result: EvalResult, wanted: Wanted) -> Chart:
    """How the strengths of all traits are spread, before and after, over one another."""
    name, title = "spread", "How decided it is"
    speakers = _pair(result)
    values = {
        label: [c.value or 0.0 for c in shown(result.find(STRENGTH, speaker=label))] for label in speakers
    }
    values = {label: found for label, found in values.items() if len(found) >= FEWEST_FOR_A_SPREAD}
    if not values:
        return empty(name, title, f"A spread needs at least {FEWEST_FOR_A_SPREAD} traits with a strength.")
    low = min(min(found) for found in values.values())
    high = max(max(max(found) for found in values.values()), low + 1)
    tracks = tuple(_outline(label, found, low, high) for label, found in values.items())
    tallest = max(step.mark.value for track in tracks for step in track.steps)
    plot = Tracks(
        tracks,
        Axis("strength, in Elo points", low, high, "elo"),
        Axis("traits", 0, max(1.0, tallest * 1.1), "count"),
        "steps",
    )
    return Chart(name, title, _spread_sentence(values), plot, rows_behind(result), wanted.palette)


def _outline(label: str, values: Sequence[float], low: float, high: float) -> Track:
    width, counts = (high - low) / BINS, [0] * BINS
    for value in values:
        counts[min(BINS - 1, int((value - low) / width))] += 1
    steps = [
        Step(
            low + (at + 0.5) * width,
            Mark(
                float(count),
                None,
                None,
                label,
                Source("", label, STRENGTH),
                f"{named(label)}: {count} traits around {low + (at + 0.5) * width:.0f}",
            ),
        )
        for at, count in enumerate(counts)
    ]
    return Track(label, tuple(steps))


def _spread_sentence(values: dict[str, list[float]]) -> str:
    parts = [f"{width_of(found):.0f} points {named(label)}" for label, found in values.items()]
    count = max(len(found) for found in values.values())
    return f"The middle four fifths of the traits span {', '.join(parts)} (n = {count} traits)."


def width_of(values: Sequence[float]) -> float:
    """From the tenth to the ninetieth part of the values."""
    tenths = quantiles(values, n=10, method="inclusive")
    return tenths[-1] - tenths[0]


def across(result: EvalResult, wanted: Wanted) -> Chart:
    """Each trait as a dot: strength before along the bottom, after up the side."""
    name, title = "across", "Before against after"
    before, after = _pair(result)
    steps: list[Step] = []
    for group in groups_in(result, STRENGTH):
        one, two = (cell_of(result, STRENGTH, group, label) for label in (before, after))
        if one and two and one.value is not None:
            mark = mark_of(two)
            words = f"{short(group)}: {number(one.value, 'elo')} before; {mark.words}"
            steps.append(Step(one.value, Mark(mark.value, mark.low, mark.high, after, mark.source, words)))
    if not steps:
        return empty(name, title, "No trait has a strength both before and after.")
    low = min(min(step.at, step.mark.value) for step in steps)
    high = max(max(step.at, step.mark.value) for step in steps)
    room = max(1.0, (high - low) * 0.05)
    plot = Tracks(
        (Track(after, tuple(steps)),),
        Axis("before", low - room, high + room, "elo"),
        Axis("after", low - room, high + room, "elo"),
        "points",
    )
    return Chart(
        name, title, _across_sentence(result, after, len(steps)), plot, rows_behind(result), wanted.palette
    )


def _across_sentence(result: EvalResult, after: str, count: int) -> str:
    rank = cell_of(result, "agreement", "", after, BASE)
    said = (
        f"The order of traits agrees with the plain model's at {number(rank.value, 'rank')}"
        if rank
        else "Each dot is a trait"
    )
    ends = f" ({between(rank)}; 1 is the same order)" if rank and between(rank) else ""
    return f"{said}{ends} (n = {count} traits)."
