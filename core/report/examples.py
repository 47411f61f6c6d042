"""Which answers a report shows: chosen by rule, so that nobody picks the pretty ones. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from core.evaluation.results import BASE, EvalResult
from core.report.model import Talk

Row = Mapping[str, Any]
RULE = (
    "Chosen by rule, not by taste: of {count} questions that both answered, those where the trained "
    "model's answer scored best, in the middle, and worst."
)
TRIAL_RULE = "Chosen by rule, not by taste: the first, the middle and the last of {count} unseen questions."
# Questions that ask for the character; grief and catch questions have charts of their own.
OWN = ("trait", "everyday")
NAMES = ("Best", "In the middle", "Worst")


def examples(result: EvalResult, tuned: str) -> tuple[str, tuple[Talk, ...]]:
    """The rule in words, and the best, the middle and the worst question; ("", ()) without pairs."""
    pairs = sorted(_pairs(result, tuned), key=lambda pair: -sureness(pair[1]))
    if not pairs:
        return "", ()
    chosen = [(NAMES[place], pairs[at]) for place, at in _three(len(pairs))]
    return RULE.format(count=len(pairs)), tuple(_talk(why, base, row) for why, (base, row) in chosen)


def _three(count: int) -> list[tuple[int, int]]:
    """(which name, which place) of the best, the middle and the worst of so many."""
    places = {0: 0, 1: count // 2, 2: count - 1} if count > 2 else {0: 0, 2: count - 1}
    return list(places.items()) if count > 1 else [(0, 0)]


def _pairs(result: EvalResult, tuned: str) -> list[tuple[Row, Row]]:
    """The plain model's row and the tuned one's for each question that both answered."""
    plain = {_place(row): row for row in result.rows if row.get("speaker") == BASE and row.get("text")}
    found: list[tuple[Row, Row]] = []
    for row in result.rows:
        mine = row.get("speaker") == tuned and row.get("text") and row.get("kind", "trait") in OWN
        if mine and sureness(row) >= 0 and _place(row) in plain:
            found.append((plain[_place(row)], row))
    return found


def sureness(row: Row) -> float:
    """How surely an answer is in character: the classifier's probability, else its score; -1 unknown."""
    for name in ("probability", "score"):
        value = row.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            return float(value)
    return -1.0


def _place(row: Row) -> tuple[str, str, str]:
    return str(row.get("prompt")), str(row.get("group")), str(row.get("sample"))


def _talk(why: str, base: Row, row: Row) -> Talk:
    said = f"{why}: in character with {100 * sureness(row):.0f} % probability, by the studio's ear"
    answers = (("Before", str(base["text"])), ("After", str(row["text"])))
    return Talk(str(row.get("asked") or row.get("prompt")), answers, said)


def trial_examples(answers: Sequence[Row]) -> tuple[str, tuple[Talk, ...]]:
    """The rule, and three questions of a trial, each with its first answer before and after."""
    first: dict[str, Row] = {}
    for row in answers:
        first.setdefault(str(row.get("prompt")), row)
    rows = list(first.values())
    chosen = [rows[at] for _, at in _three(len(rows))] if rows else []
    talks = tuple(
        Talk(str(row.get("prompt")), (("Before", str(row.get("base"))), ("After", str(row.get("tuned")))))
        for row in chosen
    )
    return (TRIAL_RULE.format(count=len(rows)), talks) if talks else ("", ())
