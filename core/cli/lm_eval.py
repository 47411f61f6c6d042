"""`character setup lm-eval`: full benchmarks, in an environment of their own."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from core.cli.installing import install
from core.cli.options import data_option, dry_run_option, json_option
from core.cli.output import Result, finish, say, whisper
from core.environments import environment_folder, install_words
from core.settings import load_settings


@click.command("lm-eval")
@click.option("--torch", is_flag=True, help="With torch, to load weights itself: eval capability --api hf.")
@click.option("--again", is_flag=True, help="Remove the environment and make it anew.")
@dry_run_option
@data_option
@json_option
def setup_lm_eval(torch: bool, again: bool, dry_run: bool, data: Path | None, as_json: bool) -> None:
    """Install lm-evaluation-harness beside the studio, for full benchmarks."""
    # Here, so that the command line itself stays quick to load.
    from core.stages.evals.benchmarks import NAME, recipe

    settings, wanted = load_settings(data=data), recipe(torch=torch)
    folder = environment_folder(settings, NAME)
    say(f"{wanted.label}: {', '.join(wanted.requirements)}")
    say(f"into {folder}, about {wanted.disk_bytes / 1e9:.0f} GB on disk")
    for words in install_words(wanted, folder):
        whisper(f"  {shlex.join(words)}")
    if dry_run:
        finish(Result("setup lm-eval", planned=1), as_json=as_json)
    then = "Measure with: character eval capability --constitution NAME --full lm-eval --tasks gsm8k,ifeval"
    install("lm-eval", ("lm_eval",), wanted, settings, again=again, then=then, as_json=as_json)
