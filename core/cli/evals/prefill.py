"""`character eval prefill`: does the character take over after a plain first answer, and stay?"""

from __future__ import annotations

from typing import Any

import click

from core.cli.evals.common import Kind, asking_options, cast_of, cast_options, run_kind
from core.cli.evals.listening import classifier_choice, classifier_options, listening_options, sampling_for
from core.evaluation.prefill import MOST_TURNS
from core.stages.evals.hearing import prompts_wanted
from core.stages.evals.prefill import PrefillJob, evaluate_prefill, size_prefill

LOCAL_TURNS, TURNS = 5, 10


@click.command("prefill")
@cast_options
@listening_options
@click.option(
    "--turns",
    type=click.IntRange(1, MOST_TURNS),
    help="How long each goes on after the plain first answer [5 on local/, 10 elsewhere].",
)
@classifier_options
@asking_options
def prefill(**flags: Any) -> None:
    """Does the character take over from a plain first answer, and does it stay over several turns?"""
    cast = cast_of(flags)
    job = PrefillJob(
        cast,
        sampling_for(cast.model, flags),
        prompts_wanted(cast.model, flags["prompts"]),
        flags["turns"] or (LOCAL_TURNS if cast.model.provider == "local" else TURNS),
        classifier_choice(flags),
    )
    run_kind(
        Kind(
            "prefill",
            "Prefill",
            lambda session: evaluate_prefill(job, session),
            lambda session: size_prefill(job, session),
        ),
        flags,
    )


COMMAND = prefill
