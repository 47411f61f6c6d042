"""The recipes for training on this computer, as plain numbers, for the trainer and for pages. Pure.

"paper" is OpenCharacterTraining's own; "quick" is for a few hundred pairs; "trial" was found on the
embedded model, where 48 pairs and one pass are enough (a large model would collapse under its rate).
What a preset does not name is as in "paper". To add one: an entry in `PRESETS`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from core.formats import Kind

Numbers = Mapping[str, Any]

PAPER: Numbers = {
    "rank": 64,
    "alpha": 128,
    "dropout": 0.0,
    "learning_rate": 5e-5,
    "beta": 0.1,
    "nll_weight": 0.1,
    "squared_weight": 0.001,
    "batch": 32,
    "epochs": 1,
    "warmup": 0.1,
    "final_rate": 0.1,
    "max_length": 1024,
    "seed": 123456,
}
SMALL: Numbers = {"rank": 16, "alpha": 32}
PRESETS: Mapping[tuple[Kind, str], Numbers] = {
    ("dpo", "paper"): {},
    ("dpo", "quick"): {**SMALL, "batch": 8},
    ("dpo", "trial"): {
        **SMALL,
        "learning_rate": 1e-3,
        "nll_weight": 1.0,
        "squared_weight": 0.0,
        "batch": 4,
        "seed": 42,
    },
    ("sft", "paper"): {"max_length": 3072},
    ("sft", "quick"): {**SMALL, "max_length": 2048, "batch": 8},
    ("sft", "trial"): {**SMALL, "max_length": 1024, "batch": 4, "learning_rate": 5e-4, "seed": 42},
}
NAMES = ("trial", "quick", "paper")


def numbers_of(kind: Kind, name: str) -> dict[str, Any]:
    """Every number of a preset."""
    return {**PAPER, **PRESETS[kind, name]}


def steps_of(rows: int, batch: int, epochs: int) -> int:
    """How many steps a training makes: a last batch that is not full is one too."""
    return math.ceil(rows / max(1, batch)) * epochs
