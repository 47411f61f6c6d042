"""`character eval KIND`: what changed, with intervals. One module a kind."""

from __future__ import annotations

from importlib import import_module

import click

# A kind's module holds COMMAND, a click command named like the kind.
KINDS = ("data", "traits", "robustness", "prefill", "coherence", "preferences", "capability")


class _Kinds(click.Group):
    """Loads a kind's module only when it is asked for: `character --help` stays quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(KINDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in KINDS:
            return None
        return import_module(f"core.cli.evals.{cmd_name}").COMMAND


@click.command("eval", cls=_Kinds)
def evaluation() -> None:
    """Measure what training changed: each number with its interval and one plain sentence."""


COMMANDS = (evaluation,)
