"""What every evaluation leaves behind: one envelope, tidy cells, and a sentence. Pure.

    runs/<run>/evals/<kind>/<hash of the settings>/result.json    an `EvalResult`
    runs/<run>/evals/<kind>/<hash of the settings>/rows.jsonl     the rows behind its cells

A cell is one number of a chart or table:

    {"measure": "in character", "group": "v3", "speaker": "tuned", "value": 0.85, "low": 0.71, "high": 0.93,
     "n": 20, "unit": "share", "versus": null, "p": null, "marked": null, "note": ""}

A row names what a click on a bar should show: `prompt`, `text` and whatever else the kind keeps. Its
`group`, `speaker` (and `trait`, where it has one) are those of the cells that it went into.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

BASE, TUNED, PROMPTED, NEUTRAL = "base", "tuned", "system prompt", "neutral"
# In this order they stand in tables and charts.
SPEAKERS = (BASE, PROMPTED, NEUTRAL, TUNED)
KINDS = ("data", "traits", "robustness", "prefill", "coherence", "preferences", "capability", "rate")


@dataclass(frozen=True, slots=True)
class Cell:
    """One number with its 95 % interval. `n` counts prompts, the units that were drawn.

    `group` is what it is about ("" for all): a trait's id, a suffix, a turn, a rubric. `speaker` is who
    was measured; with `versus` it is the difference from that speaker. `unit` is "share" (0 to 1),
    "points" (percentage points as a share, -1 to 1), "elo", "count", "ratio" or "rank". `marked` says
    whether it stands after Benjamini-Hochberg, None where nothing was tested. `low` and `high` are None
    where an interval would mean nothing, and `note` then says why.
    """

    measure: str
    value: float | None
    low: float | None = None
    high: float | None = None
    n: int = 0
    unit: str = "share"
    group: str = ""
    speaker: str = ""
    versus: str | None = None
    p: float | None = None
    marked: bool | None = None
    note: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Every field, as plain JSON."""
        return asdict(self)

    @property
    def who(self) -> str:
        """Whose number it is: "tuned", "tuned − base" for a difference, "tuned against base" for a duel."""
        if self.versus is None:
            return self.speaker
        return f"{self.speaker} {'against' if self.unit == 'share' else '−'} {self.versus}"

    @property
    def excludes_zero(self) -> bool:
        """Whether the interval of a difference leaves zero out."""
        return self.low is not None and self.high is not None and not self.low <= 0 <= self.high


@dataclass(slots=True)
class EvalResult:
    """One finished evaluation, as `result.json` keeps it.

    `headline` is the one plain sentence that a page shows first; `caveats` are sentences that belong
    beside every number. `judge` is None for measures without one, else {"model", "reliability", "gate",
    "warning"}. `speakers` maps each label to {"model", "adapter", "strength", "system"}. `complete` is
    False where answers or verdicts are missing; `missing` counts them by reason. `details` holds what
    only this kind has. `settings` are those that decide the result, `command` repeats it in a shell.
    """

    kind: str
    constitution: str
    run: str
    headline: str = ""
    cells: list[Cell] = field(default_factory=list[Cell])
    rows: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    caveats: list[str] = field(default_factory=list[str])
    speakers: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    judge: dict[str, Any] | None = None
    settings: dict[str, Any] = field(default_factory=dict[str, Any])
    details: dict[str, Any] = field(default_factory=dict[str, Any])
    command: list[str] = field(default_factory=list[str])
    constitution_sha256: str = ""
    prompts_sha256: str = ""
    prompts: int = 0
    seed: int = 0
    complete: bool = True
    missing: dict[str, int] = field(default_factory=dict[str, int])
    requests: int = 0
    cost_usd: float = 0.0
    seconds: float = 0.0
    made_at: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """Everything but the rows, which have a file of their own."""
        plain = {name: getattr(self, name) for name in self.__slots__ if name not in ("rows", "cells")}
        return plain | {"cells": [cell.as_dict() for cell in self.cells]}

    @classmethod
    def from_dict(cls, value: Mapping[str, Any], rows: Iterable[Mapping[str, Any]] = ()) -> EvalResult:
        """A result as it was written; fields that a later version added keep their defaults."""
        known: dict[str, Any] = {name: value[name] for name in cls.__slots__ if name in value}
        known["cells"] = [Cell(**cell) for cell in value.get("cells", ())]
        return cls(**known, rows=[dict(row) for row in rows])

    def find(
        self,
        measure: str,
        *,
        group: str | None = None,
        speaker: str | None = None,
        versus: str | None = None,
    ) -> list[Cell]:
        """The cells of a measure, of one group and speaker where those are given, in their order.

        Differences (`versus`) come only where they are asked for.
        """
        return [
            cell
            for cell in self.cells
            if cell.measure == measure
            and group in (None, cell.group)
            and speaker in (None, cell.speaker)
            and cell.versus == versus
        ]


# With fewer prompts no change could stand, were it the same in all of them (two-sided sign test, 5 %).
FEWEST = 6


def in_order(speakers: Iterable[str]) -> list[str]:
    """Speakers' labels in the order in which tables show them: base, controls, then what was trained."""
    seen = list(dict.fromkeys(speakers))
    known = [label for label in SPEAKERS if label in seen and label != TUNED]
    rest = [label for label in seen if label not in SPEAKERS]
    return known + ([TUNED] if TUNED in seen else []) + rest


def shown_share(value: float | None) -> str:
    """A share as people read it: "85 %"."""
    return "–" if value is None else f"{100 * value:.0f} %"


def with_interval(cell: Cell) -> str:
    """A cell as people read it: "85 % (71 to 93 %, 20 prompts)", "+32 points (18 to 46, 20 prompts)"."""
    if cell.value is None:
        return cell.note or "–"
    scale, sign = _UNITS.get(cell.unit, (1.0, ""))
    # A share against somebody is a duel's, not a difference; nor is a ratio one.
    shift = "+" if cell.versus and cell.unit not in ("share", "ratio") and cell.value > 0 else ""
    value = f"{shift}{scale * cell.value:.{_digits(cell)}f}{sign}"
    about = [f"{cell.n} prompt{'' if cell.n == 1 else 's'}"] if cell.n else []
    if cell.low is not None and cell.high is not None:
        low, high = (f"{scale * end:.{_digits(cell)}f}" for end in (cell.low, cell.high))
        about.insert(0, f"{low} to {high}{sign if sign.strip() == '%' else ''}")
    return f"{value} ({', '.join(about)})" if about else value


_UNITS = {"share": (100.0, " %"), "points": (100.0, " points"), "elo": (1.0, ""), "ratio": (1.0, " times")}


def _digits(cell: Cell) -> int:
    return 2 if cell.unit in ("ratio", "rank") else 0
