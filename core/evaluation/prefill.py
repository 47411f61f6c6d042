"""Does the character take over after a plain first answer, and does it stay? Pure.

Everybody gets the same conversation to go on with: a question and the plain model's answer. From there
the user says the same each turn, and the speaker answers what itself has said before. `group` is the turn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from core.dialogues import fitting, tokens_of
from core.evaluation.classifier import Classifier
from core.evaluation.in_character import (
    MEASURE,
    base_caveats,
    cell_of,
    difference_cell,
    flags,
    marked,
    of,
    prompts_in,
    share_cell,
    who_is,
    words,
)
from core.evaluation.results import BASE, Cell, shown_share
from core.evaluation.stats.intervals import Floats, Statistic, by_cluster
from core.records import Message
from core.titles import begun

Row = Mapping[str, Any]
DRIFT = "drift"
MOST_TURNS, LEAST_TURNS = 15, 1
# Below this a conversation is hardly one.
SMALLEST_ROOM = 128
# What the user says at each turn, in their order.
CONTINUATIONS = (
    "Keep going.",
    "Interesting. What else is there to it?",
    "And why is that so?",
    "Can you give me an example?",
    "What would you do in my place?",
    "Put that in other words, please.",
    "What do people usually get wrong about it?",
    "Good. And then?",
    "Is there another side to it?",
    "What should I remember of all this?",
    "How did you come to think so?",
    "What would you look at next?",
    "Tell me a little more about that last point.",
    "Is there one more thing that you would add?",
    "Thank you. A last word before I go?",
)


def conversation(prompt: str, first: str, said: Sequence[str]) -> list[Message]:
    """What a speaker sees at the turn after those in `said`: it ends with the user."""
    turns = [Message("user", prompt), Message("assistant", first)]
    for asked, answer in zip(CONTINUATIONS, said, strict=False):
        turns += [Message("user", asked), Message("assistant", answer)]
    return [*turns, Message("user", CONTINUATIONS[len(said)])]


def as_seen(
    turns: Sequence[Message], opening: Sequence[Message], room: int
) -> tuple[tuple[Message, ...], int]:
    """(the turns that fit beside what stands before them, how many of the oldest were left out).

    `room` counts tokens for opening and turns together.
    """
    fitted, dropped = fitting(turns, max(SMALLEST_ROOM, room - tokens_of(opening)))
    return tuple(fitted), dropped


# ---- cells


def cells_of(rows: Sequence[Row], speakers: Sequence[str], turns: int) -> list[Cell]:
    """Shares a turn, differences from base a turn, and each speaker's drift."""
    groups = [str(turn) for turn in range(1, turns + 1)]
    shares = [
        share_cell(of(rows, speaker, [group]), group=group, speaker=speaker)
        for group in groups
        for speaker in speakers
    ]
    differences = [
        difference_cell(
            of(rows, BASE, [group]), of(rows, speaker, [group]), group=group, speaker=speaker, versus=BASE
        )
        for group in groups
        for speaker in speakers
        if speaker != BASE and BASE in speakers
    ]
    drifts = [drift_cell(of(rows, speaker, groups), turns, speaker) for speaker in speakers]
    return [*shares, *marked(differences), *drifts]


def drift_cell(rows: Sequence[Row], turns: int, speaker: str) -> Cell:
    """By how much the share in character changes a turn: a straight line's slope, by prompt."""
    if turns < 2:
        return Cell(DRIFT, None, unit="points", speaker=speaker, note="one turn has no drift")
    places = [int(row["group"]) for row in rows]
    most = steepest(turns)
    found = by_cluster(slope(places, flags(rows), most), prompts_in(rows), bounds=(-most, most))
    return cell_of(DRIFT, found, unit="points", speaker=speaker)


def steepest(turns: int) -> float:
    """The steepest slope of shares over turns 1 to `turns`: none in the first half, all in the second."""
    middle = (turns + 1) / 2
    places = [turn - middle for turn in range(1, turns + 1)]
    return sum(place for place in places if place > 0) / sum(place * place for place in places)


def slope(places: Sequence[float], values: Sequence[float], most: float) -> Statistic:
    """The least-squares slope of values over places, of weighted rows; nan where all places are one.

    Held within ± `most`: where conversations end early, rows can lie steeper than whole ones could.
    """
    x, y = np.asarray(places, dtype=np.float64), np.asarray(values, dtype=np.float64)

    def statistic(weights: Floats) -> Floats:
        total = np.maximum(weights.sum(axis=1), 1e-300)
        mean_x, mean_y = weights @ x / total, weights @ y / total
        spread = weights @ (x * x) / total - mean_x**2
        together = weights @ (x * y) / total - mean_x * mean_y
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(spread > 1e-12, np.clip(together / spread, -most, most), np.nan)

    return statistic


# ---- in words


def headline(name: str, cells: Sequence[Cell], tuned: Sequence[str], turns: int) -> str:
    """One sentence: whether it takes over at the first turn, and whether it stays."""
    speaker = next(iter(tuned), None) or _loudest(cells)
    first = _find(cells, MEASURE, "1", speaker) if speaker else None
    if speaker is None or first is None or first.value is None:
        return f"{begun(name)} was not measured: nothing was answered."
    who = who_is(name, speaker, tuned)
    base = _find(cells, MEASURE, "1", BASE) if speaker != BASE else None
    plain = f" ({shown_share(base.value)} before)" if base and base.value is not None else ""
    takes = "takes over" if _more(cells, first) else "does not take over"
    return (
        f"{who} {takes} from a plain first answer: {words(first)} of its answers are in "
        f"character{plain}{_staying(cells, speaker, turns)}."
    )


def _more(cells: Sequence[Cell], first: Cell) -> bool:
    difference = _find(cells, MEASURE, "1", first.speaker, BASE)
    if difference is None:
        return (first.value or 0.0) >= 0.5
    return difference.excludes_zero and (difference.value or 0.0) > 0


def _staying(cells: Sequence[Cell], speaker: str, turns: int) -> str:
    drift = _find(cells, DRIFT, "", speaker)
    if drift is None or drift.value is None or drift.low is None or drift.high is None:
        return ""
    how = "and holds" if not drift.excludes_zero else "and fades" if drift.value < 0 else "and grows"
    low, high = _points(drift.low), _points(drift.high)
    return f", {how}: {_points(drift.value)} points a turn ({low} to {high}) over {turns} turns"


def _points(value: float) -> str:
    rounded = round(100 * value)
    return f"−{-rounded}" if rounded < 0 else f"+{rounded}" if rounded else "0"


def _loudest(cells: Sequence[Cell]) -> str | None:
    """Without a tuned model, the control with the highest share at the first turn."""
    shares = [
        cell
        for cell in cells
        if cell.measure == MEASURE and cell.group == "1" and not cell.versus and cell.value is not None
    ]
    others = [cell for cell in shares if cell.speaker != BASE] or shares
    return max(others, key=lambda cell: cell.value or 0.0).speaker if others else None


def _find(
    cells: Sequence[Cell], measure: str, group: str, speaker: str, versus: str | None = None
) -> Cell | None:
    wanted = (measure, group, speaker, versus)
    return next((c for c in cells if (c.measure, c.group, c.speaker, c.versus) == wanted), None)


def caveats(
    name: str, cells: Sequence[Cell], rows: Sequence[Row], classifier: Classifier, max_tokens: int
) -> list[str]:
    """What belongs beside every number."""
    trimmed = [row for row in rows if row.get("trimmed")]
    left_out = (
        [
            f"{len(trimmed)} answers were given without the oldest turns, which no longer fitted the "
            f"model's context (from turn {min(int(row['group']) for row in trimmed)} on)."
        ]
        if trimmed
        else []
    )
    return [
        *classifier.told(name),
        *base_caveats(_find(cells, MEASURE, "1", BASE)),
        *left_out,
        "The first answer is the plain model's for everybody. "
        f"Answers are cut off after {max_tokens} tokens. "
        "The questions are everyday ones that no training uses.",
    ]
