"""`character constitution card`, and what `constitution import` says of cards, YAML and biographies."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from core.cards import Proposals, card_json, card_png, is_card, proposed, read_card
from core.cards.writing import Version
from core.cli.options import data_option
from core.cli.output import say
from core.errors import RunError
from core.interchange import Imported
from core.settings import load_settings
from core.store.jsonl import write_atomic
from core.store.library import Library


def imported_card(data: bytes, filename: str, *, keep_all: bool) -> Imported | None:
    """The character of a card with everything kept; None when only its proposals were printed.

    Raises ConstitutionError for a file that cannot be read.
    """
    found = proposed(read_card(data, filename), filename)
    if not keep_all:
        show_proposals(found, filename)
        return None
    everything = replace(found, items=tuple(replace(item, keep=True) for item in found.items))
    return Imported(everything.constitution())


def show_proposals(found: Proposals, filename: str) -> None:
    """Print every proposed trait and exchange with its source, and what could not be used."""
    say(f"{found.name} ({found.spec}): {len(found.traits)} traits and {len(found.exchanges)} exchanges.\n")
    for item in found.traits:
        say(f"{'+' if item.keep else ' '} {item.text}\n    from {item.field}: {_short(item.source)}")
    for item in found.exchanges:
        say(f"{'+' if item.keep else ' '} > {_short(item.user)}\n    {_short(item.text)}")
    if found.unused:
        say("\nNot used:")
    for one in found.unused:
        say(f"  {one.field}: {_short(one.source)}\n    {one.reason}")
    say(f"\nNothing was saved. To keep all of it: character constitution import {filename} --yes")
    say("To choose and edit, open the page Bring in a character: character studio")


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 160 else line[:159] + "…"


@click.command("card")
@click.argument("name")
@click.option("--to", "file", type=click.Path(path_type=Path, dir_okay=False), required=True)
@click.option("--v3", is_flag=True, help="The newer form, for .json; a .png holds both.")
@data_option
def card(name: str, file: Path, v3: bool, data: Path | None) -> None:
    """Write a character as a SillyTavern card: .json (V2, or V3 with --v3) or .png."""
    character = Library(load_settings(data=data)).load(name).constitution
    kind = file.suffix.lower()
    if kind not in (".json", ".png"):
        raise RunError(f"{file.name}: a card is a .json or a .png file; choose one of these endings.")
    version: Version = 3 if v3 else 2
    write_atomic(file, card_png(character) if kind == ".png" else card_json(character, version))
    say(f"Wrote {file}")


__all__ = ["card", "imported_card", "is_card", "show_proposals"]
