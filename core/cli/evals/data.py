"""`character eval data`: what the pairs teach, before anything is trained on them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from core.cli.evals.common import Kind, run_kind
from core.cli.options import data_option, dry_run_option, json_option, run_option
from core.stages.evals.data import DataJob, evaluate_data, size_data


@click.command("data")
@click.option("--constitution", required=True, help="The character's name, or 'all'.")
@click.option(
    "--input",
    "source",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A DPO file (ours or Together's) [the run's kept pairs, else its trial's].",
)
@click.option("--teacher", help="Whose answers are chosen [those used last].")
@click.option("--student", help="Whose answers are rejected [those used last].")
@click.option("--max-length", type=click.IntRange(min=1), default=1024, show_default=True)
@run_option
@dry_run_option
@data_option
@json_option
def data(**flags: Any) -> None:
    """Look at the pairs themselves: coverage, length, form, repeats, leaks. Asks no model."""
    job = DataJob(flags["source"], flags["teacher"], flags["student"], flags["max_length"])
    kind = Kind(
        "data", "Data check", lambda session: evaluate_data(job, session), lambda one: size_data(job, one)
    )
    # Nothing is asked, so nothing is spent.
    run_kind(kind, flags | {"budget": None, "concurrency": None, "fixed_concurrency": False})


COMMAND = data
