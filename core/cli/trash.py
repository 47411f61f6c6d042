"""`character constitution delete · trash · restore`: away, and back again."""

from __future__ import annotations

import json
from pathlib import Path

import click

from core.cli.characters import constitution
from core.cli.options import data_option, json_option
from core.cli.output import say
from core.cli.wording import at_minute
from core.errors import ConstitutionError, Problem
from core.settings import load_settings
from core.store.library import Library, TrashItem


@constitution.command("delete")
@click.argument("name")
@data_option
@json_option
def delete(name: str, data: Path | None, as_json: bool) -> None:
    """Move a character of yours to the trash; `restore` brings it back."""
    item = Library(load_settings(data=data)).delete(name)
    _say(
        as_json,
        "delete",
        item,
        f"{name} is in the trash. Back again: character constitution restore {name}",
    )


@constitution.command("trash")
@click.option("--delete-for-good", "gone", metavar="ID", help="Remove this one for good.")
@click.option("--yes", metavar="NAME", help="Its name, to say that you mean it.")
@data_option
@json_option
def trash(gone: str | None, yes: str | None, data: Path | None, as_json: bool) -> None:
    """Deleted characters, the last first."""
    library = Library(load_settings(data=data))
    if gone:
        _delete_for_good(library, gone, yes, as_json)
        return
    items = library.trash()
    if as_json:
        rows = [{"id": item.id, "name": item.name, "deleted_at": item.deleted_at} for item in items]
        click.echo(json.dumps({"verb": "constitution trash", "items": rows}, ensure_ascii=False))
        return
    for item in items:
        say(f"{item.id:<40} {item.name:<20} {at_minute(item.deleted_at)}")
    if not items:
        say("The trash is empty.")


def _delete_for_good(library: Library, id: str, yes: str | None, as_json: bool) -> None:
    item = next((item for item in library.trash() if item.id == id), None)
    if item and item.name != yes:
        cure = f"say that you mean it with --yes {item.name}."
        raise ConstitutionError(item.name, [Problem("", f"would be removed with all its versions; {cure}")])
    name = library.delete_for_good(id)
    gone = item or TrashItem(id, name, 0.0)
    _say(as_json, "trash", gone, f"{name} is gone for good.")


@constitution.command("restore")
@click.argument("name_or_id")
@data_option
@json_option
def restore(name_or_id: str, data: Path | None, as_json: bool) -> None:
    """Bring a deleted character back: the last one of that name, or exactly the one of an id."""
    library = Library(load_settings(data=data))
    item = next((item for item in library.trash() if name_or_id in (item.id, item.name)), None)
    name = library.restore_from_trash(item.id if item else name_or_id)
    _say(as_json, "restore", item or TrashItem(name_or_id, name, 0.0), f"{name} is back.")


def _say(as_json: bool, verb: str, item: TrashItem, said: str) -> None:
    if as_json:
        head = {"verb": f"constitution {verb}", "status": "done", "id": item.id, "name": item.name}
        click.echo(json.dumps(head, ensure_ascii=False))
    else:
        say(said)


COMMANDS: tuple[click.Command, ...] = ()
