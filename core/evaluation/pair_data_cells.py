"""The figures of a set of pairs: cells for charts, what is taught, and the rows behind them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from core.evaluation.pair_data import CHOSEN, EVERYDAY, REJECTED, Check, Data
from core.evaluation.pair_data_words import telling_words
from core.evaluation.results import Cell
from core.evaluation.stats.intervals import Estimate, Floats, cluster_means, mean_by_cluster


def cells_of(data: Data) -> list[Cell]:
    """Length, signs, repeats and telling apart of both sides, with intervals by prompt."""
    cells = _length_cells(data)
    for name, (chosen, rejected) in data.signs.items():
        cells += [
            _cell(name, data.mean(chosen), speaker=CHOSEN),
            _cell(name, data.mean(rejected), speaker=REJECTED),
            _cell(name, data.change(chosen, rejected), speaker=CHOSEN, versus=REJECTED, unit="points"),
        ]
    return cells + _repeat_cells(data) + _told_cells(data)


def _cell(measure: str, found: Estimate, **more: Any) -> Cell:
    if not found.n:
        return Cell(measure, None, note="no pairs", **more)
    return Cell(measure, found.value, found.low, found.high, found.n, **more)


def _length_cells(data: Data) -> list[Cell]:
    if not data.pairs:
        return []
    prompts = len(set(data.clusters))
    note = "median words; the interval is that of the ratio"
    middles = [float(np.median(side)) for side in data.lengths]
    return [
        Cell("length", middles[0], n=prompts, unit="count", speaker=CHOSEN, note=note),
        Cell("length", middles[1], n=prompts, unit="count", speaker=REJECTED, note=note),
        _cell("length", data.ratio, speaker=CHOSEN, versus=REJECTED, unit="ratio"),
    ]


def _repeat_cells(data: Data) -> list[Cell]:
    note = "a count of these very pairs, not an estimate"
    size = len(data.pairs)
    return [
        Cell("near duplicates", len(found) / size, n=size, speaker=side, note=note)
        for side, found in data.repeats.items()
        if size
    ]


def _told_cells(data: Data) -> list[Cell]:
    words, form = data.by_words, data.by_form
    if words is None or form is None:
        note = "too few prompts to test on unseen ones"
        return [Cell("told apart", None, speaker=CHOSEN, note=note)]
    cells = [
        _cell("told apart", data.mean(words), speaker=CHOSEN),
        _cell("told apart by form", data.mean(form), speaker=CHOSEN),
    ]
    for trait in dict.fromkeys(pair.trait for pair in data.pairs):
        own = [number for number, pair in enumerate(data.pairs) if pair.trait == trait]
        found = mean_by_cluster(words[own], [data.clusters[number] for number in own], rounds=data.rounds)
        cells.append(_cell("told apart", found, speaker=CHOSEN, group=trait or EVERYDAY))
    return cells


# ---- what is taught


def taught_by(data: Data) -> list[dict[str, Any]]:
    """Everything in which the sides differ, as shares of answers; words last."""
    if not data.pairs:
        return []
    ours, theirs = data.lengths
    found = [_lesson(data, "is the longer answer", _marks(ours > theirs), _marks(theirs > ours))]
    for name, (chosen, rejected) in data.signs.items():
        found.append(_lesson(data, LESSONS[name], chosen, rejected))
    words = (
        _lesson(data, f"says “{one.word}”", one.chosen, one.rejected)
        for one in telling_words(data.chosen, data.rejected)
    )
    return found + [one for one in words if not one["low"] <= 0 <= one["high"]]


LESSONS = {
    "markdown": "uses markdown",
    "emoji": "uses emoji",
    "hedging": "hedges",
    "refusals": "refuses",
}


def _marks(found: Any) -> Floats:
    return np.asarray(found, dtype=np.float64)


def _lesson(data: Data, what: str, chosen: Floats, rejected: Floats) -> dict[str, Any]:
    change = data.change(chosen, rejected)
    return {
        "what": what,
        "chosen": float(cluster_means(chosen, data.clusters).mean()),
        "rejected": float(cluster_means(rejected, data.clusters).mean()),
        "difference": change.value,
        "low": change.low,
        "high": change.high,
        "n": change.n,
    }


def rows_of(data: Data, checks: Sequence[Check]) -> list[dict[str, Any]]:
    """Two rows a pair, one a side, under the speakers of the cells; `found` names the checks it shows."""
    shown: dict[str, list[str]] = {}
    for check in checks:
        for pair in check.examples:
            shown.setdefault(pair, []).append(check.name)
    return [
        {
            "pair": pair.id,
            "prompt": pair.prompt,
            "asked": pair.asked,
            "text": text,
            "speaker": side,
            "group": pair.trait or EVERYDAY,
            "trait": pair.trait,
            "sample": pair.sample,
            "score": None,
            "finish_reason": finish,
            "found": shown.get(pair.id, []),
        }
        for pair in data.pairs
        for side, text, finish in (
            (CHOSEN, pair.chosen, pair.chosen_finish),
            (REJECTED, pair.rejected, pair.rejected_finish),
        )
    ]
