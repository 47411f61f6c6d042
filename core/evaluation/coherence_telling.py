"""Head to head in words: the sentence shown first, and what belongs beside the numbers. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from core.evaluation.coherence import ALIKE_ONLY, CONTROLLED, WIN_RATE
from core.evaluation.judging_reliability import judge_caveats
from core.evaluation.judging_wording import COHERENCE, HELPFULNESS, STRENGTH
from core.evaluation.results import BASE, NEUTRAL, PROMPTED, TUNED, Cell, with_interval
from core.evaluation.stats.intervals import mean_by_cluster
from core.titles import begun

Row = dict[str, Any]
# A judge's length bias is worth a sentence from this difference on (AlpacaEval's own rule).
LENGTH_MATTERS = 0.1
MANY_UNSCORED = 0.1
# Of fewer prompts two rates differ by so much for no reason at all.
ENOUGH = 10


_SAID = {
    STRENGTH: "show the character more strongly",
    COHERENCE: "hang together better",
    HELPFULNESS: "help more",
}
_OPPONENT = {
    BASE: "the plain model's",
    PROMPTED: "the system prompt's",
    NEUTRAL: "the neutral character's",
}


def headline(name: str, cells: Sequence[Cell], judge: Mapping[str, Any]) -> str:
    """One sentence against the first opponent; without figures where the judge may not headline."""
    if judge["gate"] in ("block", "unmeasured"):
        return _no_headline(name, judge)
    rates = [cell for cell in cells if cell.measure == WIN_RATE and cell.value is not None]
    if not rates:
        return f"{name}: the judge's verdicts could not be read; nothing is known yet."
    first = rates[0]
    told = [_told(cell) for cell in rates if (cell.speaker, cell.versus) == (first.speaker, first.versus)]
    whose = _OPPONENT.get(first.versus or "", f"{first.versus}'s")
    care = " Read it with care: see the judge." if judge["gate"] == "caution" else ""
    which = "" if first.speaker == TUNED else f" ({first.speaker})"
    return f"{begun(name)}{which} against {whose} answers: {'; '.join(told)}.{care}"


def _told(cell: Cell) -> str:
    value = with_interval(replace(cell, versus=None))
    sure = (
        ""
        if cell.low is not None and cell.high is not None and not cell.low <= 0.5 <= cell.high
        else ", too close to call"
    )
    return f"its answers {_SAID[cell.group]} in {value}{sure}"


def _no_headline(name: str, judge: Mapping[str, Any]) -> str:
    if judge["gate"] == "block" and (judge.get("human") or {}).get("gate") == "block":
        return (
            f"No verdict on {name}: {judge['model']} hardly agrees with the people who rated the same "
            "answers. Read them beside each other, or take another judge."
        )
    if judge["gate"] == "block":
        return (
            f"No verdict on {name}: on pairs whose answer is known, {judge['model']} is no better a judge "
            "than a coin. Read the answers beside each other, or take another judge."
        )
    return (
        f"No verdict on {name}: how far {judge['model']} can be trusted is not measured. Make pairs first, "
        "or rate some yourself, and run this again."
    )


def caveats(rows: Sequence[Row], cells: Sequence[Cell], judge: Mapping[str, Any]) -> list[str]:
    """What belongs beside the numbers."""
    found = judge_caveats(judge)
    found += _place(rows)
    found += _length(cells)
    found += _unscored(cells)
    found.append(
        "Both orders were judged; a verdict that changed with the order counts half."
        if judge["by"] != "logprob"
        else "Both orders were judged by the probability of a letter, and averaged."
    )
    return found


def _place(rows: Sequence[Row]) -> list[str]:
    """Whether these very verdicts lean to a place."""
    values = [float(picked) for row in rows for picked in row["picked_first"]]
    one = mean_by_cluster(values, [row["prompt"] for row in rows for _ in row["picked_first"]])
    if one.n == 0 or one.low <= 0.5 <= one.high or abs(one.value - 0.5) < LENGTH_MATTERS:
        return []
    word, share = ("first", one.value) if one.value > 0.5 else ("second", 1 - one.value)
    return [f"The judge picks the answer shown {word} in {100 * share:.0f} % of its choices."]


def _length(cells: Sequence[Cell]) -> list[str]:
    found: list[str] = []
    for raw, equal in _raw_and_controlled(cells):
        if raw.value is None or equal.value is None or equal.n < ENOUGH:
            continue
        if abs(raw.value - equal.value) <= LENGTH_MATTERS:
            continue
        found.append(
            f"Length matters to this judge ({raw.group}, against {raw.versus}): the win rate is "
            f"{_percent(raw.value)} in all and {_percent(equal.value)} at equal length."
        )
    if any(equal.note == ALIKE_ONLY and equal.value is not None for _, equal in _raw_and_controlled(cells)):
        found.append(
            "With fewer than 50 prompts, the rate at equal length is that among answers of like length."
        )
    return found


def _raw_and_controlled(cells: Sequence[Cell]) -> Iterable[tuple[Cell, Cell]]:
    known = {(c.group, c.speaker, c.versus): c for c in cells if c.measure == CONTROLLED}
    return [(c, known[c.group, c.speaker, c.versus]) for c in cells if c.measure == WIN_RATE]


def _unscored(cells: Sequence[Cell]) -> list[str]:
    return [
        f"{_percent(cell.value)} of the pairs judged on {cell.group} against {cell.versus} have no verdict "
        "that could be read, and are left out."
        for cell in cells
        if cell.measure == "unscored" and cell.value is not None and cell.value > MANY_UNSCORED
    ]


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
