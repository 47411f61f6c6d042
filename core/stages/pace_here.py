"""How fast this computer is, by what it has finished: an answer, a row of a training, an evaluation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from core.errors import CoreError
from core.settings import Settings
from core.store.jsonl import read_json

# Measured on two cores with the embedded model; what was finished here says better.
ANSWER_S = 3.5
ROW_S = 2.2
MOST_LOOKED_AT = 40


@dataclass(frozen=True, slots=True)
class Paces:
    """Seconds an answer of the embedded model, a row and pass of a training, and evaluations by kind.

    `basis` and `row_basis` say where the first two are from.
    """

    answer: float = ANSWER_S
    row: float = ROW_S
    evals: dict[str, float] = field(default_factory=dict[str, float])
    basis: str = "speed of two ordinary cores"
    row_basis: str = "speed of two ordinary cores"


def paces_of(settings: Settings) -> Paces:
    """The newest measurements of this computer; ordinary ones where there are none."""
    answer, row = _answer(settings), _row(settings)
    return Paces(
        answer or ANSWER_S,
        row or ROW_S,
        _evals(settings),
        "speed of the last trial here" if answer else Paces.__dataclass_fields__["basis"].default,
        "speed of the last training here" if row else Paces.__dataclass_fields__["row_basis"].default,
    )


def _newest(root: Path, pattern: str) -> Iterator[dict[str, Any]]:
    """The JSON objects of a pattern, newest first; damaged ones are left out."""
    paths = sorted(root.glob(pattern), key=_changed, reverse=True)[:MOST_LOOKED_AT]
    for path in paths:
        try:
            value = read_json(path)
        except CoreError:
            continue
        if isinstance(value, dict):
            yield cast("dict[str, Any]", value)


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _answer(settings: Settings) -> float | None:
    for about in _newest(settings.runs_path, "*/trial/result.json"):
        laps: dict[str, Any] = about.get("seconds") or {}
        pairs, dropped = about.get("pairs") or 0, sum((about.get("dropped") or {}).values())
        took = float(laps.get("teacher") or 0) + float(laps.get("student") or 0)
        if took and pairs:
            # A trial's answers are short: those of a full run have more to say.
            return 1.6 * took / (2 * (pairs + dropped))
    return None


def _row(settings: Settings) -> float | None:
    for about in _newest(settings.lora_path, "*/*/result.json"):
        laps: dict[str, Any] = about.get("laps") or {}
        rows, steps = about.get("rows") or 0, about.get("steps") or 0
        took = float(laps.get("train") or 0) + float(laps.get("reference") or 0)
        if took and rows and steps:
            passes = max(1.0, round(2 * steps / rows)) if steps >= rows / 2 else 1.0
            return took / (rows * passes)
    return None


def _evals(settings: Settings) -> dict[str, float]:
    found: dict[str, float] = {}
    for about in _newest(settings.runs_path, "*/evals/*/*/result.json"):
        kind, seconds = str(about.get("kind") or ""), about.get("seconds")
        if isinstance(seconds, int | float) and about.get("requests"):
            found.setdefault(kind, float(seconds))
    return found
