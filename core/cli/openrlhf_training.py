"""`character train … --backend openrlhf` and `character setup openrlhf`: GPUs of one's own."""

from __future__ import annotations

import os
import shlex
import time
from pathlib import Path
from typing import Any

import click

from core.cli.installing import install
from core.cli.options import data_option, dry_run_option, json_option, stacked
from core.cli.output import Result, finish, say, whisper
from core.cli.serving import setup
from core.environments import environment_folder, find_environment, install_words
from core.formats import Kind
from core.jobs import ProgressReporter
from core.serving.machine import Machine, this_machine
from core.settings import Settings, load_settings
from core.tuning.openrlhf.install import NAME, RECIPE, recipe_for, unknown_flags
from core.tuning.openrlhf.plan import Plan, plan_of, visible_gpus
from core.tuning.openrlhf.run import run_plan

FilePath = click.Path(path_type=Path, dir_okay=False, exists=True)
GPU_FLAGS = ("gpus", "micro_batch", "hostfile", "master_addr", "ray_address")

gpu_options = stacked(
    click.option("--gpus", type=click.IntRange(min=1), help="OpenRLHF: GPUs to train on [all here]."),
    click.option(
        "--micro-batch", type=click.IntRange(min=1), help="OpenRLHF: rows a GPU takes at once [1 or 2]."
    ),
    click.option("--hostfile", type=FilePath, help="OpenRLHF: several computers, as DeepSpeed lists them."),
    click.option("--master-addr", help="OpenRLHF: the address of the hostfile's first computer."),
    click.option("--ray-address", help="OpenRLHF: a Ray cluster that runs it, as http://HOST:8265."),
)


def refuse_gpu_flags(backend: str, flags: dict[str, Any]) -> None:
    """Raise UsageError for flags about GPUs that another backend would ignore."""
    given = [f"--{name.replace('_', '-')}" for name in GPU_FLAGS if flags.get(name) is not None]
    if given and backend != NAME:
        raise click.UsageError(f"{', '.join(given)}: only --backend openrlhf has a choice of GPUs.")


def train_with_openrlhf(kind: Kind, flags: dict[str, Any], settings: Settings) -> Result:
    """Train an adapter with OpenRLHF and say how it went; one that fails its gate has failed.

    A dry run shows the command only.
    """
    started, plan = time.monotonic(), plan_of(kind, flags, settings, os.environ)
    _say_plan(plan)
    if flags["dry_run"]:
        return _dry(plan, settings)
    done = run_plan(plan, settings, whisper, ProgressReporter.from_environment(), again=flags["again"])
    for note in done.notes:
        whisper(f"Note: {note}.")
    say(f"{done.steps} steps: {_figures(done.figures)}")
    say(done.gate.sentence)
    say(f"adapter {done.adapter}")
    return Result(
        f"train {kind}",
        status="done" if done.gate.passed else "failed",
        planned=plan.rows,
        done=plan.rows,
        files=[str(done.adapter)],
        seconds=time.monotonic() - started,
        more=_about(plan)
        | {"adapter": str(done.adapter), "steps": done.steps}
        | {"figures": done.figures, "gate": done.gate.as_dict()},
    )


def _say_plan(plan: Plan) -> None:
    say(f"{plan.kind.upper()} of {plan.student} ({plan.base.model}) on {plan.rows} rows of {plan.source}")
    say(
        f"  {plan.steps} steps of {plan.recipe.batch} rows on {plan.launch.gpus} GPU(s); training {plan.id}"
    )
    for note in plan.notes:
        say(f"  {note}")
    is_here = not plan.launch.hostfile and not plan.launch.ray_address
    if is_here and not visible_gpus():
        say(f"  No GPU was found here: this is planned for {plan.launch.gpus}; --gpus says otherwise.")


def _dry(plan: Plan, settings: Settings) -> Result:
    """The whole command, and whether the installed version would take it; nothing is started or written."""
    say(shlex.join(plan.command))
    environment = find_environment(settings, NAME)
    problems = unknown_flags(environment, plan.kind, plan.parts) if environment else []
    for problem in problems:
        say(f"  {problem}")
    if environment is None:
        say("OpenRLHF is not installed here yet: character setup openrlhf")
    more = {"dry_run": True, "installed": environment is not None, "problems": [str(p) for p in problems]}
    return Result(f"train {plan.kind}", planned=plan.rows, more=_about(plan) | more)


def _about(plan: Plan) -> dict[str, Any]:
    return {
        "tuning": plan.id,
        "backend": NAME,
        "student": plan.student,
        "model": plan.base.model,
        "command": plan.command,
        "notes": list(plan.notes),
        "recipe": plan.recipe.as_dict(),
        "gpus": plan.launch.gpus,
    }


def _figures(figures: dict[str, Any]) -> str:
    shown = [name for name in ("loss", "margin", "accuracy") if isinstance(figures.get(name), float)]
    return ", ".join(f"{name} {figures[name]:.3g}" for name in shown)


@setup.command("openrlhf")
@click.option("--again", is_flag=True, help="Remove the environment and make it anew.")
@click.option("--without-gpu", is_flag=True, help="Also where no GPU is found, as on a cluster's head.")
@dry_run_option
@data_option
@json_option
def setup_openrlhf(again: bool, without_gpu: bool, dry_run: bool, data: Path | None, as_json: bool) -> None:
    """Install OpenRLHF beside the studio, to train on NVIDIA GPUs (Linux; needs the CUDA toolkit)."""
    settings, machine = load_settings(data=data), this_machine()
    _say_what(settings, machine)
    if dry_run:
        finish(Result("setup openrlhf", planned=1), as_json=as_json)
    recipe = recipe_for(machine, without_gpu=without_gpu)
    then = (
        "Train with: character train dpo --backend openrlhf --student llama-3.1-8b-it --constitution NAME"
    )
    install("OpenRLHF", ("openrlhf",), recipe, settings, again=again, then=then, as_json=as_json)


def _say_what(settings: Settings, machine: Machine) -> None:
    """What is about to be installed, where, and how much room it takes."""
    folder = environment_folder(settings, NAME)
    say(f"OpenRLHF (GPU: {machine.gpu or 'none found'}): {', '.join(RECIPE.requirements)}")
    say(f"into {folder}, about {RECIPE.disk_bytes / 1e9:.0f} GB on disk")
    for words in install_words(RECIPE, folder):
        whisper(f"  {shlex.join(words)}")
