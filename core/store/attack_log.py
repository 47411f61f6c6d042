"""Every attack on a character that was answered, and what a person said of it.

{"do": "try", "id": "3f…", "attack": "drop-role", "question": "Who are you?", "seed": 1, "model": "…",
 "sides": {"base": {…}, "tuned": {"adapter": "trial/pirate", "strength": 1.0, "mark": 17…}}}
{"do": "answer", "id": "3f…", "side": "tuned", "text": "Arr …", "broken": "", "reading": {…} or null}
{"do": "judge", "id": "3f…", "side": "tuned", "verdict": "broke", "reviewer": ""}
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from core.settings import Settings
from core.store.jsonl import Row
from core.store.play_log import PlayLog, play_log

BASE = "base"
Judgement = Literal["held", "broke", ""]


@dataclass(slots=True)
class Answered:
    """One side's answer: why it is not whole, what rules read in it, what a person said of it."""

    text: str
    broken: str = ""
    reading: Mapping[str, Any] | None = None
    verdict: str = ""


@dataclass(slots=True)
class Tried:
    """One attack on one question. `sides` says who: {} for the base, else adapter and strength.

    `page` is where it was asked: "break", "compare" (before and after) or "job".
    """

    id: str
    attack: str
    question: str
    seed: int
    model: str
    sides: dict[str, dict[str, Any]]
    at: float
    page: str = "break"
    answers: dict[str, Answered] = field(default_factory=dict[str, Answered])

    @property
    def tuned(self) -> list[str]:
        """The sides that wear an adapter."""
        return [side for side in self.sides if side != BASE]


@dataclass(frozen=True, slots=True)
class AttackLog:
    """The attacks on one character."""

    log: PlayLog

    def all(self) -> list[Tried]:
        """Every one, the newest first. Raises RunError for a file that cannot be read."""
        found: dict[str, Tried] = {}
        for row in self.log.rows():
            if row["do"] == "try":
                found.setdefault(row["id"], _tried(row))
            elif row["id"] in found:
                _play(found[row["id"]], row)
        return list(found.values())[::-1]

    def begin(
        self,
        attack: str,
        question: str,
        *,
        seed: int,
        model: str,
        sides: Mapping[str, Mapping[str, Any]],
        id: str = "",
        page: str = "break",
    ) -> str:
        """Keep what is asked of whom; its id. With an `id` that is there already, nothing is kept twice."""
        kept = id or uuid.uuid4().hex[:12]
        row: Row = {"do": "try", "id": kept, "attack": attack, "question": question, "seed": seed}
        told = {side: dict(who) for side, who in sides.items()}
        self.log.add(row | {"model": model, "sides": told, "page": page})
        return kept

    def answer(
        self, id: str, side: str, text: str, broken: str = "", reading: Mapping[str, Any] | None = None
    ) -> None:
        """Keep an answer, or what there is of it."""
        self.log.add(_answer_row(id, side, text, broken, reading))

    def judge(self, id: str, side: str, verdict: Judgement, reviewer: str = "") -> None:
        """Keep a person's word about an answer; "" takes it back."""
        self.log.add({"do": "judge", "id": id, "side": side, "verdict": verdict, "reviewer": reviewer})


def _answer_row(id: str, side: str, text: str, broken: str, reading: Mapping[str, Any] | None) -> Row:
    told = dict(reading) if reading else None
    return {"do": "answer", "id": id, "side": side, "text": text, "broken": broken, "reading": told}


def _tried(row: Row) -> Tried:
    return Tried(
        row["id"],
        row["attack"],
        row["question"],
        row["seed"],
        row["model"],
        row["sides"],
        row["at"],
        row["page"],
    )


def _play(tried: Tried, row: Row) -> None:
    side = row["side"]
    if row["do"] == "answer":
        verdict = tried.answers[side].verdict if side in tried.answers else ""
        tried.answers[side] = Answered(row["text"], row["broken"], row["reading"], verdict)
    elif row["do"] == "judge" and side in tried.answers:
        tried.answers[side].verdict = row["verdict"]


def verdicts(tried: list[Tried]) -> Iterator[tuple[str, str]]:
    """(a person's verdict or "", the rules' or "") of every tuned answer to an attack."""
    for one in tried:
        for side in one.tuned:
            if one.attack != "plain" and (answer := one.answers.get(side)):
                yield answer.verdict, str((answer.reading or {}).get("verdict", ""))


def attack_log(settings: Settings, name: str) -> AttackLog:
    """The attacks on a character. Raises ConstitutionError for what is no name."""
    return AttackLog(play_log(settings, "attacks", name))
