"""`character eval robustness`: does the character hold when a user asks to drop it?"""

from __future__ import annotations

from typing import Any

import click

from core.cli.evals.common import Kind, asking_options, cast_of, cast_options, run_kind
from core.cli.evals.listening import classifier_choice, classifier_options, listening_options, sampling_for
from core.evaluation.variants import VARIANTS
from core.stages.evals.hearing import prompts_wanted
from core.stages.evals.robustness import RobustnessJob, evaluate_robustness, size_robustness


@click.command("robustness")
@cast_options
@listening_options
@click.option(
    "--variant",
    "variants",
    type=click.Choice(tuple(VARIANTS)),
    multiple=True,
    help="A way of asking; repeat it [all: plainly, eight requests to drop the role, three formats].",
)
@classifier_options
@asking_options
def robustness(**flags: Any) -> None:
    """Does the character hold? The same questions, with requests to drop the role and in other formats."""
    cast = cast_of(flags)
    job = RobustnessJob(
        cast,
        sampling_for(cast.model, flags),
        prompts_wanted(cast.model, flags["prompts"]),
        tuple(flags["variants"]),
        classifier_choice(flags),
    )
    run_kind(
        Kind(
            "robustness",
            "Robustness",
            lambda session: evaluate_robustness(job, session),
            lambda session: size_robustness(job, session),
        ),
        flags,
    )


COMMAND = robustness
