"""`character dpo-data`: pairs from answers, with the funnel printed."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from core.cli.options import data_option, json_option, run_option
from core.cli.output import Result, finish, funnel_lines, merge, say
from core.cli.select import names_of
from core.names import parse_model, safe_slug
from core.settings import Settings, load_settings
from core.stages.defaults import PROVIDER
from core.stages.dpo_data import Funnel, PairJob, make_pairs
from core.stages.prepare import Scope, load_character, run_of


@click.command("dpo-data")
@click.option("--constitution", required=True, help="The character's name, or 'all'.")
@click.option("--student", help="Which student's answers to reject [those asked last].")
@click.option("--teacher", help="Which teacher's answers to choose [those asked last].")
@click.option(
    "--max-length", type=click.IntRange(min=16), default=1024, show_default=True, help="Tokens a side."
)
@click.option(
    "--validation", type=click.FloatRange(0, 0.5), default=0.1, show_default=True, help="Share of prompts."
)
@click.option("--seed", type=int, default=0, show_default=True)
@run_option
@data_option
@json_option
def dpo_data(constitution: str, run_id: str | None, data: Path | None, as_json: bool, **flags: Any) -> None:
    """Join teacher and student, drop what would teach the wrong thing, write the DPO file."""
    settings = load_settings(data=data)
    result = Result("dpo-data")
    for name in names_of(constitution, settings):
        job = PairJob(
            teacher=model_label(flags["teacher"]),
            student=model_label(flags["student"]),
            max_length=flags["max_length"],
            validation=flags["validation"],
            seed=flags["seed"],
        )
        merge(result, pairs_of(Scope(name, run_id), job, settings))
    finish(result, as_json=as_json)


def model_label(model: str | None) -> str | None:
    """A model as a flag names it: a short name as it is, a full one in the spelling that rows carry."""
    if model is None:
        return None
    return parse_model(model, default=PROVIDER).label if "/" in model else safe_slug(model)


def pairs_of(scope: Scope, job: PairJob, settings: Settings) -> Result:
    """Make and print one character's pairs."""
    started = time.monotonic()
    run = run_of(scope, load_character(scope, settings), settings)
    funnel = make_pairs(run, settings, job)
    _say_funnel(funnel)
    return _pair_result(run.id, funnel, time.monotonic() - started)


def _say_funnel(funnel: Funnel) -> None:
    for line in funnel_lines(funnel.dropped, funnel.planned, funnel.kept):
        say(line)
    say(f"{funnel.train} to train on, {funnel.validation} held out; lengths {funnel.lengths}.")
    say(f"Wrote {funnel.files[0]}")


def _pair_result(run: str, funnel: Funnel, seconds: float) -> Result:
    more = {
        name: getattr(funnel, name) for name in ("train", "validation", "lengths", "teacher", "student")
    }
    missing = any(reason.startswith("missing") for reason in funnel.dropped)
    return Result(
        "dpo-data",
        status="incomplete" if missing else "done",
        run=run,
        planned=funnel.planned,
        done=funnel.kept,
        dropped=funnel.dropped,
        files=funnel.files,
        seconds=seconds,
        more=more,
    )


COMMANDS = (dpo_data,)
