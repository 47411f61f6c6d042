"""How often answers are in character: rows that a classifier has heard, as cells. Pure.

A row: {"prompt", "speaker", "group", "score": probability, "label": most probable label, "heard": bool}
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from core.evaluation.classifier import Classifier
from core.evaluation.results import NEUTRAL, PROMPTED, Cell, shown_share, with_interval
from core.evaluation.stats.intervals import (
    Estimate,
    mean_by_cluster,
    mean_of,
    paired_differences,
    sign_flip_p,
)
from core.evaluation.stats.multiple import benjamini_hochberg
from core.titles import begun

MEASURE = "in character"
Row = Mapping[str, Any]
# Above this the plain model is no control any more: the classifier hears the character everywhere.
MOST_OF_BASE = 0.2


def heard(rows: Iterable[Row], classifier: Classifier, name: str) -> list[dict[str, Any]]:
    """Rows with what the classifier makes of their texts: `score`, `label` and `heard`."""
    found = [dict(row) for row in rows]
    if not found:
        return found
    place = classifier.place_of(name)
    # Asked once for all rows: some classifiers are a process of their own.
    for row, odds in zip(found, classifier.probabilities([row["text"] for row in found]), strict=True):
        label = classifier.labels[int(odds.argmax())]
        row.update(score=round(float(odds[place]), 4), label=label, heard=label == name)
    return found


def of(rows: Iterable[Row], speaker: str, groups: Iterable[str]) -> list[Row]:
    """The rows of one speaker in some groups."""
    wanted = set(groups)
    return [row for row in rows if row["speaker"] == speaker and row["group"] in wanted]


def prompts_in(rows: Iterable[Row]) -> list[str]:
    """What each row answers: the unit that intervals are drawn from."""
    return [row["prompt"] for row in rows]


def flags(rows: Iterable[Row]) -> list[float]:
    """1 for each row in character, else 0."""
    return [float(row["heard"]) for row in rows]


def share_cell(rows: Sequence[Row], *, group: str, speaker: str) -> Cell:
    """The share in character, every prompt counting once."""
    found = mean_by_cluster(flags(rows), prompts_in(rows))
    return cell_of(MEASURE, found, group=group, speaker=speaker)


def difference_cell(base: Sequence[Row], rows: Sequence[Row], **where: Any) -> Cell:
    """How much more often than base, prompt by prompt; p from flipping signs, not yet marked."""
    pairs = paired_differences(flags(base), flags(rows), prompts_in(base), prompts_in(rows))
    found = mean_of(pairs, bounds=(-1.0, 1.0))
    return replace(cell_of(MEASURE, found, unit="points", **where), p=sign_flip_p(pairs))


def marked(cells: Sequence[Cell]) -> list[Cell]:
    """The cells with a mark where a tested one stands among all that were tested (Benjamini-Hochberg)."""
    tested = [cell.p for cell in cells if cell.p is not None]
    stands = iter(benjamini_hochberg(tested).rejected) if tested else iter(())
    return [replace(cell, marked=next(stands)) if cell.p is not None else cell for cell in cells]


def cell_of(measure: str, estimate: Estimate, **where: Any) -> Cell:
    """An estimate as a cell; without a single prompt it has no value, and its note says so."""
    if math.isnan(estimate.value):
        return Cell(measure, None, note="no answers", **where)
    low, high = float(estimate.low), float(estimate.high)
    return Cell(measure, float(estimate.value), low, high, estimate.n, **where)


def base_caveats(base: Cell | None) -> list[str]:
    """What to say of the control: nothing where the plain model is hardly ever in character."""
    if base is None or base.value is None:
        return ["The plain model was not asked, so nothing shows how often it sounds alike by chance."]
    if base.value <= MOST_OF_BASE:
        return []
    return [
        f"The classifier takes {shown_share(base.value)} of the plain model's answers for the character's: "
        "it hears the character where there is none. Read the differences from base, not the shares."
    ]


def no_verdict(name: str, classifier: Classifier) -> str:
    """The headline where the classifier cannot be trusted, "" where it can."""
    if classifier.trusted:
        return ""
    return f"No verdict on {name}: the classifier cannot tell it from plain answers; {classifier.reason}."


def who_is(name: str, speaker: str, tuned: Sequence[str]) -> str:
    """The character as a sentence begins with it: which of several tuned, or how it is played untrained."""
    character = begun(name)
    if speaker in tuned:
        return character if len(tuned) == 1 else f"{character} ({speaker})"
    played = {PROMPTED: "under its system prompt", NEUTRAL: "under a neutral system prompt"}
    return f"{character} {played.get(speaker, 'in the plain model')}"


def words(cell: Cell) -> str:
    """A cell in a sentence: "78 % (61 to 89 %, 20 prompts)"."""
    return with_interval(cell)
