"""Did it learn, and did it learn too much? Told from the curves, in plain words. Pure.

OpenRLHF measures nothing before and after, but in the first pass every row of a step is new to the model:
the last quarter of the steps says how it does on pairs that it has not seen. The limits are those of the
trainer on this computer.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from core.formats import Kind
from core.tuning.limits import (
    LEAST_ACCURACY,
    LEAST_GAIN_NATS,
    LEAST_MARGIN,
    MOST_LOST_NATS,
    MOST_MARGIN_PER_BETA,
    TRIVIAL_LOSS,
    Gate,
)
from core.tuning.openrlhf.recipe import Recipe

FEWEST_STEPS = 8

Row = Mapping[str, Any]


def gate_of(kind: Kind, recipe: Recipe, rows: Sequence[Row]) -> Gate:
    """Judge a training by its steps, at least one; a loss that is no number has been refused before."""
    steps = [row for row in rows if row.get("loss") is not None]
    quarter = max(1, len(steps) // 4)
    first, last = steps[:quarter], steps[-quarter:]
    return _sft(first, last, len(steps)) if kind == "sft" else _dpo(recipe, first, last)


def _dpo(recipe: Recipe, first: Sequence[Row], last: Sequence[Row]) -> Gate:
    margin, accuracy = _mean(last, "margin"), _mean(last, "accuracy")
    if margin > MOST_MARGIN_PER_BETA * (recipe.beta or 0.1):
        return _collapsed(
            f"it tells the two answers apart {margin:.0f} units wide, far more than a style needs. Lower "
            "--learning-rate, or train fewer epochs"
        )
    if _mean(last, "nll", 0.0) - _mean(first, "nll", 0.0) > MOST_LOST_NATS:
        return _collapsed(
            "the character's own answers became far less likely, so it will babble. Raise --rpo-alpha, or "
            "lower --learning-rate"
        )
    if accuracy < LEAST_ACCURACY or margin < LEAST_MARGIN:
        return _nothing(
            f"at the end the model prefers the character's answer in {accuracy:.0%} of the pairs (margin "
            f"{margin:.2f}), about as often as a coin"
        )
    said = f"The model now prefers the character's answer in {accuracy:.0%} of the last pairs (margin "
    trivial = " The preference has become trivial: more training would only wear catch-phrases in."
    return Gate(True, "", f"{said}{margin:.1f})." + (trivial if _mean(last, "dpo") < TRIVIAL_LOSS else ""))


def _sft(first: Sequence[Row], last: Sequence[Row], steps: int) -> Gate:
    gain = _mean(first, "loss") - _mean(last, "loss")
    if gain < -MOST_LOST_NATS:
        return _collapsed("its own words became less likely than before. Lower --learning-rate")
    if steps < FEWEST_STEPS:
        return Gate(True, "", f"{steps} steps are too few to tell from the loss whether it has learned.")
    if gain < LEAST_GAIN_NATS:
        return _nothing("the last rows are as surprising to the model as the first")
    return Gate(True, "", f"Each word of the last rows was {math.exp(gain):.2f} times as likely.")


def _mean(rows: Sequence[Row], name: str, otherwise: float = math.nan) -> float:
    values = [float(row[name]) for row in rows if row.get(name) is not None]
    return sum(values) / len(values) if values else otherwise


def _nothing(what: str) -> Gate:
    cure = "Train on more rows or epochs, or raise --learning-rate."
    return Gate(False, "nothing learned", f"Nothing was learned: {what}. {cure}")


def _collapsed(what: str) -> Gate:
    return Gate(False, "collapsed", f"The training broke the model: {what}.")
