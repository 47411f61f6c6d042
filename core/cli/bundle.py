"""`character bundle export·import·show`: a character with all that was made of it, as one file."""

from __future__ import annotations

import json
from pathlib import Path

import click

from core.cli.options import data_option, json_option, run_option
from core.cli.output import Result, finish, say
from core.settings import load_settings
from core.stages.bundle import export_bundle, read_bundle
from core.stages.bundle_contents import Parts
from core.stages.bundle_import import Limits, import_bundle
from core.store.bundle import Manifest
from core.store.runs import Run, run_folder

FILE = click.Path(path_type=Path, dir_okay=False)


@click.group("bundle")
def bundle() -> None:
    """Hand a character on with its answers, evaluations and report, or bring one in."""


@bundle.command("export")
@click.argument("name")
@click.option("--output", type=FILE, required=True, help="The .zip to write.")
@click.option("--with-adapter", is_flag=True, help="Add the adapter: what the student learned.")
@click.option("--with-reviewers", is_flag=True, help="Keep the names of reviewers and raters.")
@click.option("--only-character", is_flag=True, help="The character and its prompts, nothing made of it.")
@run_option
@data_option
@json_option
def export(
    name: str,
    output: Path,
    with_adapter: bool,
    with_reviewers: bool,
    only_character: bool,
    run_id: str | None,
    data: Path | None,
    as_json: bool,
) -> None:
    """Write a character, its run, evaluations, training and report to one file, without keys."""
    settings = load_settings(data=data)
    every = not only_character
    parts = Parts(every, every, every, every, with_adapter and every, with_reviewers)
    run = Run(run_folder(settings, run_id)) if run_id else None
    made = export_bundle(settings, name, run, output, parts=parts)
    for line in lines_of(made.manifest):
        say(line)
    say(f"Wrote {made.path} ({made.bytes / 1e6:.1f} MB). On another computer: character bundle import FILE")
    result = Result("bundle export", run=made.manifest.run, files=[str(made.path)])
    result.more = {"bytes": made.bytes, "bundle": _told(made.manifest)}
    finish(result, as_json=as_json)


@bundle.command("import")
@click.argument("file", type=FILE)
@click.option("--as", "as_name", help="Its name here [the bundle's].")
@click.option("--most-mb", type=click.IntRange(min=1), help="Refuse what unpacks to more.")
@click.option("--refuse-weights", is_flag=True, help="Refuse a bundle that brings trained weights.")
@data_option
@json_option
def bring_in(
    file: Path,
    as_name: str | None,
    most_mb: int | None,
    refuse_weights: bool,
    data: Path | None,
    as_json: bool,
) -> None:
    """Bring in a bundle: all of it, checked first, or nothing. Nothing here is overwritten."""
    limits = Limits(most_mb * 1_000_000 if most_mb else None, weights=not refuse_weights)
    found = import_bundle(load_settings(data=data), file, as_name=as_name, limits=limits)
    for line in (*lines_of(found.manifest), *found.notes):
        say(line)
    say(f"{found.name} is {'here now.' if found.status == 'imported' else 'here; nothing was changed.'}")
    result = Result("bundle import", run=found.run)
    result.more = {"name": found.name, "outcome": found.status, "notes": list(found.notes)}
    finish(result, as_json=as_json)


@bundle.command("show")
@click.argument("file", type=FILE)
@json_option
def show(file: Path, as_json: bool) -> None:
    """What a bundle says is in it; nothing is imported."""
    about = read_bundle(file)
    for line in lines_of(about):
        say(line)
    if as_json:
        click.echo(json.dumps({"verb": "bundle show", "status": "done", **about.as_dict()}))


def lines_of(about: Manifest) -> list[str]:
    """What a bundle holds, in lines for a person."""
    counts = ", ".join(f"{count:,} {what}" for what, count in about.counts.items())
    models = "; ".join(f"{role}: {', '.join(models)}" for role, models in about.models.items())
    lines = [
        f"{about.character}: {counts or 'the character alone'}",
        f"Parts: {', '.join(about.parts)}",
        *([f"Models: {models}"] if models else []),
        *([f"Run: {about.run}"] if about.run else []),
        f"{len(about.files):,} files, {about.bytes / 1e6:.1f} MB unpacked",
    ]
    return [*lines, *about.notes]


def _told(about: Manifest) -> dict[str, object]:
    """The manifest without its list of files."""
    return {name: value for name, value in about.as_dict().items() if name != "files"}


COMMANDS = (bundle,)
