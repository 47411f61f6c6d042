"""`character train … --backend local` and `character merge`: trained and joined on this computer."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from core.cli.options import data_option, json_option
from core.cli.output import Result, finish, say, whisper
from core.embedded.adapters import find_adapter
from core.embedded.catalogue import MODELS
from core.errors import RunError
from core.formats import Kind
from core.names import ModelName, parse_model
from core.settings import Settings, load_settings
from core.tuning.local import adapter_place, config_of, run_child
from core.tuning.proof import Proof, prove

PathOption = click.Path(path_type=Path)


def train_here(kind: Kind, flags: dict[str, Any], settings: Settings) -> Result:
    """Train an adapter here and say how it went; one that fails its gate or its proof has failed."""
    config = config_of(kind, flags, settings)
    say(f"{kind.upper()} of {config['base']} on {config['data']}, recipe {config['recipe']}")
    if flags["dry_run"]:
        return Result(f"train {kind}", more={"dry_run": True, "config": config})
    started = time.monotonic()
    result = run_child(f"training.{kind}", config, settings, whisper)
    say(result["message"])
    if result.get("adapter"):
        say(f"adapter {result['adapter']}")
    proof = proved(result, flags, config, settings)
    return Result(
        f"train {kind}",
        status=result["status"] if proof is None or proof.passed else "failed",
        planned=result["rows"],
        done=result["rows"],
        files=list(result.get("files", ())),
        seconds=time.monotonic() - started,
        more={
            name: result[name] for name in ("adapter", "gguf", "gate", "steps", "before", "after", "laps")
        }
        | {"proof": proof.as_dict() if proof else None},
    )


def proved(
    result: dict[str, Any], flags: dict[str, Any], config: dict[str, Any], settings: Settings
) -> Proof | None:
    """Ask the embedded model with and without its new adapter; None where that was not wanted or cannot be.

    Raises ModelError or EngineError when the server does not run.
    """
    if flags.get("no_proof") or not result.get("gguf"):
        return None
    base = str(config["base"]).removeprefix("local/")
    if base not in MODELS:
        say(f"Note: {base} does not run on the embedded server, so nothing was proved.")
        return None
    proof = prove(settings, ModelName("local", base), find_adapter(settings, base, result["adapter"]))
    say(proof.sentence)
    return proof


@click.command("merge")
@click.option("--constitution", help="The character's name: its own adapters are joined.")
@click.option("--student", default="local/smollm2-135m", show_default=True, help="Whose adapters.")
@click.option("--dpo", type=PathOption, help="The DPO adapter's folder [the character's own].")
@click.option("--sft", type=PathOption, help="The SFT adapter's folder [the character's own].")
@click.option("--only", type=click.Choice(("dpo", "sft")), help="That adapter alone, at weight 1.")
@click.option(
    "--weights",
    type=(float, float),
    multiple=True,
    default=((1.0, 0.25),),
    help="DPO's and SFT's [1.0 0.25]; several pairs make a sweep.",
)
@click.option("--full", is_flag=True, help="Fold base and adapters into one complete model.")
@click.option("--base", help="The base of a complete model [the student].")
@click.option("--output", "-o", type=PathOption, help="[LORA_PATH/<student>-merged/<character>]")
@data_option
@json_option
def merge(data: Path | None, as_json: bool, **flags: Any) -> None:
    """Join a character's DPO and SFT adapters exactly, or fold them into a complete model."""
    settings, started = load_settings(data=data), time.monotonic()
    config = _merge_config(flags, settings)
    result = run_child("training.merge", config, settings, whisper)
    say(f"merged {config['output']}")
    more = {name: value for name, value in result.items() if name not in ("verb", "status", "seconds")}
    seconds = time.monotonic() - started
    files = [str(config["output"])]
    finish(
        Result("merge", status=result["status"], files=files, seconds=seconds, more=more), as_json=as_json
    )


def _merge_config(flags: dict[str, Any], settings: Settings) -> dict[str, Any]:
    student, name = parse_model(flags["student"], default="local"), flags["constitution"]
    kinds = (flags["only"],) if flags["only"] else ("dpo", "sft")
    chosen = [flags[kind] or _own(settings, student.slug, kind, name) for kind in kinds]
    weights = [[1.0]] if flags["only"] else [list(pair) for pair in flags["weights"]]
    output = flags["output"] or (name and adapter_place(settings, student.slug, "merged", name))
    if not output:
        raise RunError("Say where it goes: --output FOLDER, or --constitution NAME.")
    config: dict[str, Any] = {
        "adapters": [str(Path(place).absolute()) for place in chosen],
        "weights": weights if len(weights) > 1 else weights[0],
        "output": str(Path(output).absolute()),
    }
    if flags["full"]:
        config |= {"full": True, "base": flags["base"] or f"local/{student.slug}"}
    return config


def _own(settings: Settings, student: str, kind: str, name: str | None) -> Path:
    """The character's own adapter of a stage. Raises RunError with the verb that makes it."""
    if not name:
        raise RunError("Say which adapters: --constitution NAME, or --dpo FOLDER --sft FOLDER.")
    place = adapter_place(settings, student, kind, name)
    # What was trained here stands beside its curves; what Together trained stands there alone.
    for folder in (place / "adapter", place):
        if (folder / "adapter_config.json").exists():
            return folder
    raise RunError(f"There is no adapter in {place}. Make it first: character train {kind} --backend …")


COMMANDS = (merge,)
