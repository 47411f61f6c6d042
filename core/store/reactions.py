"""What people said about answers: append-only, in the run's folder.

A reaction: {"id": "3f…", "pair": "c0ffee…", "kind": "critique", "text": "too loud", "prompt": "…",
             "answer": "…", "trait": "voice", "reviewer": "", "at": 1795392902.1}
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.drafting.reactions import KINDS, Reaction
from core.records import content_hash
from core.store.jsonl import append_rows, read_rows, repair
from core.store.locks import held


@dataclass(frozen=True, slots=True)
class Said:
    """A reaction to one pair's answer, by whom and when (seconds since 1970)."""

    pair: str
    reaction: Reaction
    reviewer: str = ""
    at: float = 0.0

    @property
    def id(self) -> str:
        """The same for the same words about the same answer."""
        one = self.reaction
        return content_hash([self.pair, one.kind, one.text, one.answer])[:16]


def react(folder: Path, said: Said) -> None:
    """Append a reaction to the run's folder, durable on return. Raises RunError."""
    path = folder / "reactions.jsonl"
    one = said.reaction
    row = {"id": said.id, "pair": said.pair, "kind": one.kind, "text": one.text, "prompt": one.prompt}
    row |= {"answer": one.answer, "trait": one.trait_id, "reviewer": said.reviewer}
    with held(folder / ".reactions.lock", "reactions to these pairs"):
        repair(path)
        append_rows(path, [{**row, "at": said.at or time.time()}])


def reactions(folder: Path) -> list[Said]:
    """Every reaction of a run, the oldest first. Raises RunError."""
    return [_read(row) for row in read_rows(folder / "reactions.jsonl").rows if row.get("kind") in KINDS]


def reactions_to(folder: Path, pair: str) -> list[Said]:
    """The reactions to one pair, the newest first."""
    return [said for said in reversed(reactions(folder)) if said.pair == pair]


def _read(row: dict[str, Any]) -> Said:
    texts = [str(row.get(name) or "") for name in ("text", "prompt", "answer", "trait")]
    reaction = Reaction(row["kind"], *texts)
    return Said(str(row.get("pair", "")), reaction, str(row.get("reviewer", "")), float(row.get("at") or 0))
