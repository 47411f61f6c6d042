"""`character eval coherence`: does it win against its controls, and in what?"""

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
from core.evaluation.judging_wording import RUBRICS
from core.stages.evals.coherence import CoherenceJob, evaluate_coherence, size_coherence
from core.stages.evals.hearing import LOCAL_PROMPTS, PROMPTS


@click.command("coherence")
@cast_options
@judge_option
@click.option(
    "--by",
    type=click.Choice(("text", "json", "logprob")),
    help="How the judge gives its verdict: in words, or by the probability of a letter "
    "[logprob for a judge on local/, text elsewhere].",
)
@click.option(
    "--rubric",
    "rubrics",
    type=click.Choice(RUBRICS),
    multiple=True,
    help="What to judge by; repeat it [all three].",
)
@click.option(
    "--N",
    "--limit",
    "prompts",
    type=click.IntRange(min=1),
    help="Only the first N everyday questions [20 with a model or judge on local/, 100 elsewhere].",
)
@click.option(
    "--K", "samples", type=click.IntRange(min=1), default=1, show_default=True, help="Answers each."
)
@click.option(
    "--max-tokens", type=click.IntRange(min=1), help="Longest answer [64 on local/, 512 elsewhere]."
)
@asking_options
def coherence(**flags: Any) -> None:
    """Is it better than its controls? A judge compares answers by three rubrics, in both orders."""
    cast = cast_of(flags)
    judge = model_of(flags["judge"], flags) if flags["judge"] else None
    local = "local" in (cast.model.provider, judge.provider if judge else "")
    job = CoherenceJob(
        cast,
        judge,
        sampling_for(cast.model, flags),
        flags["by"],
        flags["prompts"] or (LOCAL_PROMPTS if local else PROMPTS),
        flags["samples"],
        tuple(flags["rubrics"]) or RUBRICS,
    )
    run_kind(
        Kind(
            "coherence",
            "Coherence",
            lambda session: evaluate_coherence(job, session),
            lambda session: size_coherence(job, session),
        ),
        flags,
    )


COMMAND = coherence
