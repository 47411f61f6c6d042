"""Proposed changes of a character, kept until they are accepted or put aside; append-only.

    DATA_PATH/suggestions/<name>.jsonl   {"at": …, "proposal": {…}}
                                         {"at": …, "settled": "<proposal id>", "as": "accepted"}
    DATA_PATH/suggestions/.<name>.replies.jsonl   what models answered, each request once

The last word about a proposal counts, so putting one aside can be taken back.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from core.constitution import check_name
from core.drafting.proposals import Proposal, read_proposal
from core.errors import ConstitutionError
from core.settings import Settings
from core.store.jsonl import append_rows, read_rows, repair
from core.store.locks import held
from core.store.replies import Replies, make_private_file, make_private_folder

Settled = Literal["open", "accepted", "discarded"]


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A proposal, when it was made, and what became of it."""

    proposal: Proposal
    at: float
    settled: Settled = "open"
    settled_at: float = 0.0


class Suggestions:
    """The proposals for one character."""

    def __init__(self, settings: Settings, name: str) -> None:
        """Raises ConstitutionError for what cannot be a name."""
        if problems := check_name(name):
            raise ConstitutionError(repr(name[:40]), problems)
        self.name = name
        self.path: Path = settings.data_path / "suggestions" / f"{name}.jsonl"

    @property
    def replies(self) -> Replies:
        """What models answered when they were asked for proposals."""
        return Replies(self.path.with_name(f".{self.name}.replies.jsonl"), f"suggestions for {self.name}")

    def all(self) -> list[Suggestion]:
        """Every proposal, the newest first. Raises RunError."""
        found: dict[str, Suggestion] = {}
        for row in read_rows(self.path).rows:
            _take(found, row)
        return sorted(found.values(), key=lambda one: one.at, reverse=True)

    def open(self) -> list[Suggestion]:
        """Those that wait for a decision, the newest first."""
        return [one for one in self.all() if one.settled == "open"]

    def add(self, proposals: Iterable[Proposal]) -> int:
        """Keep proposals and return how many are new; one that was settled before opens again."""
        standing = {one.proposal.id: one.settled for one in self.all()}
        fresh = [one for one in proposals if standing.get(one.id) != "open"]
        if fresh:
            self._append([{"at": time.time(), "proposal": one.as_dict()} for one in fresh])
        return len(fresh)

    def note_unusable(self, lost: Iterable[tuple[str, str]], by: str) -> None:
        """Keep what a model proposed and what it could not be used for, with the reason."""
        rows = [{"at": time.time(), "unusable": text, "reason": reason, "by": by} for text, reason in lost]
        if rows:
            self._append(rows)

    def unusable(self, since: float = 0.0) -> list[tuple[str, str]]:
        """What could not be used since a moment, with its reason; the same text once."""
        rows = read_rows(self.path).rows
        found = [row for row in rows if "unusable" in row and float(row.get("at") or 0) >= since]
        return list(dict.fromkeys((str(row["unusable"]), str(row.get("reason", ""))) for row in found))

    def settle(self, id: str, how: Settled) -> None:
        """Keep what became of a proposal, durable on return. Raises RunError."""
        self._append([{"at": time.time(), "settled": id, "as": how}])

    def _append(self, rows: list[dict[str, Any]]) -> None:
        make_private_folder(self.path.parent)
        with held(self.path.with_name(f".{self.name}.lock"), f"suggestions for {self.name}"):
            make_private_file(self.path)
            repair(self.path)
            append_rows(self.path, rows)


def _take(found: dict[str, Suggestion], row: dict[str, Any]) -> None:
    at = float(row.get("at") or 0)
    if isinstance(row.get("proposal"), dict):
        proposal = read_proposal(cast("dict[str, Any]", row["proposal"]))
        if proposal:
            found[proposal.id] = Suggestion(proposal, at)
    elif (one := found.get(str(row.get("settled")))) and row.get("as") in ("open", "accepted", "discarded"):
        found[one.proposal.id] = Suggestion(one.proposal, one.at, row["as"], at)
