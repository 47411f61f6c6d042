"""`character eval traits`: did the character take hold, and what else changed?"""

from __future__ import annotations

from typing import Any

import click

from core.cli.evals.common import (
    Kind,
    asking_options,
    cast_of,
    cast_options,
    judge_option,
    model_of,
    run_kind,
)
from core.cli.evals.listening import sampling_for
from core.stages.evals.traits import TraitsJob, evaluate_traits, everyday_wanted, size_traits


@click.command("traits")
@cast_options
@judge_option
@click.option(
    "--per-trait",
    type=click.IntRange(min=0),
    default=2,
    show_default=True,
    help="Prompts of each trait that training never met.",
)
@click.option(
    "--N",
    "--limit",
    "everyday",
    type=click.IntRange(min=1),
    help="Only the first N everyday questions [20 on local/, 60 elsewhere].",
)
@click.option(
    "--max-tokens", type=click.IntRange(min=1), help="Longest answer [64 on local/, 512 elsewhere]."
)
@asking_options
def traits(**flags: Any) -> None:
    """Did the character take hold, trait by trait, and did anything else change with it?"""
    cast = cast_of(flags)
    job = TraitsJob(
        cast,
        sampling_for(cast.model, flags),
        flags["per_trait"],
        everyday_wanted(cast.model, flags["everyday"]),
        judge=model_of(flags["judge"], flags) if flags["judge"] else None,
    )
    run_kind(
        Kind(
            "traits",
            "Traits",
            lambda session: evaluate_traits(job, session),
            lambda session: size_traits(job, session),
        ),
        flags,
    )


COMMAND = traits
