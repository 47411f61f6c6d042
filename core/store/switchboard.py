"""The switchboard as it was left: what is ticked on both sides, and the conversation so far.

{"do": "ticks", "a": "all", "b": "but:voice", "model": "local/smollm2-135m", "at": 1795…}
{"do": "ask", "turn": "3f…", "text": "What is tax?", "seed": 1, "a": "all", "b": "but:voice", …}
{"do": "answer", "turn": "3f…", "side": "a", "text": "Arr …", "broken": "", …}
{"do": "new"}                                     a conversation begins
{"do": "effects", "question": "…", "answers": {"": ["Arr …"], "voice": […]}, …}
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from core.records import Message
from core.settings import Settings
from core.store.jsonl import Row
from core.store.play_log import PlayLog, play_log

Side = Literal["a", "b"]
SIDES: tuple[Side, Side] = ("a", "b")


@dataclass(slots=True)
class Turn:
    """One question with both answers. `broken` says why one is not whole: "stopped", or a sentence."""

    id: str
    text: str
    seed: int
    model: str
    ticks: dict[Side, str]
    answers: dict[Side, str] = field(default_factory=dict[Side, str])
    broken: dict[Side, str] = field(default_factory=dict[Side, str])

    @property
    def is_complete(self) -> bool:
        """Whether both sides said something, to the end or not."""
        return all(side in self.answers for side in SIDES)


@dataclass(slots=True)
class Board:
    """What stands on the switchboard; "" where nothing was chosen yet."""

    a: str = ""
    b: str = ""
    model: str = ""
    turns: list[Turn] = field(default_factory=list[Turn])

    def said(self, side: Side, until: str) -> list[Message]:
        """What one side has in mind when it answers a turn: everything before it, and its question."""
        found: list[Message] = []
        for turn in self.turns:
            found.append(Message("user", turn.text))
            if turn.id == until:
                break
            if turn.answers.get(side):
                found.append(Message("assistant", turn.answers[side]))
            else:
                found.pop()  # a question without an answer would make two user turns in a row
        return found


@dataclass(frozen=True, slots=True)
class Measured:
    """A leave-one-out as it was finished: answers by variation id, in the order of their seeds."""

    question: str
    model: str
    constitution: str
    answers: Mapping[str, Sequence[str]]
    seed: int
    max_tokens: int
    at: float


@dataclass(frozen=True, slots=True)
class Boards:
    """The switchboard of one character on disk."""

    log: PlayLog

    def read(self) -> Board:
        """As it was left. Raises RunError for a file that cannot be read."""
        board = Board()
        turns: dict[str, Turn] = {}
        for row in self.log.rows():
            if row["do"] == "ticks":
                board.a, board.b, board.model = row["a"], row["b"], row["model"]
            elif row["do"] == "new":
                turns.clear()
            elif row["do"] == "ask":
                turns[row["turn"]] = _turn(row)
            elif row["do"] == "answer" and (turn := turns.get(row["turn"])):
                turn.answers[row["side"]], turn.broken[row["side"]] = row["text"], row["broken"]
        board.turns = list(turns.values())
        return board

    def tick(self, a: str, b: str, model: str) -> None:
        """Keep what is on."""
        self.log.add({"do": "ticks", "a": a, "b": b, "model": model})

    def ask(self, text: str, seed: int, model: str, a: str, b: str) -> str:
        """Keep a question; the id of its turn."""
        turn = uuid.uuid4().hex[:12]
        row: Row = {"do": "ask", "turn": turn, "text": text, "seed": seed, "model": model, "a": a, "b": b}
        self.log.add({"do": "ticks", "a": a, "b": b, "model": model}, row)
        return turn

    def answer(self, turn: str, side: Side, text: str, broken: str = "") -> None:
        """Keep an answer, or what there is of it and why it is not whole."""
        self.log.add({"do": "answer", "turn": turn, "side": side, "text": text, "broken": broken})

    def begin_anew(self) -> None:
        """The next question begins a conversation."""
        self.log.add({"do": "new"})

    def measured(self) -> list[Measured]:
        """The finished leave-one-outs, the newest first, one a question and model."""
        found: dict[tuple[str, str], Measured] = {}
        for row in self.log.rows():
            if row["do"] == "effects":
                one = Measured(**{name: row[name] for name in Measured.__slots__})  # type: ignore[arg-type]
                found.pop((one.question, one.model), None)
                found[one.question, one.model] = one
        return list(found.values())[::-1]

    def keep(self, **fields: Any) -> None:
        """Keep a finished leave-one-out; the fields of `Measured` but its moment."""
        self.log.add({"do": "effects", **fields})


def _turn(row: Row) -> Turn:
    return Turn(row["turn"], row["text"], row["seed"], row["model"], {"a": row["a"], "b": row["b"]})


def boards(settings: Settings, name: str) -> Boards:
    """The switchboard of a character. Raises ConstitutionError for what is no name."""
    return Boards(play_log(settings, "switchboard", name))
