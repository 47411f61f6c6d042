"""What the documents say is what the program does."""

from __future__ import annotations

import re
import shlex

import click
import pytest

from core.cli import character
from core.settings import PROJECT

TABLE = re.compile(r"^\| (?P<oct>.+?) \| (?P<ours>.+?) \|$", re.MULTILINE)


def rows() -> list[tuple[str, str]]:
    text = (PROJECT / "docs" / "from-oct.md").read_text(encoding="utf-8")
    return [(row["oct"], row["ours"]) for row in TABLE.finditer(text) if row["oct"] not in ("OCT", "---")]


def commands() -> list[str]:
    return [
        match
        for _, ours in rows()
        if not ours.startswith("*planned")
        for match in re.findall(r"`([^`]+)`", ours)
    ]


def parsed(line: str) -> click.Context:
    """The context of a command line, every flag checked, nothing run."""
    words = shlex.split(line)
    assert words[0] == "character"
    command: click.Command = character
    context = click.Context(character)
    rest = words[1:]
    # `prompts` does something by itself and has verbs of its own beside that.
    while isinstance(command, click.Group) and not (rest and rest[0].startswith("-")):
        name, found, rest = command.resolve_command(context, rest)
        assert found is not None and name is not None
        command, context = found, click.Context(found, parent=context, info_name=name)
    return command.make_context(command.name, list(rest))


@pytest.mark.parametrize("line", commands())
def test_every_oct_command_in_the_table_parses_here(line: str) -> None:
    parsed(line)


def test_the_table_covers_every_oct_script_that_makes_pairs() -> None:
    scripts = (
        "gen_prompts",
        "teacher ",
        "teacher_openrouter",
        "student ",
        "student_openrouter",
        "distillation.data",
    )
    built = [oct for oct, ours in rows() if not ours.startswith("*planned")]
    assert all(any(script in oct + " " for oct in built) for script in scripts)


def test_a_planned_verb_is_not_there_yet_and_a_built_one_is_not_called_planned() -> None:
    for _, ours in rows():
        if ours.startswith("*planned"):
            verb = re.findall(r"`character (\w[\w-]*)", ours)[0]
            assert verb not in character.commands, f"{verb} is built: say so in docs/from-oct.md"
