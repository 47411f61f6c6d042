"""`character prompts add·drop·list`: prompts that people add by hand, asked first in the next round."""

from __future__ import annotations

import json
from pathlib import Path

import click

from core.attacks import ATTACKS
from core.cli.options import data_option, json_option
from core.cli.output import Result, finish, say
from core.cli.prompts import prompts
from core.errors import RunError
from core.sample import UNCHANGED, is_sample
from core.settings import load_settings
from core.store.added_prompts import Added, added_prompts
from core.store.library import Library


@prompts.command("add")
@click.argument("name")
@click.option("--text", required=True, help="What the user says; with --from ATTACK it is wrapped in it.")
@click.option("--trait", help="The id of the trait that it is to show [none: everyday].")
@click.option(
    "--from",
    "origin",
    type=click.Choice(("hand", "attack", *ATTACKS)),
    default="hand",
    show_default=True,
    help="Why it is added. An attack's name wraps the text in that attack; 'attack' takes it as it is.",
)
@data_option
@json_option
def add(name: str, text: str, trait: str | None, origin: str, data: Path | None, as_json: bool) -> None:
    """Add a prompt: the next teacher and student are asked it first."""
    if is_sample(name):
        raise RunError(UNCHANGED)
    settings = load_settings(data=data)
    character = Library(settings).load(name).constitution
    attack = ATTACKS.get(origin)
    wrapped = attack.as_prompt(text) if attack else text
    added = added_prompts(settings, name).add(character, wrapped, trait, origin)
    say(f"{name} is asked this first in the next round: {added.text}")
    finish(Result("prompts add", planned=1, done=1, more=as_dict(added)), as_json=as_json)


@prompts.command("drop")
@click.argument("name")
@click.option("--text", required=True, help="The prompt as `character prompts list` shows it, or its id.")
@data_option
@json_option
def drop(name: str, text: str, data: Path | None, as_json: bool) -> None:
    """Take an added prompt off the list; its pairs are no longer trained on."""
    kept = added_prompts(load_settings(data=data), name)
    meant = next((one.text for one in kept.all() if one.id == text), text)
    dropped = kept.drop(meant)
    say(f"{name} is not asked this any more: {dropped.text}")
    finish(Result("prompts drop", planned=1, done=1, more=as_dict(dropped)), as_json=as_json)


@prompts.command("list")
@click.argument("name")
@data_option
@json_option
def list_added(name: str, data: Path | None, as_json: bool) -> None:
    """The prompts that were added by hand or after a failed attack."""
    found = added_prompts(load_settings(data=data), name).all()
    if as_json:
        rows = [as_dict(one) for one in found]
        click.echo(json.dumps({"verb": "prompts list", "prompts": rows}, ensure_ascii=False))
        return
    for one in found:
        say(f"{one.id}  {one.trait or 'everyday':<14} {one.origin:<16} {one.text}")
    if not found:
        say("No prompt was added. A character's other prompts stand in its few-shot file.")


def as_dict(added: Added) -> dict[str, str | None]:
    """An added prompt as plain JSON."""
    return {"id": added.id, "prompt": added.text, "trait": added.trait, "origin": added.origin}


COMMANDS = ()
