"""`character glossary`: what the words mean, in a shell."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from core.cli.options import json_option
from core.cli.output import say
from core.glossary import search


@click.command("glossary")
@click.argument("words", nargs=-1)
@json_option
def glossary(words: tuple[str, ...], as_json: bool) -> None:
    """Every word of the studio in a plain sentence and an exact one; WORDS narrow it down."""
    found = search(" ".join(words))
    if as_json:
        rows = [asdict(term) for term in found]
        click.echo(json.dumps({"verb": "glossary", "terms": rows}, ensure_ascii=False))
        return
    for term in found:
        say(
            f"{term.word}{f' ({term.technical})' if term.technical else ''}\n  {term.plain}\n  {term.exact}"
        )
    if not found:
        say("No word fits. Search for less.")


COMMANDS = (glossary,)
