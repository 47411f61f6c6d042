"""The recipes: trial, quick and paper, and what this trainer cannot do. Pure.

Their numbers stand in `core.tuning.presets`, where pages read them too.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from core.tuning.presets import PRESETS, numbers_of
from training.problems import TrainingError


@dataclass(frozen=True, slots=True)
class Recipe:
    """Every setting that decides what is learned. `batch` rows make one step of the optimiser.

    `micro_batch` rows go through the model at once; it changes memory and speed, not the result.
    """

    stage: str = "dpo"
    rank: int = 64
    alpha: int = 128
    dropout: float = 0.0
    learning_rate: float = 5e-5
    beta: float = 0.1
    nll_weight: float = 0.1
    squared_weight: float = 0.001
    nll_mean: str = "sequence"
    batch: int = 32
    micro_batch: int = 4
    epochs: int = 1
    warmup: float = 0.1
    final_rate: float = 0.1
    betas: tuple[float, float] = (0.9, 0.98)
    weight_decay: float = 0.0
    clip: float = 1.0
    max_length: int = 1024
    order: str = "length"
    seed: int = 123456
    precision: str = "auto"

    def as_dict(self) -> dict[str, Any]:
        """Every setting, as plain JSON."""
        return asdict(self) | {"betas": list(self.betas)}


RECIPES: Mapping[tuple[str, str], Recipe] = {
    (stage, name): Recipe(stage=stage, **numbers_of(stage, name)) for stage, name in PRESETS
}

# Settings of other backends that mean something, but not here: better refused than ignored.
NOT_HERE = {
    "loss_type": "this trainer knows one preference loss (sigmoid DPO); use --backend openrlhf for IPO",
    "ipo": "this trainer knows one preference loss (sigmoid DPO); use --backend openrlhf",
    "label_smoothing": "there is no label smoothing here; use --backend openrlhf",
    "length_normalize": "answers' log-probabilities are summed, not averaged",
    "simpo_gamma": "there is always a reference model here; use --backend together",
    "load_in_4bit": "4-bit weights are not supported here; use --backend openrlhf",
    "load_in_8bit": "8-bit weights are not supported here; use --backend openrlhf",
    "packing": "rows are always packed without padding here, and never joined",
    "full": "only adapters are trained here, not all weights; use --backend openrlhf",
    "n_gpus": "one device is used here; for several GPUs use --backend openrlhf",
    "gradient_checkpointing": "memory is kept small by micro_batch here",
    "target_modules": "every linear layer gets an adapter, found by its type",
}


def recipe(stage: str, name: str, overrides: Mapping[str, Any] | None = None) -> Recipe:
    """A recipe with some settings changed. Raises TrainingError with every problem at once."""
    if (stage, name) not in RECIPES:
        names = sorted({known for _, known in RECIPES})
        raise TrainingError(f"There is no recipe {name!r} for {stage!r}; choose from {', '.join(names)}.")
    changes = dict(overrides or {})
    problems = [problem for key, value in changes.items() if (problem := _refused(key, value, stage))]
    if problems:
        raise TrainingError("These settings cannot be honoured: " + "; ".join(problems) + ".")
    if "betas" in changes:
        changes["betas"] = tuple(changes["betas"])
    made = replace(RECIPES[stage, name], **changes)
    return replace(made, micro_batch=min(made.micro_batch, made.batch))


def _refused(key: str, value: Any, stage: str) -> str | None:
    """Why a setting cannot be used, or None."""
    if key in NOT_HERE:
        return f"{key}: {NOT_HERE[key]}"
    if key not in CHECKS:
        return f"{key}: no such setting (known: {', '.join(CHECKS)})"
    if stage == "sft" and key in ("beta", "squared_weight", "nll_weight", "nll_mean"):
        return f"{key}: belongs to DPO, and this is SFT"
    passes, wanted = CHECKS[key]
    return None if passes(value) else f"{key}: {value!r} is not {wanted}"


def _whole(least: int) -> tuple[Callable[[Any], bool], str]:
    return (
        lambda value: isinstance(value, int) and not isinstance(value, bool) and value >= least,
        f"a whole number of at least {least}",
    )


def _between(low: float, high: float, *, open_below: bool = False) -> tuple[Callable[[Any], bool], str]:
    def passes(value: Any) -> bool:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            return False
        return (value > low if open_below else value >= low) and value <= high

    return passes, f"a number {'above' if open_below else 'from'} {low:g} up to {high:g}"


def _one_of(*words: str) -> tuple[Callable[[Any], bool], str]:
    return lambda value: value in words, f"one of {', '.join(words)}"


def _two_betas(value: Any) -> bool:
    return isinstance(value, list | tuple) and len(value) == 2 and all(0 <= one < 1 for one in value)


CHECKS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "rank": _whole(1),
    "alpha": _whole(1),
    "dropout": _between(0, 0.9),
    "learning_rate": _between(0, 0.1, open_below=True),
    "beta": _between(0, 10, open_below=True),
    "nll_weight": _between(0, 100),
    "squared_weight": _between(0, 100),
    "nll_mean": _one_of("sequence", "token"),
    "batch": _whole(1),
    "micro_batch": _whole(1),
    "epochs": _whole(1),
    "warmup": _between(0, 1),
    "final_rate": _between(0, 1),
    "betas": (_two_betas, "two numbers from 0 up to, but not, 1"),
    "weight_decay": _between(0, 1),
    "clip": _between(0, 1000, open_below=True),
    "max_length": _whole(16),
    "order": _one_of("length", "given", "shuffled"),
    "seed": _whole(0),
    "precision": _one_of("auto", "float32", "bfloat16"),
}
assert set(CHECKS) == {field.name for field in fields(Recipe)} - {"stage"}


def rate_at(step: int, steps: int, made: Recipe) -> float:
    """The learning rate of a step (from 0): a linear start, then a cosine to `final_rate` of the peak."""
    warm = math.ceil(made.warmup * steps)
    if step < warm:
        # Not from zero: of the twelve steps of a trial the first would be for nothing.
        return made.learning_rate * (step + 1) / (warm + 1)
    along = (step - warm) / max(1, steps - warm)
    share = 0.5 * (1 + math.cos(math.pi * min(1.0, along)))
    return made.learning_rate * (made.final_rate + (1 - made.final_rate) * share)
