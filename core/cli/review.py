"""`character review`: see the judged pairs of a character, keep or drop them, undo."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path
from typing import Any, cast

import click

from core.cli.options import data_option, json_option, run_option
from core.cli.output import say
from core.cli.pairs import model_label
from core.errors import RunError
from core.settings import Settings, load_settings
from core.stages.dpo_data import PairJob, pair_rows, removed_prompts, sources_of
from core.stages.lengths import token_counter
from core.stages.prepare import Scope, load_character, run_of
from core.store.decisions import Decision, Verdict, decide
from core.store.jsonl import Row
from core.store.runs import Run


@click.command("review")
@click.argument("name")
@click.option("--keep", multiple=True, metavar="PAIR", help="Keep this pair, whatever the checks say.")
@click.option("--drop", multiple=True, metavar="PAIR", help="Drop this pair.")
@click.option("--undo", multiple=True, metavar="PAIR", help="Take the last decision back.")
@click.option("--reason", default="", help="Why, in your words.")
@click.option("--reviewer", default="", help="Who decides.")
@click.option("--teacher", help="Whose answers are chosen [those used last].")
@click.option("--student", help="Whose answers are rejected [those used last].")
@click.option("--full", is_flag=True, help="Print both answers of every pair.")
@run_option
@data_option
@json_option
def review(name: str, run_id: str | None, data: Path | None, as_json: bool, **flags: Any) -> None:
    """List a character's pairs, or decide about some. `character dpo-data` then writes the file anew."""
    settings = load_settings(data=data)
    scope = Scope(name, run_id)
    run = run_of(scope, load_character(scope, settings), settings)
    job = PairJob(teacher=model_label(flags["teacher"]), student=model_label(flags["student"]))
    pairs = _pairs(run, job, settings)
    if not pairs:
        raise RunError(
            f"Run {run.id} has no pairs yet; make them: character dpo-data --constitution {name}"
        )
    known = {pair["id"] for pair in pairs}
    for verdict, option in (("keep", "keep"), ("drop", "drop"), ("undecided", "undo")):
        for pair in flags[option]:
            if pair not in known:
                raise RunError(f"Run {run.id} has no pair {pair}; list them: character review {name}")
            decide(run.folder, Decision(pair, cast(Verdict, verdict), flags["reason"], flags["reviewer"]))
    if flags["keep"] or flags["drop"] or flags["undo"]:
        say(f"Decided. Write the file anew: character dpo-data --constitution {name}")
        return
    if as_json:
        click.echo(json.dumps({"verb": "review", "run": run.id, "pairs": pairs}, ensure_ascii=False))
        return
    for pair in pairs:
        say(f"{pair['id']}  {pair['dropped'] or 'kept':<22}  {harmless(pair['text'][:80])}")
        if flags["full"]:
            say(f"    chosen    {harmless(pair['chosen'])}\n    rejected  {harmless(pair['rejected'])}\n")


def _pairs(run: Run, job: PairJob, settings: Settings) -> list[Row]:
    """The pairs as they stand this moment, decisions included."""
    sources = sources_of(run, job)
    count, _ = token_counter(sources, settings)
    return pair_rows(run, sources, job, count, removed_prompts(run, settings))


def harmless(text: str | None) -> str:
    """Model text for a terminal: without the control characters that could move or colour it."""
    return "".join(
        letter for letter in text or "–" if letter in "\n\t" or unicodedata.category(letter)[0] != "C"
    )


COMMANDS = (review,)
