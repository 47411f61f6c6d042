"""Head to head: the tuned model's answers against each control's, by a judge, a rubric at a time. Pure.

A row is one pair under one rubric; its score is the mean of both orders. Shares are of scored pairs, with
intervals by prompt; what could not be scored is counted beside them and never guessed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import isnan
from typing import Any

from core.evaluation.judging import TIE, By, Question, Verdict, compare
from core.evaluation.judging_orders import combine
from core.evaluation.judging_wording import RUBRICS
from core.evaluation.results import Cell, in_order
from core.evaluation.stats.intervals import (
    Estimate,
    NoEstimate,
    cluster_means,
    mean_by_cluster,
    sign_flip_p,
)
from core.evaluation.stats.length_control import alike_length_win_rate, length_controlled_win_rate
from core.evaluation.stats.multiple import benjamini_hochberg
from core.records import content_hash

Row = dict[str, Any]
WIN_RATE, CONTROLLED = "win rate", "win rate, length controlled"
ALIKE_ONLY = "among answers of like length"
_IDENTICAL = Verdict(TIE)


@dataclass(frozen=True, slots=True)
class Duel:
    """Two answers to one prompt, from the tuned model (`one`) and from a control (`other`)."""

    prompt: str
    asked: str
    sample: int
    speaker: str
    versus: str
    one: str
    other: str

    @property
    def identical(self) -> bool:
        """Whether both said the same, which is a tie without a judge."""
        return self.one.strip() == self.other.strip()

    @property
    def id(self) -> str:
        """The pair's permanent id."""
        return content_hash([self.asked, self.one, self.other])[:12]

    def question(self, rubric: str, traits: str, by: By) -> Question:
        """What the judge is asked about it."""
        return compare(
            rubric, asked=self.asked, one=self.one, other=self.other, traits=traits, seed_text="", by=by
        )


def duels_of(answers: Mapping[str, Sequence[Row | None]], tuned: Sequence[str]) -> list[Duel]:
    """Every tuned answer against every control's to the same prompt and sample; missing ones left out.

    `answers` maps speakers to their answers in one common order.
    """
    found: list[Duel] = []
    for speaker in tuned:
        for versus in (label for label in answers if label not in tuned):
            for mine, theirs in zip(answers[speaker], answers[versus], strict=True):
                if mine is not None and theirs is not None:
                    found.append(_duel(mine, theirs, speaker, versus))
    return found


def _duel(mine: Row, theirs: Row, speaker: str, versus: str) -> Duel:
    return Duel(
        str(mine["prompt"]),
        str(mine["asked"]),
        int(mine["sample"]),
        speaker,
        versus,
        str(mine["text"]),
        str(theirs["text"]),
    )


def row_of(duel: Duel, rubric: str, verdicts: Sequence[Verdict]) -> Row:
    """A judged pair as a result keeps it; identical answers need no verdicts."""
    both = combine(_IDENTICAL, _IDENTICAL) if duel.identical else combine(verdicts[0], verdicts[1])
    return {
        "pair": duel.id,
        "prompt": duel.prompt,
        "asked": duel.asked,
        "speaker": duel.speaker,
        "versus": duel.versus,
        "group": rubric,
        "sample": duel.sample,
        "text": duel.one,
        "other": duel.other,
        "verdicts": list(both.orders),
        "outcome": both.outcome,
        "score": both.score,
        "flip": both.flip,
        "picked_first": both.picked_first,
        "probability": both.probability,
        "reason": "identical" if duel.identical else both.reason,
    }


# ---- cells


def cells_of(rows: Sequence[Row]) -> list[Cell]:
    """Every measure of each rubric against each opponent; win rates tested, marked over all of them."""
    found: list[Cell] = []
    for speaker, versus in _matches(rows):
        for rubric in RUBRICS:
            mine = [r for r in rows if (r["speaker"], r["versus"], r["group"]) == (speaker, versus, rubric)]
            if mine:
                found += [replace(c, group=rubric, speaker=speaker, versus=versus) for c in _cells(mine)]
    return _marked(found)


def _matches(rows: Sequence[Row]) -> list[tuple[str, str]]:
    seen = dict.fromkeys((str(row["speaker"]), str(row["versus"])) for row in rows)
    order = {label: place for place, label in enumerate(in_order(versus for _, versus in seen))}
    return sorted(seen, key=lambda match: (match[0], order[match[1]]))


def _cells(rows: Sequence[Row]) -> list[Cell]:
    scored = [row for row in rows if row["score"] is not None]
    prompts = [row["prompt"] for row in scored]
    found = [
        _cell(outcome, mean_by_cluster([float(row["outcome"] == outcome) for row in scored], prompts))
        for outcome in ("win", "tie", "loss")
    ]
    found.append(_win_rate(scored, prompts))
    found.append(_controlled(scored, prompts))
    found.append(_cell("flips", mean_by_cluster([float(row["flip"]) for row in scored], prompts)))
    missing = [float(row["score"] is None) for row in rows]
    found.append(_cell("unscored", mean_by_cluster(missing, [row["prompt"] for row in rows])))
    return found


def _win_rate(scored: Sequence[Row], prompts: Sequence[str]) -> Cell:
    scores = [float(row["score"]) for row in scored]
    cell = _cell(WIN_RATE, mean_by_cluster(scores, prompts))
    return replace(cell, p=sign_flip_p(cluster_means(scores, prompts) - 0.5)) if scored else cell


def _controlled(scored: Sequence[Row], prompts: Sequence[str]) -> Cell:
    """The win rate at equal length; where prompts are few, among answers of like length."""
    scores = [float(row["score"]) for row in scored]
    mine, theirs = [len(row["text"]) for row in scored], [len(row["other"]) for row in scored]
    found = length_controlled_win_rate(scores, theirs, mine, prompts)
    note = ""
    if isinstance(found, NoEstimate):
        note, found = found.reason, alike_length_win_rate(scores, theirs, mine, prompts)
        if not isinstance(found, NoEstimate):
            note = ALIKE_ONLY
    if isinstance(found, NoEstimate):
        return Cell(CONTROLLED, None, n=len(set(prompts)), note=found.reason)
    return replace(_cell(CONTROLLED, found), note=note)


def _cell(measure: str, one: Estimate) -> Cell:
    if isnan(one.value):
        return Cell(measure, None, note="no verdict could be read")
    return Cell(measure, one.value, one.low, one.high, one.n)


def _marked(cells: Sequence[Cell]) -> list[Cell]:
    tested = [cell for cell in cells if cell.p is not None]
    marks = benjamini_hochberg([cell.p or 0.0 for cell in tested]).rejected if tested else []
    known = dict(zip(map(id, tested), marks, strict=True))
    return [replace(cell, marked=known[id(cell)]) if id(cell) in known else cell for cell in cells]
