"""`character constitution versions · version show·name·restore·branch`: saved states and the way back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from core.changes import Piece, changes, in_one_line
from core.cli.characters import constitution
from core.cli.options import data_option, json_option
from core.cli.output import say
from core.cli.wording import as_difference, at_minute
from core.errors import ConstitutionError, Problem
from core.settings import load_settings
from core.sittings import sittings
from core.store.branching import branch as branch_off
from core.store.history import State, Version, find_version
from core.store.library import Library


def _library(data: Path | None) -> Library:
    return Library(load_settings(data=data))


def _states(library: Library, name: str) -> list[State]:
    """Every kept state; a character that was never changed here has none. Raises ConstitutionError."""
    states = library.states(name)
    if not states:
        library.load(name)
    return states


def _found(library: Library, name: str, wanted: str) -> State:
    states = _states(library, name)
    version = find_version(name, [state.version for state in states], wanted)
    return next(state for state in states if state.version.id == version.id)


@constitution.command("versions")
@click.argument("name")
@click.option("--all", "every", is_flag=True, help="Every saved state, not one line a sitting.")
@data_option
@json_option
def versions(name: str, every: bool, data: Path | None, as_json: bool) -> None:
    """Every saved state of a character: when, what it is called, what changed."""
    states = _states(_library(data), name)
    if as_json:
        rows = [_row(states, position) for position in range(len(states))]
        click.echo(
            json.dumps(
                {"verb": "constitution versions", "name": name, "versions": rows}, ensure_ascii=False
            )
        )
        return
    if not states:
        say(f"{name} is as it was shipped; every change you make will be listed here.")
    listed = [(n, n) for n in range(len(states))] if every else _heads(states)
    for head, last in listed:
        _say_version(states, head, last)


def _heads(states: list[State]) -> list[tuple[int, int]]:
    """The first and the last position of each sitting."""
    found = sittings([state.version for state in states])
    return [(sitting.head, sitting.positions[-1]) for sitting in found]


def _line(states: list[State], head: int, last: int) -> str:
    """What changed from the state before `last` to `head`."""
    now, before = states[head].value, states[last + 1].value if last + 1 < len(states) else None
    if now is None:
        return "cannot be read"
    return in_one_line(changes(before, now)) if before is not None else "the first one kept"


def _say_version(states: list[State], head: int, last: int) -> None:
    version = states[head].version
    told = "; ".join(text for text in (version.note, _line(states, head, last)) if text)
    called = f"“{version.name}” " if version.name else ""
    who = f" ({version.who})" if version.who else ""
    say(f"{version.revision[:8]}  {at_minute(version.saved_at)}{who}  {called}{told}")
    if version.remark:
        say(f"          {version.remark}")


def _row(states: list[State], position: int) -> dict[str, Any]:
    version = states[position].version
    return {
        "revision": version.revision,
        "saved_at": version.saved_at,
        "name": version.name,
        "remark": version.remark,
        "note": version.note,
        "who": version.who,
        "changed": _line(states, position, position),
    }


@constitution.group("version")
def version() -> None:
    """See, name, restore or branch one saved state.

    VERSION is a name that it was given, or the beginning of its revision.
    """


@version.command("show")
@click.argument("name")
@click.argument("version")
@click.option("--against", metavar="VERSION", help="The version to compare with [the present one].")
@data_option
@json_option
def show(name: str, version: str, against: str | None, data: Path | None, as_json: bool) -> None:
    """What differs between a version and the present one, or another version."""
    library = _library(data)
    one = _found(library, name, version)
    other = _found(library, name, against).value if against else library.load(name).constitution.as_dict()
    if one.value is None or other is None:
        raise ConstitutionError(name, [Problem("", "this version was damaged and cannot be compared.")])
    pieces = changes(one.value, other)
    if as_json:
        rows = [_piece(piece) for piece in pieces]
        head = {"verb": "constitution version show", "name": name, "revision": one.version.revision}
        click.echo(json.dumps({**head, "value": one.value, "changes": rows}, ensure_ascii=False))
        return
    say(f"Since then: {in_one_line(pieces)}." if not against else f"{in_one_line(pieces)}.")
    for piece in pieces:
        say(f"\n{piece.where} ({piece.deed})\n  {as_difference(piece.before, piece.after)}")


def _piece(piece: Piece) -> dict[str, str]:
    return {
        "where": piece.where,
        "kind": piece.kind,
        "deed": piece.deed,
        "trait": piece.trait,
        "before": piece.before,
        "after": piece.after,
    }


@version.command("name")
@click.argument("name")
@click.argument("version")
@click.argument("title")
@click.option("--note", "remark", default="", help="A sentence to keep with it.")
@data_option
@json_option
def call(name: str, version: str, title: str, remark: str, data: Path | None, as_json: bool) -> None:
    """Give a version a name, by which it is kept for good; "" takes the name away."""
    library = _library(data)
    called = library.call_version(name, _found(library, name, version).version, title, remark)
    _say_done(
        as_json,
        "name",
        called,
        f"{called.revision[:8]} is called “{called.name}”." if title else "Name removed.",
    )


@version.command("restore")
@click.argument("name")
@click.argument("version")
@data_option
@json_option
def restore(name: str, version: str, data: Path | None, as_json: bool) -> None:
    """Save a version as the newest state; the present one stays in the list."""
    library = _library(data)
    wanted = _found(library, name, version).version
    library.restore(name, wanted.revision, base_revision=library.revision(name))
    said = f"{name} is as it was {at_minute(wanted.saved_at)}. The state before is kept."
    _say_done(as_json, "restore", wanted, said)


@version.command("branch")
@click.argument("name")
@click.argument("version")
@click.argument("new_name")
@data_option
@json_option
def branch(name: str, version: str, new_name: str, data: Path | None, as_json: bool) -> None:
    """A new character from a version."""
    library = _library(data)
    wanted = _found(library, name, version).version
    saved = branch_off(library, name, wanted, new_name)
    _say_done(as_json, "branch", wanted, f"{new_name}: {saved.path}", name=new_name)


def _say_done(as_json: bool, verb: str, version: Version, said: str, **more: str) -> None:
    if as_json:
        head = {"verb": f"constitution version {verb}", "status": "done", "revision": version.revision}
        click.echo(json.dumps({**head, "title": version.name, **more}, ensure_ascii=False))
    else:
        say(said)


COMMANDS: tuple[click.Command, ...] = ()
