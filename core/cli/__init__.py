"""`character VERB`: the studio in a shell. Every page shows the command that does the same."""

from __future__ import annotations

import json
import signal
import sys
from types import FrameType

import click

from core.cli import (
    added_prompts,
    breaking,
    bundle,
    characters,
    chat,
    checking,
    doctor,
    drafting,
    drafting_changes,
    evals,
    exports,
    generate,
    glossary,
    introspection,
    jobs,
    lineage,
    local_training,
    models,
    pair_index,
    pairs,
    people,
    prices,
    prompts,
    rate,
    report,
    review,
    sample,
    serving,
    studio,
    switchboard,
    trash,
    trial,
    tuning,
    upload,
    versions,
)
from core.cli.output import FAILED, INTERRUPTED, whisper
from core.errors import CoreError
from core.store.privacy import keep_private


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="character-studio")
def character() -> None:
    """Give a language model a character: write it, see it, and keep the pairs that teach it."""


for module in (
    studio,
    doctor,
    people,
    models,
    serving,
    characters,
    checking,
    versions,
    trash,
    prompts,
    prices,
    generate,
    pairs,
    pair_index,
    introspection,
    bundle,
    exports,
    review,
    sample,
    jobs,
    tuning,
    upload,
    local_training,
    chat,
    trial,
    evals,
    report,
    switchboard,
    breaking,
    added_prompts,
    rate,
    lineage,
    drafting,
    drafting_changes,
    glossary,
):
    for command in module.COMMANDS:
        character.add_command(command)


def main() -> None:
    """Run the command line; expected failures become one sentence and exit code 1."""
    keep_private()
    # A shell starts background commands with Ctrl-C ignored, which would swallow our own way to end too.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, _end_as_ctrl_c)
    try:
        character(standalone_mode=False)
    except click.exceptions.Abort:
        _interrupted()
    except KeyboardInterrupt:
        _interrupted()
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except CoreError as error:
        whisper(f"Error: {error}")
        _say_json("failed", str(error))
        sys.exit(FAILED)


def _end_as_ctrl_c(number: int, frame: FrameType | None) -> None:
    # A cancelled job stops as if Ctrl-C had been pressed: finished rows are kept, exit code 130.
    signal.raise_signal(signal.SIGINT)


def _say_json(status: str, why: str) -> None:
    """The last line that `--json` promises, also when the verb did not get to print its own."""
    if "--json" in sys.argv:
        verb = next((word for word in sys.argv[1:] if not word.startswith("-")), "")
        click.echo(json.dumps({"verb": verb, "status": status, "error": why}, ensure_ascii=False))


def _interrupted() -> None:
    _say_json("interrupted", "stopped; finished rows are kept")
    whisper("Stopped. Every finished row is kept; run the same command again to go on.")
    sys.exit(INTERRUPTED)
