"""What an expansion brought and what it left out, trait by trait.

A dropped row: {"trait": "voice", "reason": "near-duplicate of this trait", "prompt": "What is tax?"}
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.expansion import Mix
from core.store.jsonl import Row, read_rows
from core.store.shelf import Shelf

EXAMPLES_A_REASON = 5
LONGEST_EXAMPLE = 400


@dataclass(frozen=True, slots=True)
class Dropped:
    """A candidate that was not kept, and why."""

    reason: str
    text: str
    trait_id: str

    def as_row(self) -> Row:
        """The candidate as it stands in the dropped file; an endless text is shown in part."""
        return {"trait": self.trait_id, "reason": self.reason, "prompt": self.text[:LONGEST_EXAMPLE]}


@dataclass(slots=True)
class ExpansionReport:
    """How an expansion went.

    `requested` and `achieved` count a trait's prompts by length, the hand-written ones included;
    `missing` says how many prompts there should still be, over all traits that were asked for.
    `requests` counts calls sent, retries included.
    """

    requested: Mix
    achieved: dict[str, Mix] = field(default_factory=dict[str, Mix])
    added: int = 0
    missing: int = 0
    dropped: dict[str, int] = field(default_factory=dict[str, int])
    examples: list[Dropped] = field(default_factory=list[Dropped])
    rounds: int = 0
    requests: int = 0
    failed_requests: int = 0
    failures: dict[str, int] = field(default_factory=dict[str, int])
    cost_usd: float = 0.0

    def drop(self, dropped: Dropped) -> None:
        """Count a candidate that was not kept; the first of each reason stay as examples."""
        count = self.dropped[dropped.reason] = self.dropped.get(dropped.reason, 0) + 1
        if count <= EXAMPLES_A_REASON:
            self.examples.append(dropped)

    def fail(self, kind: str, attempts: int) -> None:
        """Count a request that brought no text."""
        self.requests += attempts
        self.failed_requests += 1
        self.failures[kind] = self.failures.get(kind, 0) + 1

    def as_dict(self) -> dict[str, Any]:
        """Everything as plain JSON."""
        return {
            "requested": self.requested.as_dict(),
            "achieved": {trait: mix.as_dict() for trait, mix in self.achieved.items()},
            "added": self.added,
            "missing": self.missing,
            "dropped": dict(self.dropped),
            "examples": [example.as_row() for example in self.examples],
            "rounds": self.rounds,
            "requests": self.requests,
            "failed_requests": self.failed_requests,
            "failures": dict(self.failures),
            "cost_usd": round(self.cost_usd, 6),
        }


def dropped_path(shelf: Shelf, name: str) -> Path:
    """Where the dropped candidates of a character are kept."""
    return shelf.own_path("few-shot", name, ".dropped.jsonl")


def dropped_prompts(shelf: Shelf, name: str) -> list[Dropped]:
    """Every candidate that was not kept so far, oldest first."""
    rows = read_rows(dropped_path(shelf, name)).rows
    return [Dropped(row["reason"], row["prompt"], row["trait"]) for row in rows]
