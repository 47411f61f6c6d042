"""`character constitution list·show·import·export·diff`: characters as files."""

from __future__ import annotations

import difflib
import json
from dataclasses import asdict, replace
from pathlib import Path

import click

from core.cli.cards import card, imported_card, is_card
from core.cli.options import data_option, json_option
from core.cli.output import say
from core.constitution import Constitution, parse_json
from core.errors import RunError
from core.gallery import TITLES
from core.interchange import read_any, to_oct_array, to_oct_few_shot
from core.settings import Settings, load_settings
from core.store.gallery import gallery
from core.store.jsonl import write_atomic
from core.store.library import Library


@click.group("constitution")
def constitution() -> None:
    """See, check, bring in and hand out characters."""


@constitution.command("list")
@data_option
@json_option
def list_characters(data: Path | None, as_json: bool) -> None:
    """Every character, yours and the shipped ones."""
    settings = load_settings(data=data)
    entries, notes = Library(settings).names(), gallery(settings)
    if as_json:
        rows = [
            {
                "name": e.name,
                "origin": e.origin,
                "summary": e.summary,
                "problems": e.problems,
                **(asdict(notes[e.name]) if e.name in notes else {}),
            }
            for e in entries
        ]
        click.echo(json.dumps({"verb": "constitution list", "constitutions": rows}, ensure_ascii=False))
        return
    for entry in entries:
        trouble = f"  ({entry.problems} problems)" if entry.problems else ""
        note = notes.get(entry.name)
        level = TITLES[note.level].lower() if note else ""
        told = note.why if note else entry.summary
        say(f"{entry.name:<16} {entry.origin:<8} {level:<10}  {told}{trouble}")


@constitution.command("show")
@click.argument("name")
@data_option
@json_option
def show(name: str, data: Path | None, as_json: bool) -> None:
    """A character in prose."""
    character = Library(load_settings(data=data)).load(name).constitution
    if as_json:
        click.echo(json.dumps({"verb": "constitution show", **character.as_dict()}, ensure_ascii=False))
        return
    say(f"{character.name}: {character.summary}\n")
    for number, trait in enumerate(character.traits, 1):
        say(f"{number:>2}. {trait.trait}")
        if trait.clarification:
            say(f"    ({trait.clarification})")
    for exchange in character.exchanges:
        say(f"\n  > {exchange.user}\n    {exchange.assistant}")


def character_of(text: str, settings: Settings) -> Constitution:
    """The character of a name, or in a file of any form. Raises ConstitutionError, RunError."""
    path = Path(text)
    if path.suffix:
        return (
            parse_json(_bytes(path), source=text)
            if path.suffix == ".json"
            else read_any(_bytes(path), path.name).constitution
        )
    return Library(settings).load(text).constitution


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise RunError(f"Cannot read {path}: {(error.strerror or str(error)).lower()}.") from error


@constitution.command("import")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--name", help="Its name here [the file's].")
@click.option("--yes", is_flag=True, help="Keep everything that a card offers; without, it is only shown.")
@data_option
def bring_in(file: Path, name: str | None, yes: bool, data: Path | None) -> None:
    """Save a file as a character of yours.

    Our JSON, OCT's array .txt and few-shot .jsonl; SillyTavern cards (.json, .png), YAML and plain text,
    of which the traits are shown first, each with the sentence that it comes from.
    """
    library = Library(load_settings(data=data))
    content = _bytes(file)
    if is_card(content, file.name):
        found = imported_card(content, str(file), keep_all=yes)
        if found is None:
            return
        imported = found
    else:
        imported = read_any(content, file.name)
    if name:
        imported = replace(imported, constitution=replace(imported.constitution, name=name))
    saved = library.save(imported.constitution, base_revision=None, note=f"imported from {file.name}")
    prompts = sum(len(texts) for texts in imported.additional.values())
    if prompts:
        library.add_additional(saved.constitution, imported.additional)
    say(
        f"{saved.constitution.name}: {len(saved.constitution.traits)} traits and {prompts} prompts "
        f"imported to {saved.path}"
    )


@constitution.command("export")
@click.argument("name")
@click.option(
    "--to",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("export"),
    show_default=True,
)
@data_option
def export(name: str, folder: Path, data: Path | None) -> None:
    """Write a character in OCT's layout: hand-written/NAME.txt and few-shot/NAME.jsonl."""
    library = Library(load_settings(data=data))
    character = library.load(name).constitution
    array, few_shot = folder / "hand-written" / f"{name}.txt", folder / "few-shot" / f"{name}.jsonl"
    write_atomic(array, to_oct_array(character))
    write_atomic(few_shot, to_oct_few_shot(character, library.additional(name).by_trait))
    say(f"Wrote {array} and {few_shot}")


@constitution.command("diff")
@click.argument("name")
@click.argument("other", required=False)
@data_option
def diff(name: str, other: str | None, data: Path | None) -> None:
    """What changed: against another character, a file, or (alone) the saved version before."""
    settings = load_settings(data=data)
    library = Library(settings)
    after = character_of(name, settings)
    before = character_of(other, settings) if other else _version_before(library, name)
    lines = difflib.unified_diff(
        _prose(before), _prose(after), other or f"{name} before", name, lineterm="", n=0
    )
    say("\n".join(lines) or "No difference.")


def _version_before(library: Library, name: str) -> Constitution:
    versions = library.history(name, 2)
    if len(versions) < 2:
        return library.load(name).constitution
    return library.version(name, versions[1].revision)


def _prose(character: Constitution) -> list[str]:
    """A character as lines, for comparing."""
    lines = [f"summary: {character.summary}"]
    for trait in character.traits:
        lines += [f"{trait.id}: {trait.trait}", f"  ({trait.clarification})" if trait.clarification else ""]
        lines += [f"  ? {question}" for question in trait.questions]
    for exchange in character.exchanges:
        lines += [f"> {exchange.user}", f"< {exchange.assistant}"]
    return [line for line in lines if line]


constitution.add_command(card)

COMMANDS = (constitution,)
