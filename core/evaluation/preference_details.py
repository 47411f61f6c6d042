"""What charts and pages draw of rankings of preferences, and two results side by side. Pure."""

from __future__ import annotations

from typing import Any

from core.evaluation.preference_ranking import (
    Agreement,
    agreement_of,
    finite,
)
from core.evaluation.preference_shifts import Moved, smallest_shift
from core.evaluation.preference_telling import Telling, lacking
from core.evaluation.results import BASE, TUNED, EvalResult
from core.evaluation.stats.intervals import Estimate

# ---- details


def details_of(telling: Telling) -> dict[str, Any]:
    """What charts and pages draw: the ranking of the speaker shown, and everything about its quality."""
    moved = telling.moved.get(telling.shown, [])
    least = smallest_shift(moved)
    return {
        "by": telling.by,
        "condition": telling.condition,
        "shown": telling.shown,
        "words": list(telling.words),
        "targets": list(telling.targets),
        "ranking": ranking_of(telling, telling.shown),
        "rankings": {label: ranking_of(telling, label) for label in telling.moved},
        "risers": [one.word for one in moved if one.marked and one.delta.value > 0],
        "fallers": [one.word for one in reversed(moved) if one.marked and one.delta.value < 0],
        "ties": {label: dict(one.counts) for label, one in telling.ranked.items()},
        "position": {label: _plain(one.position) for label, one in telling.ranked.items()},
        "reliability": {
            label: {
                "halves": finite(one.reliability.halves),
                "corrected": finite(one.reliability.corrected),
            }
            for label, one in telling.ranked.items()
        },
        "agreement": {label: agreement_words(one) for label, one in telling.agreements.items()},
        "enough": not lacking(telling) if telling.ranked else False,
        "smallest_shift": None if least is None else round(least, 1),
    }


def ranking_of(telling: Telling, label: str) -> list[dict[str, Any]]:
    """A row a word, greatest rise first; without a base, the strongest first and shifts None."""
    if label in telling.moved:
        return [_moved_row(one) for one in telling.moved[label]]
    one = telling.ranked[label]
    side = "base" if label == BASE else "tuned"
    rows = [
        _still_row(word, side, value, word in telling.targets, int(games))
        for word, value, games in zip(one.words, one.values, one.games, strict=True)
    ]
    return sorted(rows, key=lambda row: -row[side])


def _moved_row(one: Moved) -> dict[str, Any]:
    delta = _plain(one.delta)
    return {
        "word": one.word,
        "base": round(one.before, 1),
        "tuned": round(one.after, 1),
        "shift": delta["value"],
        "low": delta["low"],
        "high": delta["high"],
        "p": round(one.p, 6),
        "marked": one.marked,
        "target": one.target,
        "comparisons": one.comparisons,
    }


def _still_row(word: str, side: str, value: float, target: bool, games: int) -> dict[str, Any]:
    empty = dict.fromkeys(("base", "tuned", "shift", "low", "high", "p", "marked"))
    return {"word": word, **empty, side: round(float(value), 1), "target": target, "comparisons": games}


def agreement_words(one: Agreement) -> dict[str, Any]:
    """An agreement with its ceiling and a sentence, as plain JSON."""
    value = {name: _rounded(finite(getattr(one.value, name)), 3) for name in ("value", "low", "high")}
    ceiling, clean = _rounded(finite(one.ceiling), 3), _rounded(finite(one.without_noise), 3)
    return value | {
        "n": one.value.n,
        "ceiling": ceiling,
        "without_noise": clean,
        "sentence": _agreed(value, one.value.n, ceiling, clean),
    }


def _agreed(value: dict[str, Any], n: int, ceiling: float | None, clean: float | None) -> str:
    if value["value"] is None:
        return "The two rankings cannot be compared: one of them is flat."
    said = (
        f"The two rankings of {n} traits agree by {value['value']:.2f} (Spearman, 95 % {value['low']:.2f} "
        f"to {value['high']:.2f})"
    )
    if ceiling is None or clean is None:
        return f"{said}; at least one of them is too noisy to say how much that means."
    return (
        f"{said}; noise alone caps it at {ceiling:.2f}, and without noise it would be {min(clean, 1):.2f}."
    )


def _plain(value: Estimate) -> dict[str, Any]:
    return {name: _rounded(finite(getattr(value, name)), 1) for name in ("value", "low", "high")}


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


# ---- across models


def compared(one: EvalResult, other: EvalResult, seed: int = 0) -> tuple[Agreement, list[str]]:
    """How far the trained models of two results rank their common traits alike (OCT's figure across
    models), with the traits; the plain models', where nothing was trained."""
    sides = [strengths_of(result) for result in (one, other)]
    reliabilities = (reliability_of(one), reliability_of(other))
    return agreement_of(sides[0], sides[1], reliabilities, seed)


def main_speaker(result: EvalResult) -> str:
    """The speaker whose ranking a result is about."""
    return str(result.details.get("shown") or TUNED)


def strengths_of(result: EvalResult) -> dict[str, float]:
    """Word → strength in Elo points of the speaker that a result is about."""
    cells = result.find("strength", speaker=main_speaker(result))
    return {cell.group: cell.value for cell in cells if cell.value is not None}


def reliability_of(result: EvalResult) -> float:
    """The split-half reliability of the speaker that a result is about; nan if unknown."""
    cells = result.find("reliability", speaker=main_speaker(result))
    return cells[0].value if cells and cells[0].value is not None else float("nan")
