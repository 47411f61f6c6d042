"""`character rate`: people say which answer is better, blind; and what their votes say so far."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import click

from core.cli.options import data_option, json_option, run_option
from core.cli.output import Result, finish, say
from core.cli.studio import serve_studio
from core.errors import RunError
from core.settings import Settings, load_settings
from core.stages.prepare import Scope, existing_run, load_character
from core.store.runs import Run

# Those of `core.evaluation.ratings`, which would load the statistics with every other verb.
QUESTIONS = ("character", "answer")


@click.command("rate")
@click.option("--constitution", required=True, help="The character's name.")
@click.option(
    "--question",
    type=click.Choice(QUESTIONS),
    default="character",
    show_default=True,
    help="What is asked: which is more in character, or which is the better answer.",
)
@click.option(
    "--export",
    "target",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write every vote to this CSV file, and open nothing.",
)
@click.option("--port", type=click.IntRange(1024, 65535), help="Default: the first free one from 8501.")
@click.option("--browser/--no-browser", default=None, help="Open the page [where there is a screen].")
@run_option
@data_option
@json_option
def rate(**flags: Any) -> None:
    """Open the page where people rate answers blind; with --json or --export, tell of the votes so far."""
    settings = load_settings(data=flags["data"])
    # An unknown name is said here, and not on a page that shows another character.
    load_character(Scope(flags["constitution"]), settings)
    if not flags["as_json"] and not flags["target"]:
        query = {"character": flags["constitution"], "question": flags["question"]}
        serve_studio(settings, flags["port"], flags["browser"], f"rate?{urlencode(query)}")
    finish(_told(flags, settings), as_json=flags["as_json"])


def _told(flags: dict[str, Any], settings: Settings) -> Result:
    from core.cli.evals.telling import table_lines
    from core.evaluation.ratings import USUAL
    from core.stages.evals.ratings import export_votes, keep_rated, material_of

    run = _run(flags, settings)
    material = material_of(run)
    result, path = keep_rated(run, flags["question"], material)
    files = [str(path)] if path else []
    if flags["target"]:
        count = export_votes(run, flags["target"])
        files.append(str(flags["target"]))
        say(f"{count} votes written to {flags['target']}.")
    say(result.headline)
    for line in (*table_lines(result.cells), *result.caveats):
        say(line)
    judge = result.judge or {}
    if judge:
        say(str(judge["sentence"]))
    more = {
        "headline": result.headline,
        "question": flags["question"],
        "source": material.source,
        "judge": result.judge,
        "cells": [cell.as_dict() for cell in result.cells],
    }
    planned = min(USUAL, len(material.duels))
    return Result("rate", run=run.id, planned=planned, done=len(result.rows), files=files, more=more)


def _run(flags: dict[str, Any], settings: Settings) -> Run:
    scope = Scope(flags["constitution"], flags["run_id"])
    run = existing_run(scope, load_character(scope, settings), settings)
    if run is None:
        raise RunError(
            f"{flags['constitution']} has no answers to rate yet. Make some: character trial "
            f"{flags['constitution']}"
        )
    return run


COMMANDS = (rate,)
