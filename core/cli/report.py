"""`character report`: one article about one character, made of what was measured."""

from __future__ import annotations

from pathlib import Path

import click

from core.cli.options import data_option, json_option, run_option
from core.cli.output import Result, finish, say
from core.cli.select import names_of
from core.settings import Settings, load_settings
from core.stages.prepare import Scope, existing_run, load_character
from core.store.runs import Run


@click.command()
@click.option("--constitution", required=True, help="The character's name, or 'all'.")
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where to write the page; its JSON stands beside it [the run's report folder].",
)
@run_option
@data_option
@json_option
def report(
    constitution: str, output: Path | None, run_id: str | None, data: Path | None, as_json: bool
) -> None:
    """Write the report card: one file that opens without a network, prints well, and can be sent."""
    settings = load_settings(data=data)
    names = names_of(constitution, settings)
    if output and len(names) > 1:
        raise click.UsageError("--output names one file: name one character, or leave it out.")
    found = Result("report", planned=len(names))
    for name in names:
        _one(Scope(name, run_id), output, settings, found)
    finish(found, as_json=as_json)


def _one(scope: Scope, output: Path | None, settings: Settings, found: Result) -> None:
    from core.stages.report import report_of, write_report

    run = _run(scope, settings)
    told = report_of(run, settings)
    files = write_report(run, settings, output, told)
    found.run, found.done = run.id, found.done + 1
    found.files += [str(path) for path in files]
    found.more |= {"headline": told.standfirst, "missing": [what for what, _ in told.missing]}
    say(told.standfirst)
    if told.missing:
        say(f"Not measured: {', '.join(what for what, _ in told.missing)}.")
    say(f"Written: {files[0]}")


def _run(scope: Scope, settings: Settings) -> Run:
    """The character's run; its constitution alone already makes a report. Raises ConstitutionError."""
    from core.stages.prepare import run_of

    character = load_character(scope, settings)
    return existing_run(scope, character, settings) or run_of(scope, character, settings)


COMMANDS = (report,)
