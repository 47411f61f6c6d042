"""Did it learn, and did it learn too much? Both are failures, said in plain words. Pure.

Healthy DPO runs at beta 0.1 end with margins of 5 to 18 where the data are large, and above 0 where they
are small. Margins above 30, a falling likelihood of the chosen answers, or numbers that are none at all
mean that the model was broken.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from core.tuning.limits import (
    LEAST_ACCURACY,
    LEAST_GAIN_NATS,
    LEAST_MARGIN,
    MOST_LOST_NATS,
    MOST_MARGIN_PER_BETA,
    TRIVIAL_LOSS,
    Gate,
)

Figures = Mapping[str, float]


def dpo_gate(after: Figures, before: Figures, steps: Sequence[Figures], *, beta: float, where: str) -> Gate:
    """Judge a DPO training by rows measured before and after it, and by its steps."""
    if not _finite([*steps, after]):
        return _collapsed("the loss became infinite. Lower the learning rate to a third and train again")
    margin, accuracy = after["margin"], after["accuracy"]
    if margin > MOST_MARGIN_PER_BETA * beta:
        return _collapsed(
            f"the model tells the two answers apart {margin:.0f} units wide, far more than a style needs. "
            "It has probably learned one catch-phrase: lower the learning rate, or train fewer epochs"
        )
    lost = after["nll"] - before["nll"]
    if lost > MOST_LOST_NATS:
        return _collapsed(
            f"the character's own answers became {math.exp(min(lost, 50)):.1f} times less likely a word "
            "than before, so it will babble. Raise nll_weight, or lower the learning rate"
        )
    if accuracy < LEAST_ACCURACY or margin < LEAST_MARGIN:
        return Gate(
            False,
            "nothing learned",
            f"Nothing was learned: on {where} the model prefers the character's answer in "
            f"{accuracy:.0%} of the pairs (margin {margin:.2f}), about as often as a coin. Train on more "
            "pairs or epochs, or raise the learning rate.",
        )
    return Gate(True, "", _dpo_success(after, steps, accuracy, margin, where))


def _dpo_success(
    after: Figures, steps: Sequence[Figures], accuracy: float, margin: float, where: str
) -> str:
    said = (
        f"The model now prefers the character's answer in {accuracy:.0%} of {where} (margin {margin:.1f})."
    )
    if after["dpo"] < TRIVIAL_LOSS:
        said += " The preference has become trivial: more training would only wear catch-phrases in."
    first = [figures["accuracy"] for figures in steps[: math.ceil(len(steps) / 10)]]
    if len(steps) >= 20 and min(first) == 1.0:
        said += (
            " It could tell the answers apart from the start: the pairs may differ in something obvious."
        )
    return said


def sft_gate(after: Figures, before: Figures, steps: Sequence[Figures], *, where: str) -> Gate:
    """Judge an SFT training by rows measured before and after it, and by its steps."""
    if not _finite([*steps, after]):
        return _collapsed("the loss became infinite. Lower the learning rate to a third and train again")
    gain = before["nll"] - after["nll"]
    if gain < -MOST_LOST_NATS:
        return _collapsed(f"{where} became less likely than before. Lower the learning rate")
    if gain < LEAST_GAIN_NATS:
        return Gate(
            False,
            "nothing learned",
            f"Nothing was learned: {where} are as surprising to the model as before. Train on more rows "
            "or epochs, or raise the learning rate.",
        )
    return Gate(True, "", f"Each word of {where} is now {math.exp(min(gain, 50)):.2f} times as likely.")


def _collapsed(what: str) -> Gate:
    return Gate(False, "collapsed", f"The training broke the model: {what}.")


def _finite(steps: Sequence[Figures]) -> bool:
    return all(math.isfinite(value) for figures in steps for value in figures.values())
