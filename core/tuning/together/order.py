"""The job as it is asked for at Together, and the same in words for a person. Pure but for the W&B key."""

from __future__ import annotations

from typing import Any

from core.settings import Secret, Settings
from core.tuning.recipe import INHERITED, Recipe, flag, read_recipe
from core.tuning.state import Tuning

Json = dict[str, Any]


def order_of(tuning: Tuning) -> Json:
    """The job as it is asked for, in the SDK's words; no key is in it."""
    recipe = read_recipe(tuning.recipe)
    order: Json = {
        "training_file": tuning.file_id,
        "validation_file": tuning.validation_file_id or "",
        "training_method": tuning.kind,
        "n_epochs": recipe.n_epochs,
        "n_checkpoints": recipe.n_checkpoints,
        "n_evals": recipe.n_evals,
        "batch_size": recipe.batch_size,
        "learning_rate": recipe.learning_rate,
        "lr_scheduler_type": "cosine",
        "min_lr_ratio": recipe.min_lr_ratio,
        "warmup_ratio": recipe.warmup_ratio,
        "max_seq_length": recipe.max_seq_length,
        "packing": recipe.packing,
        "random_seed": recipe.random_seed,
        "suffix": tuning.tag,
        "model_limits": tuning.limits or {},
    }
    return order | _start(tuning) | _method(tuning, recipe)


def _start(tuning: Tuning) -> Json:
    """Where the job begins: at a base with its kind of training, or at an earlier job with both."""
    if tuning.from_checkpoint:
        return {"from_checkpoint": tuning.from_checkpoint}
    recipe = read_recipe(tuning.recipe)
    begun: Json = {"model": tuning.model, "lora": not recipe.full}
    if recipe.full:
        return begun
    names = ("lora_r", "lora_alpha", "lora_dropout", "lora_trainable_modules")
    return begun | {name: getattr(recipe, name) for name in names}


def _method(tuning: Tuning, recipe: Recipe) -> Json:
    names = ("dpo_beta", "rpo_alpha", "simpo_gamma") if tuning.kind == "dpo" else ("train_on_inputs",)
    chosen = {name: getattr(recipe, name) for name in names if getattr(recipe, name) is not None}
    if tuning.kind == "dpo":
        chosen["dpo_normalize_logratios_by_length"] = recipe.dpo_normalize_logratios_by_length
    return chosen


def wandb_of(tuning: Tuning, settings: Settings) -> Json:
    """Metric logging, only where a person named a project; the key comes from the settings alone."""
    key: Secret | None = settings.token("WANDB_TOKEN") if tuning.wandb else None
    if key is None:
        return {}
    return {f"wandb_{name}": value for name, value in tuning.wandb.items()} | {
        "wandb_api_key": key.reveal()
    }


def price_words(tuning: Tuning) -> str:
    """The price and what it is for, in words."""
    if tuning.price_usd is None:
        return "Together did not say what this costs"
    tokens = f" for {tuning.price_tokens:,} tokens" if tuning.price_tokens else ""
    return f"Together estimates {usd(tuning.price_usd)}{tokens}"


def usd(amount: float | None) -> str:
    return "an unknown amount" if amount is None else f"${amount:.2f}"


def setting_words(tuning: Tuning) -> list[str]:
    """The recipe a line a number, by its flag, as it will be sent; what is off is left out."""
    hidden = {"own", "packing", *(INHERITED if tuning.from_checkpoint else ())}
    if tuning.recipe.get("full"):
        hidden |= {name for name in INHERITED if name.startswith("lora_")}
    shown = {name: value for name, value in tuning.recipe.items() if name not in hidden}
    spelled = {"random_seed": "seed"}
    return [
        flag(spelled.get(name, name)) + ("" if value is True else f" {value}")
        for name, value in sorted(shown.items())
        if value is not None and value is not False
    ]
