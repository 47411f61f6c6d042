"""How a student is trained with OpenRLHF: OpenCharacterTraining's numbers, and a person's wishes. Pure.

Each flag of `character train` is in exactly one of three tables: what the recipe takes, what the plan
takes, and what this backend refuses, with the reason. None is ever dropped in silence.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from core.errors import Problem
from core.formats import Kind, batch_problem

# The first release of OpenRLHF with dotted flags is 0.10.2; this is the one that the commands are for.
VERSION = "0.11.2"
# Gemma 3 keeps gate and up apart. OpenCharacterTraining names a joint `gate_up_proj`, which it does not
# have: those two layers then learn nothing.
GEMMA_MODULES = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
ALL_LINEAR = "all-linear"


@dataclass(frozen=True, slots=True)
class Recipe:
    """One training. `batch` rows make one step, `micro_batch` of them go through each GPU at once.

    `modules` empty means every linear layer. `save_every` counts steps. `evaluations` None is one
    every fifty steps, and they need a file to measure on. `beta` and `nll_weight` are for DPO only.
    """

    micro_batch: int = 2
    batch: int = 32
    epochs: int = 1
    learning_rate: float = 5e-5
    warmup: float = 0.1
    final_rate: float = 0.1
    max_length: int = 1024
    rank: int = 64
    alpha: int = 128
    dropout: float = 0.0
    modules: tuple[str, ...] = ()
    beta: float | None = None
    nll_weight: float | None = None
    seed: int = 123456
    adam_betas: tuple[float, float] = (0.9, 0.98)
    weight_decay: float = 0.0
    max_norm: float = 1.0
    zero_stage: int = 2
    # Two, because the older one is removed before the newer is written: with one, a kill in between
    # would leave none.
    checkpoints: int = 2
    save_every: int = 50
    evaluations: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """Every number as plain JSON."""
        return asdict(self) | {"modules": list(self.modules), "adam_betas": list(self.adam_betas)}


PAPER: dict[Kind, Recipe] = {
    "dpo": Recipe(beta=0.1, nll_weight=0.1),
    "sft": Recipe(max_length=3072),
}
# What differs for a student: OpenCharacterTraining gives a GPU one of Qwen's pairs at a time.
STUDENTS: dict[tuple[str, Kind], dict[str, Any]] = {
    ("llama-3.1-8b-it", "dpo"): {},
    ("llama-3.1-8b-it", "sft"): {},
    ("qwen-2.5-7b-it", "dpo"): {"micro_batch": 1},
    ("qwen-2.5-7b-it", "sft"): {},
    ("gemma-3-4b-it", "dpo"): {"modules": GEMMA_MODULES},
    ("gemma-3-4b-it", "sft"): {"modules": GEMMA_MODULES},
}
# A model without a recipe of its own: the paper's numbers, as little memory as they can be had with.
OTHER: dict[str, Any] = {"micro_batch": 1}

# A flag of `character train` → the recipe's own name for it.
RECIPE_FLAGS = {
    "n_epochs": "epochs",
    "n_checkpoints": "checkpoints",
    "n_evals": "evaluations",
    "batch_size": "batch",
    "micro_batch": "micro_batch",
    "learning_rate": "learning_rate",
    "warmup_ratio": "warmup",
    "min_lr_ratio": "final_rate",
    "max_seq_length": "max_length",
    "lora_r": "rank",
    "lora_alpha": "alpha",
    "lora_dropout": "dropout",
    "lora_trainable_modules": "modules",
    "dpo_beta": "beta",
    "rpo_alpha": "nll_weight",
    "random_seed": "seed",
}
# What the plan and the command line take, outside of the numbers.
PLAN_FLAGS = (
    frozenset(
        {"constitution", "student", "model", "training_file", "validation_file", "from_base", "again"}
    )
    | {"preset", "train_on_inputs", "wandb_project_name", "wandb_name", "output", "yes", "dry_run"}
    | {"gpus", "hostfile", "master_addr", "ray_address", "no_proof"}
    | {"method", "purpose", "file_type", "backend", "data", "as_json"}
)
REFUSED = {
    "full": "--full: adapters are trained; all weights need ZeRO 3, for which there is no recipe",
    "simpo_gamma": "--simpo-gamma: OpenRLHF's DPO always has a reference model",
    "dpo_normalize_logratios_by_length": "--dpo-normalize-logratios-by-length: OpenRLHF takes sums",
    "from_checkpoint": "--from-checkpoint: an unfinished training goes on by itself",
    "training_file_id": "--training-file-id: that is a file at Together",
    "validation_file_id": "--validation-file-id: that is a file at Together",
    "suffix": "--suffix: the adapter's folder carries the character's name",
    "budget": "--budget: your own GPUs send no bill that could be limited",
    "poll": "--poll: that is how often Together is asked",
}
UNSAID: dict[str, Any] = {"poll": 10.0}


def refusals(flags: Mapping[str, Any]) -> list[str]:
    """The flags that were given and cannot be honoured, each with the reason."""
    found = [
        why for name, why in REFUSED.items() if _is_given(flags, name) and flags[name] != UNSAID.get(name)
    ]
    if flags.get("batch_size") == "max":
        found.append("--batch-size max: give a number; what fits a GPU is --micro-batch")
    if flags.get("train_on_inputs") is True:
        found.append("--train-on-inputs true: only the assistant's turns are learned")
    if flags.get("preset") not in (None, "paper"):
        found.append(f"--preset {flags['preset']}: OpenRLHF has paper; the others are for training here")
    return found


def _is_given(flags: Mapping[str, Any], name: str) -> bool:
    # By identity: a wish for 0.0 is one, and equals False.
    return flags.get(name) is not None and flags[name] is not False


def recipe_of(kind: Kind, student: str, flags: Mapping[str, Any]) -> Recipe:
    """OpenCharacterTraining's recipe for a student with a person's wishes in place."""
    usual = replace(PAPER[kind], **STUDENTS.get((student, kind), OTHER))
    wishes = {ours: flags[name] for name, ours in RECIPE_FLAGS.items() if flags.get(name) is not None}
    if "modules" in wishes:
        wishes["modules"] = _modules(str(wishes["modules"]))
    return replace(usual, **wishes)


def _modules(text: str) -> tuple[str, ...]:
    """Layer names from "q_proj,v_proj"; none for "all-linear", which is what leaving the flag out means."""
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    return () if names == (ALL_LINEAR,) else names


def steps_of(kind: Kind, recipe: Recipe, rows: int, gpus: int) -> int:
    """How many steps the rows make, as OpenRLHF counts them; rows that it drops are not known here."""
    if kind == "dpo":
        return recipe.epochs * (rows // recipe.batch)
    passes = rows // (recipe.micro_batch * gpus)
    return passes * recipe.epochs // micro_steps(recipe, gpus)


def micro_steps(recipe: Recipe, gpus: int) -> int:
    """How often each GPU is fed for one step."""
    return max(1, recipe.batch // (recipe.micro_batch * gpus))


def problems_of(
    kind: Kind, recipe: Recipe, rows: int, gpus: int, *, is_measured: bool, flags: Mapping[str, Any]
) -> list[Problem]:
    """What is wrong with the numbers, all at once: checked before anything is started."""
    found = [
        *_out_of_range(recipe),
        *_for_the_other_stage(kind, flags),
        *_batch_problems(kind, recipe, rows, gpus),
    ]
    if flags.get("n_evals") and not is_measured:
        found.append(Problem("--n-evals", "needs --validation-file"))
    if flags.get("wandb_name") and not flags.get("wandb_project_name"):
        found.append(Problem("--wandb-name", "needs --wandb-project-name"))
    return found


def _out_of_range(recipe: Recipe) -> list[Problem]:
    parts = (("--warmup-ratio", recipe.warmup), ("--min-lr-ratio", recipe.final_rate))
    found = [Problem(flag, "must lie between 0 and 1") for flag, value in parts if not 0 <= value <= 1]
    if not 0 <= recipe.dropout < 1:
        found.append(Problem("--lora-dropout", "must lie between 0 and 1"))
    if not (math.isfinite(recipe.learning_rate) and recipe.learning_rate > 0):
        found.append(Problem("--learning-rate", "must be above 0"))
    return found


def _for_the_other_stage(kind: Kind, flags: Mapping[str, Any]) -> list[Problem]:
    dpo_only = {"dpo_beta": "--dpo-beta", "rpo_alpha": "--rpo-alpha"}
    wrong = dpo_only if kind == "sft" else {"from_base": "--from-base"}
    other = "DPO" if kind == "sft" else "SFT"
    return [
        Problem(flag, f"belongs to {other} only") for name, flag in wrong.items() if _is_given(flags, name)
    ]


def _batch_problems(kind: Kind, recipe: Recipe, rows: int, gpus: int) -> list[Problem]:
    at_once = recipe.micro_batch * gpus
    if recipe.batch % at_once:
        words = (
            f"{recipe.batch} is no multiple of {at_once}, which is {recipe.micro_batch} row(s) on each of "
            f"{gpus} GPU(s); use --batch-size {max(1, recipe.batch // at_once) * at_once}, or another "
            "--micro-batch or --gpus"
        )
        return [Problem("--batch-size", words)]
    few = batch_problem(rows, recipe.batch)
    if few:
        return [few]
    return [] if steps_of(kind, recipe, rows, gpus) else [Problem("rows", f"{rows} rows make no step")]
