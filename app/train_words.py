"""A training in plain words: the recipe, its numbers with why, how long, what each curve means. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.wording import counted
from core.formats import Kind
from core.tuning.presets import steps_of

WHERE = {"local": "This computer", "together": "Together", "openrlhf": "OpenRLHF"}
WHERE_WORDS = {
    "local": "Free, on your own processor or graphics card.",
    "together": "Rented graphics cards; paid by what it reads. The adapter comes back to this computer.",
    "openrlhf": "Your own graphics cards, with OpenCharacterTraining's exact recipe.",
}
KINDS: dict[Kind, str] = {"dpo": "Pairs", "sft": "Its own words"}
KIND_WORDS: dict[Kind, str] = {
    "dpo": "It learns to prefer the character's answer over its own plain one.",
    "sft": "After the pairs: it learns from what it wrote about itself, in character.",
}
PRESETS = {"trial": "Trial", "quick": "Quick", "paper": "Paper"}
PRESET_WORDS = {
    "trial": "For the small embedded model and a few dozen pairs: bold steps, a small adapter.",
    "quick": "For a few hundred pairs: the paper's careful steps, a smaller adapter.",
    "paper": "OpenCharacterTraining's own numbers, for models of 4 billion parameters and more.",
}
# Measured on two cores with the embedded model; earlier trainings here say better.
SECONDS_A_ROW = 2.2
SECONDS_BEFORE = 25.0


@dataclass(frozen=True, slots=True)
class Field:
    """A number that an expert may change: its flag, its name in a local recipe, and why it is as it is."""

    flag: str
    label: str
    here: str
    why: str
    whole: bool = False
    least: float = 0.0
    step: float = 1.0
    only: Kind | None = None

    @property
    def remote(self) -> str:
        """Its name in Together's recipe."""
        return self.flag.replace("-", "_")


FIELDS = (
    Field("n-epochs", "Passes over the rows", "epochs", "More than one wears catch-phrases in.", True, 1),
    Field("batch-size", "Rows a step", "batch", "Few rows need small steps, or too few are made.", True, 1),
    Field(
        "learning-rate",
        "Learning rate",
        "learning_rate",
        "How bold a step is. A large model breaks at the trial's.",
        least=1e-8,
        step=1e-5,
    ),
    Field("lora-r", "Rank", "rank", "How much room the adapter has.", True, 1),
    Field("lora-alpha", "Alpha", "alpha", "Twice the rank: the adapter's weight stays the same.", True, 1),
    Field(
        "dpo-beta",
        "Beta",
        "beta",
        "How closely it stays by the student; higher is closer.",
        step=0.05,
        only="dpo",
    ),
    Field(
        "rpo-alpha",
        "Weight of the chosen answer",
        "nll_weight",
        "Keeps the character's own answers likely, so that it does not babble.",
        step=0.1,
        only="dpo",
    ),
    Field("max-seq-length", "Longest row, tokens", "max_length", "Longer rows are left out.", True, 16),
    Field("warmup-ratio", "Warm-up", "warmup", "The share of steps that grow from nothing.", step=0.05),
    Field("min-lr-ratio", "Final rate", "final_rate", "Where the rate ends, as a share.", step=0.05),
    Field("seed", "Seed", "seed", "The same seed and rows give the same adapter here.", True, 0),
)


def fields_of(kind: Kind) -> list[Field]:
    """The numbers that matter for a kind of training."""
    return [field for field in FIELDS if field.only in (None, kind)]


def plain_number(value: Any) -> str:
    """A number as a flag takes it: "32", "0.00005"."""
    if isinstance(value, float) and not value.is_integer():
        return f"{value:.10f}".rstrip("0").rstrip(".")
    return str(int(value)) if isinstance(value, int | float) else str(value)


def recipe_words(kind: Kind, rows: int, numbers: Mapping[str, Any]) -> str:
    """What will happen, in one sentence: passes, rows, steps."""
    batch, passes = int(numbers["batch"]), int(numbers["epochs"])
    noun = "pair" if kind == "dpo" else "conversation"
    if not rows:
        return f"{counted(passes, 'pass', 'passes')} over all {noun}s, {batch} a step."
    steps = steps_of(rows, batch, passes)
    return (
        f"{counted(passes, 'pass', 'passes')} over {counted(rows, noun)}, {batch} a step: "
        f"{counted(steps, 'step')}."
    )


def local_seconds(rows: int, epochs: int, a_row: float | None = None) -> float:
    """About how long a training takes here; `a_row` is what an earlier one took for each row."""
    return SECONDS_BEFORE + rows * epochs * (a_row or SECONDS_A_ROW)


# ---- curves

MEANINGS = {
    "loss": "How far it is from what it should say; it should fall.",
    "margin": (
        "How much more it favours the character's answer than before. "
        "Above 0 it learns; above 30 it only parrots."
    ),
    "accuracy": "In how many pairs it prefers the character's answer; a coin gets 50\u00a0%.",
}


def course(measure: str, values: list[float]) -> str:
    """Where a curve began and where it is: "3.20 → 0.41"; "" before the first step."""
    if not values:
        return ""
    few = max(1, len(values) // 10)
    first, last = sum(values[:few]) / few, sum(values[-few:]) / few
    return f"{shown(measure, first)} → {shown(measure, last)}"


def meaning(measure: str, batch: int | None) -> str:
    """What a curve means, and what one of its dots is."""
    return MEANINGS[measure] + (f" A dot is one step of {batch} of its rows." if batch else "")


def shown(measure: str, value: float) -> str:
    """A value with its unit."""
    return f"{value:.0%}".replace("%", "\u00a0%") if measure == "accuracy" else f"{value:.2f}"
