"""How a student is trained on Together: the numbers, who chose them, and what fits the model. Pure.

The preset "paper" is OpenCharacterTraining's under Together's names. A number of the preset that a model
does not take is brought to its nearest limit, and said; one that a person chose is refused, with the limit.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Literal, cast

from core.errors import Problem
from core.formats import Kind, batch_problem

LONGEST_SUFFIX = 40
MARK = 12  # hex digits at the end of every suffix, by which a job is found again
TEXT_BATCH = "max"


@dataclass(frozen=True, slots=True)
class Recipe:
    """One training, in Together's names. None leaves the choice to Together.

    `own` names the fields that a person set. `batch_size` "max" is the largest the model takes.
    """

    n_epochs: int = 1
    n_checkpoints: int = 1
    n_evals: int = 0
    batch_size: int | Literal["max"] = 32
    learning_rate: float = 5e-5
    warmup_ratio: float = 0.1
    min_lr_ratio: float = 0.1
    max_seq_length: int | None = 1024
    full: bool = False
    lora_r: int | None = 64
    lora_alpha: int | None = 128
    lora_dropout: float = 0.0
    lora_trainable_modules: str = "all-linear"
    dpo_beta: float | None = None
    rpo_alpha: float | None = None
    simpo_gamma: float | None = None
    dpo_normalize_logratios_by_length: bool = False
    train_on_inputs: bool | Literal["auto"] | None = None
    packing: bool = True
    random_seed: int | None = None
    own: frozenset[str] = field(default_factory=frozenset[str])

    def as_dict(self) -> dict[str, Any]:
        """Every number as plain JSON, with the names of those that a person set."""
        return asdict(self) | {"own": sorted(self.own)}


PAPER: dict[Kind, Recipe] = {
    "dpo": Recipe(dpo_beta=0.1, rpo_alpha=0.1),
    "sft": Recipe(max_seq_length=3072, train_on_inputs="auto"),
}
PRESETS = {"paper": PAPER}
# What a job that goes on from another one takes over from it.
INHERITED = ("full", "lora_r", "lora_alpha", "lora_dropout", "lora_trainable_modules")
ONLY_DPO = ("dpo_beta", "rpo_alpha", "simpo_gamma", "dpo_normalize_logratios_by_length")
NAMES = frozenset(spec.name for spec in fields(Recipe)) - {"own"}


def recipe_of(kind: Kind, preset: str, wishes: Mapping[str, Any]) -> Recipe:
    """The preset with a person's wishes in place; a wish of None is no wish."""
    own = {name: value for name, value in wishes.items() if name in NAMES and value is not None}
    return replace(PRESETS[preset][kind], **own, own=frozenset(own))


def read_recipe(value: Mapping[str, Any]) -> Recipe:
    """A recipe as `as_dict` wrote it."""
    known = {name: value[name] for name in NAMES if name in value}
    return Recipe(**known, own=frozenset(cast(Sequence[str], value.get("own", ()))))


def own_problems(kind: Kind, recipe: Recipe) -> list[Problem]:
    """What is wrong with the numbers whatever the model: checked before anything is sent."""
    found: list[Problem] = []
    wrong = ONLY_DPO if kind == "sft" else ("train_on_inputs",)
    found += [
        Problem(flag(name), f"belongs to {_other(kind)} only") for name in wrong if name in recipe.own
    ]
    for name in ("warmup_ratio", "min_lr_ratio"):
        if not 0 <= getattr(recipe, name) <= 1:
            found.append(Problem(flag(name), "must lie between 0 and 1"))
    if not 0 <= recipe.lora_dropout < 1:
        found.append(Problem("--lora-dropout", "must lie between 0 and 1"))
    if not (math.isfinite(recipe.learning_rate) and recipe.learning_rate > 0):
        found.append(Problem("--learning-rate", "must be above 0"))
    if recipe.full and {"lora_r", "lora_alpha", "lora_dropout"} & recipe.own:
        found.append(Problem("--full", "trains every weight and has no LoRA: leave --lora-… out"))
    return found


def _other(kind: Kind) -> str:
    return "DPO" if kind == "sft" else "SFT"


def flag(name: str) -> str:
    """The flag of a field: "--lora-r"."""
    return f"--{name.replace('_', '-')}"


@dataclass(frozen=True, slots=True)
class Fitted:
    """A recipe that a model takes, what was changed for that in words, and what could not be."""

    recipe: Recipe
    notes: tuple[str, ...]
    problems: tuple[Problem, ...]


def fit(kind: Kind, recipe: Recipe, limits: Mapping[str, Any], rows: int | None, model: str) -> Fitted:
    """The recipe within a model's limits, as Together's limits endpoint gives them.

    `rows` None is a file that is already there and whose rows nobody counted.
    """
    fitting = _Fitting(recipe, model)
    training = _training_limits(recipe, limits)
    if training is None:
        fitting.refuse("--full", "trains every weight, which Together offers for other models only")
        return fitting.done()
    most = _number(training.get("max_batch_size_dpo" if kind == "dpo" else "max_batch_size"))
    least = _number(training.get("min_batch_size")) or 1
    if recipe.batch_size != TEXT_BATCH:
        fitting.within("batch_size", least, most)
    fitting.within("n_epochs", 1, _number(limits.get("max_num_epochs")))
    fitting.within("n_checkpoints", 1, _number(limits.get("max_num_checkpoints")))
    fitting.within("n_evals", 0, _number(limits.get("max_num_evals")))
    fitting.within(
        "learning_rate", _number(limits.get("min_learning_rate")), _number(limits.get("max_learning_rate"))
    )
    longest = _number(limits.get("max_seq_length_dpo" if kind == "dpo" else "max_seq_length_sft"))
    fitting.within("max_seq_length", _number(limits.get("min_max_seq_length")), longest)
    if not recipe.full:
        _fit_lora(fitting, training)
    if rows is not None and (problem := batch_problem(rows, fitting.recipe.batch_size, int(least))):
        fitting.problems.append(problem)
    return fitting.done()


def _training_limits(recipe: Recipe, limits: Mapping[str, Any]) -> Mapping[str, Any] | None:
    if not recipe.full:
        return limits.get("lora_training") or {}
    return limits.get("full_training") if limits.get("supports_full_training", True) else None


def _fit_lora(fitting: _Fitting, training: Mapping[str, Any]) -> None:
    rank = fitting.recipe.lora_r
    fitting.within("lora_r", 1, _number(training.get("max_rank")))
    now = fitting.recipe
    if now.lora_r != rank and "lora_alpha" not in now.own and now.lora_r is not None:
        # Twice the rank, as in the preset: the strength of the adapter stays what it was.
        fitting.recipe = replace(now, lora_alpha=2 * now.lora_r)


def _number(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return value if is_number and math.isfinite(value) and value > 0 else None


class _Fitting:
    """A recipe on its way into limits."""

    def __init__(self, recipe: Recipe, model: str) -> None:
        self.recipe = recipe
        self._model = model
        self._notes: list[str] = []
        self.problems: list[Problem] = []

    def within(self, name: str, least: float | None, most: float | None) -> None:
        """Bring one number between two limits, or refuse it where a person chose it."""
        value = getattr(self.recipe, name)
        if value is None:
            return
        bound = least if least is not None and value < least else most
        if bound is None or ((least is None or value >= least) and (most is None or value <= most)):
            return
        words = (
            f"is {value:g}, and {self._model} takes {'at least' if value < bound else 'at most'} {bound:g}"
        )
        if name in self.recipe.own:
            self.refuse(flag(name), words)
            return
        fitted = float(bound) if name == "learning_rate" else int(bound)
        self.recipe = replace(self.recipe, **{name: fitted})
        self._notes.append(f"{name.replace('_', ' ')} {words}: {bound:g} is used")

    def refuse(self, place: str, message: str) -> None:
        """Remember what cannot be mended here."""
        self.problems.append(Problem(place, message))

    def done(self) -> Fitted:
        """The outcome."""
        return Fitted(self.recipe, tuple(self._notes), tuple(self.problems))


def cannot(kind: Kind, model: str, *, continues: bool, full: bool) -> list[str]:
    """What Together will not do of OpenCharacterTraining's recipe, said before anything is launched."""
    notes: list[str] = []
    if kind == "dpo":
        notes.append(
            "Together has no squared log-ratio (KL) term: the paper's 0.001 is left out; beta 0.1 and the "
            "NLL term (rpo_alpha 0.1) are there."
        )
    if continues:
        notes.append(
            "SFT goes on with the DPO job's adapter at full strength, so the result holds both; the "
            "paper's mix (DPO 1.0 + SFT 0.25) needs an SFT adapter of its own (--from-base), then a merge."
        )
    if not_deployable(model):
        notes.append(
            f"{model} can be trained but not deployed as an endpoint at Together: the adapter is "
            "downloaded, and runs on this computer or with vLLM."
        )
    if full:
        notes.append(
            "--full makes a whole model, which stays at Together: there is no adapter to download."
        )
    return notes


def not_deployable(model: str) -> bool:
    """Whether Together trains this base but gives it no endpoint."""
    return model.endswith("-Reference")


def suffix_for(wished: str | None, constitution: str, kind: Kind, mark: str) -> str:
    """The job's suffix: a readable beginning, and the mark by which it is found again; at most 40 long."""
    words = "".join(sign if sign.isalnum() else "-" for sign in (wished or f"{constitution}-{kind}"))
    room = LONGEST_SUFFIX - len(mark) - 1
    return f"{words[:room].strip('-') or kind}-{mark}"
