"""`character sample open·remove·make`: the finished sample, to look at before making anything."""

from __future__ import annotations

import json
from pathlib import Path

import click

from core.cli.options import data_option, json_option
from core.cli.output import say
from core.settings import load_settings
from core.store.sample import open_sample, remove_sample, sample_archive


@click.group("sample")
def sample() -> None:
    """A finished character to look at: pairs, training, every evaluation, a report."""


@sample.command("open")
@data_option
@json_option
def open_it(data: Path | None, as_json: bool) -> None:
    """Unpack the sample; the studio then shows it on every page, marked as one."""
    name = open_sample(load_settings(data=data))
    _tell(f"{name} is there. See it with: character studio", as_json, verb="sample open", name=name)


@sample.command("remove")
@data_option
@json_option
def remove_it(data: Path | None, as_json: bool) -> None:
    """Take the sample away again; nothing of your own is touched."""
    removed = remove_sample(load_settings(data=data))
    line = "The sample is removed." if removed else "The sample was not opened."
    _tell(line, as_json, verb="sample remove", removed=removed)


@sample.command("make")
@click.option(
    "--output", type=click.Path(path_type=Path, dir_okay=False), help="Where [the shipped place]."
)
@data_option
@json_option
def make_it(output: Path | None, data: Path | None, as_json: bool) -> None:
    """Pack the sample anew from a finished run of the pirate, for those who ship the studio."""
    from core.stages.sample import make_sample

    settings = load_settings(data=data)
    path = make_sample(settings, output or sample_archive(settings))
    size = path.stat().st_size
    _tell(f"{path}: {size / 1e6:.2f} MB", as_json, verb="sample make", files=[str(path)], bytes=size)


def _tell(line: str, as_json: bool, **found: object) -> None:
    say(line)
    if as_json:
        click.echo(json.dumps({"status": "done", **found}, ensure_ascii=False))


COMMANDS = (sample,)
