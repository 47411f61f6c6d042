"""Which pairs leave, and how each destination wants them. Pure.

    groups     accepted    a person kept, swapped or edited it, and nothing speaks against it
               undecided   the checks pass it, and nobody has said anything
               dropped     a person or a check dropped it
    encoder = Encoder("trl");  encoder.line(row) → b'{"prompt": …}\n', or None and why in `left_out`

Trainers' files hold nothing but the conversations: they refuse columns they do not know. Our own JSONL and
the CSV say as well who decided what, and whose words an answer is.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from itertools import islice
from typing import Any, Literal, Protocol, cast

from core import csv_safe
from core.formats import WRITERS, Target, conversation_of, dataset_info
from core.pair_edits import candidate_of
from core.pairs import dpo_row

Row = dict[str, Any]
Group = Literal["accepted", "undecided", "dropped"]
Destination = Literal["together", "openrlhf", "trl", "llamafactory", "jsonl", "csv"]

GROUPS: tuple[Group, ...] = ("accepted", "undecided", "dropped")
DESTINATIONS: tuple[Destination, ...] = ("together", "openrlhf", "trl", "llamafactory", "jsonl", "csv")
# The name that people know a destination by, and what they will do with the file.
TOLD: dict[Destination, tuple[str, str]] = {
    "together": ("Together", "fine-tune at Together: a preference file to upload"),
    "openrlhf": ("OpenRLHF", "two whole conversations a row: --data.chosen_key chosen"),
    "trl": ("TRL", "prompt, chosen and rejected apart, for TRL's DPOTrainer"),
    "llamafactory": ("LLaMA-Factory", "ShareGPT form, with the entry for dataset_info.json"),
    "jsonl": ("JSONL", "everything, one row a line: answers, checks, who decided"),
    "csv": ("CSV", "for a spreadsheet; a cell that looks like a formula gets an apostrophe"),
}
COLUMNS = (
    "id",
    "prompt",
    "chosen",
    "rejected",
    "trait",
    "sample",
    "standing",
    "decision",
    "reason",
    "reviewer",
    "decided_at",
    "dropped",
    "flags",
    "ratio",
    "chosen_by",
    "rejected_by",
)
NO_ANSWER = "an answer is missing"


def group_of(row: Mapping[str, Any]) -> Group:
    """Where a pair stands, checks and people's words together."""
    if row["dropped"]:
        return "dropped"
    return "accepted" if row.get("decision") else "undecided"


class PairSource(Protocol):
    """Where an export takes its pairs from: a list, or an index of a hundred thousand."""

    def counts(self) -> Mapping[Group, int]:
        """How many pairs with both answers stand in each group."""
        ...

    def rows(self, groups: frozenset[Group]) -> Iterator[Row]:
        """The pairs of these groups with everything about them, in the plan's order."""
        ...


@dataclass(frozen=True, slots=True)
class Listed:
    """Pairs that are in memory already."""

    pairs: list[Row]

    def counts(self) -> Mapping[Group, int]:
        """How many pairs with both answers stand in each group."""
        return Counter(group_of(row) for row in self.pairs if is_whole(row))

    def rows(self, groups: frozenset[Group]) -> Iterator[Row]:
        """The pairs of these groups."""
        return (row for row in self.pairs if is_whole(row) and group_of(row) in groups)


def is_whole(row: Mapping[str, Any]) -> bool:
    """Whether both answers are there."""
    return row.get("chosen") is not None and row.get("rejected") is not None


def groups_of(*, undecided: bool = False, dropped: bool = False) -> frozenset[Group]:
    """Accepted pairs, and those of the groups that somebody asked for."""
    asked: dict[Group, bool] = {"accepted": True, "undecided": undecided, "dropped": dropped}
    return frozenset(group for group in GROUPS if asked[group])


def extension(destination: Destination) -> str:
    """How the name of a file for this destination ends."""
    return "csv" if destination == "csv" else "jsonl"


def file_name(character: str, destination: Destination, count: int, day: date) -> str:
    """`pirate-120-pairs-trl-2026-11-26.jsonl`: whose, how many, for whom, when."""
    whom = "" if destination in ("csv", "jsonl") else f"-{destination}"
    return f"{character}-{count}-pairs{whom}-{day.isoformat()}.{extension(destination)}"


def provenance(row: Mapping[str, Any]) -> Row:
    """A pair flat, with where it stands, who decided, and whose words its answers are."""
    origin, when = row.get("origin") or {}, row.get("decided_at")
    told: Row = {
        "id": row["id"],
        "prompt": row["text"],
        "chosen": row["chosen"],
        "rejected": row["rejected"],
        "trait": row.get("trait") or "",
        "sample": row.get("sample"),
        "standing": group_of(row),
        "decision": row.get("decision") or "",
        "reason": row.get("reason") or "",
        "reviewer": row.get("reviewer") or "",
        "decided_at": datetime.fromtimestamp(when, UTC).isoformat(timespec="seconds") if when else "",
        "dropped": row.get("dropped") or "",
        "flags": list(row.get("flags") or ()),
        "ratio": row.get("ratio"),
        "chosen_by": origin.get("chosen", "teacher"),
        "rejected_by": origin.get("rejected", "student"),
    }
    return told


@dataclass(slots=True)
class Encoder:
    """Pairs as bytes for one destination. `left_out` counts pairs that it cannot take, by reason."""

    destination: Destination
    rows: int = 0
    left_out: Counter[str] = field(default_factory=Counter[str])

    def head(self) -> bytes:
        """What the file begins with: a CSV's column names."""
        if self.destination != "csv":
            return b""
        return (csv_safe.BEGINNING + csv_safe.line(COLUMNS)).encode()

    def line(self, row: Mapping[str, Any]) -> bytes | None:
        """One pair's line; None for one that the destination cannot take."""
        if not is_whole(row):
            self.left_out[NO_ANSWER] += 1
            return None
        said: list[str] = []
        try:
            text = _LINES.get(self.destination, _for_trainer(self.destination))(row, said)
            line = text.encode() if text else b""
        except UnicodeEncodeError:
            line = b""
            said.append("holds half of a character, which UTF-8 cannot carry")
        if not line:
            self.left_out[said[0] if said else NO_ANSWER] += 1
            return None
        self.rows += 1
        return line

    def lines(self, rows: Iterable[Mapping[str, Any]]) -> Iterator[bytes]:
        """The whole file in pieces."""
        yield self.head()
        for row in rows:
            line = self.line(row)
            if line is not None:
                yield line

    def told_left_out(self) -> str:
        """What was left out and why, as a sentence; "" when nothing was."""
        if not self.left_out:
            return ""
        reasons = "; ".join(f"{count}: {why}" for why, count in self.left_out.most_common(3))
        return f"{self.left_out.total()} could not be written ({reasons})."


Maker = Callable[[Mapping[str, Any], list[str]], str]


def _as_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False) + "\n"


def _own(row: Mapping[str, Any], said: list[str]) -> str:
    return _as_json(provenance(row))


def _csv(row: Mapping[str, Any], said: list[str]) -> str:
    told = provenance(row) | {"flags": "; ".join(row.get("flags") or ())}
    return csv_safe.line(["" if told[name] is None else str(told[name]) for name in COLUMNS])


def _for_trainer(destination: Destination) -> Maker:
    def make(row: Mapping[str, Any], said: list[str]) -> str:
        found = conversation_of(dpo_row(candidate_of(row)), "dpo", said)
        return "" if found is None else _as_json(WRITERS["dpo", cast(Target, destination)](found))

    return make


_LINES: dict[Destination, Maker] = {"jsonl": _own, "csv": _csv}


def preview(source: PairSource, groups: frozenset[Group], count: int = 3) -> list[Row]:
    """The first pairs that would leave, flat."""
    return [provenance(row) for row in islice(source.rows(groups), count)]


def entry_for_llamafactory(name: str) -> str:
    """What to paste into LLaMA-Factory's dataset_info.json for a file of this name."""
    title = name.rpartition(".")[0] or name
    return json.dumps({title: dataset_info(name, "dpo")}, indent=2)


def told_counts(counts: Mapping[Group, int], groups: frozenset[Group]) -> str:
    """How many pairs leave and what they are: "27 pairs: 20 accepted, 7 undecided"."""
    parts = [
        f"{counts.get(group, 0):,} {group}" for group in GROUPS if group in groups and counts.get(group)
    ]
    total = sum(counts.get(group, 0) for group in groups)
    return f"{total:,} pair{'' if total == 1 else 's'}" + (f": {', '.join(parts)}" if parts else "")
