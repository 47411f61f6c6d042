"""Training and merging on this computer: a child process of `training`, told by JSON, heard line by line.

`core` never imports torch: the child does, and says at once when the train extra is not installed.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from core.errors import RunError, SettingsError
from core.formats import Kind
from core.names import ModelName, parse_model
from core.settings import PROJECT, Settings

STOP_LIMIT_S = 60.0
NEEDS = ("torch", "transformers", "peft")
NO_TRAINER = (
    "Training here needs the train extra, which is not installed: pip install 'character-studio[train]' "
    "(about 1 GB; with a plain package index ask for a CPU build of torch first). Then run this again."
)
# A flag of `character train` → the trainer's own name for it.
HONOURED = {
    "n_epochs": "epochs",
    "batch_size": "batch",
    "learning_rate": "learning_rate",
    "warmup_ratio": "warmup",
    "min_lr_ratio": "final_rate",
    "max_seq_length": "max_length",
    "lora_r": "rank",
    "lora_alpha": "alpha",
    "lora_dropout": "dropout",
    "dpo_beta": "beta",
    "rpo_alpha": "nll_weight",
    "random_seed": "seed",
}
NOT_HERE = {
    "full": "--full: adapters are trained here, not all weights",
    "lora_trainable_modules": "--lora-trainable-modules: every linear layer gets an adapter here",
    "simpo_gamma": "--simpo-gamma: there is always a reference model here",
    "dpo_normalize_logratios_by_length": "--dpo-normalize-logratios-by-length: sums are used here",
    "train_on_inputs": "--train-on-inputs: only the assistant's turns are learned here",
    "from_checkpoint": "--from-checkpoint: an unfinished training goes on by itself here",
    "training_file_id": "--training-file-id: that is a file at Together",
    "validation_file_id": "--validation-file-id: that is a file at Together",
    "n_checkpoints": "--n-checkpoints: one is kept here, and removed at the end",
    "n_evals": "--n-evals: it is measured once before and once after",
    "wandb_project_name": "--wandb-project-name: metrics go to metrics.jsonl",
    "suffix": "--suffix: the adapter's folder carries the character's name",
}
PRODUCTS: dict[Kind, str] = {"dpo": "dpo", "sft": "sft_data"}


def require_trainer() -> None:
    """Raise SettingsError where the train extra is not installed."""
    if any(importlib.util.find_spec(name) is None for name in NEEDS):
        raise SettingsError(NO_TRAINER)


def student_of(flags: Mapping[str, Any]) -> ModelName:
    """The model to be trained; the embedded one when nobody says."""
    return parse_model(flags["student"] or "local/smollm2-135m", default="local")


def adapter_place(settings: Settings, student: str, kind: str, constitution: str) -> Path:
    """Where the adapter of a character goes: LORA_PATH/<student>-<stage>/<character>."""
    return settings.lora_path / f"{student}-{kind}" / constitution


def config_of(kind: Kind, flags: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    """What the trainer is told. Raises SettingsError for flags that it cannot honour, all at once."""
    refused = [why for name, why in NOT_HERE.items() if flags.get(name)]
    if flags.get("batch_size") == "max":
        refused.append("--batch-size max: give a number here")
    if refused:
        raise SettingsError("Training here cannot do this: " + "; ".join(refused) + ".")
    student = student_of(flags)
    source = _rows_of(kind, flags, settings, student.slug)
    name = flags["constitution"] or source.stem
    output = adapter_place(settings, student.slug, kind, name)
    config: dict[str, Any] = {
        "data": str(source),
        "output": str(output),
        "base": flags["model"] or f"local/{student.slug}",
        "recipe": flags["preset"] or ("trial" if student.provider == "local" else "paper"),
        "settings": {ours: flags[name] for name, ours in HONOURED.items() if flags.get(name) is not None},
        "student": student.slug,
        "fresh": bool(flags.get("again")),
    }
    if flags["validation_file"]:
        config["validation"] = str(Path(flags["validation_file"]).absolute())
    before = adapter_place(settings, student.slug, "dpo", name) / "adapter"
    if kind == "sft" and before.exists() and not flags.get("from_base"):
        config["on_top_of"] = str(before)
    return config


def _rows_of(kind: Kind, flags: Mapping[str, Any], settings: Settings, student: str) -> Path:
    """The file to learn from. Raises RunError with the verb that makes it."""
    if flags["training_file"]:
        return Path(flags["training_file"]).absolute()
    if not flags["constitution"]:
        raise SettingsError("Say which character: --constitution NAME, or --training-file FILE.")
    path = settings.data_path / PRODUCTS[kind] / student / f"{flags['constitution']}.jsonl"
    if not path.exists():
        verb = "dpo-data" if kind == "dpo" else "sft-data"
        raise RunError(
            f"There is no {path}. Make it first: character {verb} --constitution {flags['constitution']} …"
        )
    return path


def run_child(
    module: str, config: Mapping[str, Any], settings: Settings, say: Callable[[str], None]
) -> Any:
    """Run `python -m MODULE` on a config; its result comes back. Raises RunError with its own words.

    Ctrl-C reaches the child too, which saves what is finished; it is waited for.
    """
    require_trainer()
    command = [sys.executable, "-m", module, "--config", "-"]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        cwd=PROJECT,
        env=settings.for_subprocess(),
    ) as child:
        assert child.stdin and child.stdout
        try:
            child.stdin.write(json.dumps(dict(config)))
            child.stdin.close()
            last = _heard(child.stdout, say)
        except KeyboardInterrupt:
            child.terminate()
            child.wait(STOP_LIMIT_S)
            raise
    if child.returncode == 130:
        raise KeyboardInterrupt
    return _result_in(last, module, child.returncode)


def _heard(lines: Any, say: Callable[[str], None]) -> str:
    """Pass on what the child says; its last line, the result, is kept back."""
    last = ""
    for line in lines:
        if last:
            say(last)
        last = line.rstrip("\n")
    return last


def _result_in(last: str, module: str, code: int) -> dict[str, Any]:
    try:
        result = json.loads(last)
    except ValueError:
        result = None
    if not isinstance(result, dict):
        raise RunError(f"{module} ended without a result (exit code {code}): {last or 'it said nothing'}.")
    if code and "gate" not in result:
        raise RunError(str(result.get("message") or f"{module} failed (exit code {code})."))
    return result
