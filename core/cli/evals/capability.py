"""`character eval capability`: our small set, or a full benchmark in an environment of its own."""

from __future__ import annotations

from typing import Any

import click

from core.cli.evals.common import Kind, cast_of, cast_options, run_kind
from core.cli.options import (
    budget_option,
    concurrency_options,
    data_option,
    dry_run_option,
    json_option,
    run_option,
)
from core.stages.evals.capability import CapabilityJob, evaluate_capability, size_capability


@click.command("capability")
@cast_options
@click.option("--limit", type=click.IntRange(min=1), help="Only the first N questions [all 120].")
@click.option(
    "--by",
    "how",
    type=click.Choice(("letter", "text")),
    help="How answers are read: the likeliest letter, or the text [letter, where all engines tell it].",
)
@click.option("--max-tokens", type=click.IntRange(min=1), help="With text [32 on local/, 256 elsewhere].")
@concurrency_options
@run_option
@budget_option
@dry_run_option
@data_option
@json_option
def capability(**flags: Any) -> None:
    """Does it still know what it knew? 120 questions with four options, before and after training."""
    job = CapabilityJob(cast_of(flags), flags["limit"], flags["how"], flags["max_tokens"])
    run_kind(
        Kind(
            "capability",
            "Capability",
            lambda session: evaluate_capability(job, session),
            lambda session: size_capability(job, session),
        ),
        flags,
    )


COMMAND = capability
