"""`character eval preferences`: which traits a model would rather show, before and after training."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
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
from core.evaluation.preferences import CONDITIONS
from core.evaluation.results import BASE
from core.records import Sampling
from core.stages.evals.preference_plan import LOCAL_MAX_TOKENS, MAX_TOKENS, PreferencesJob
from core.stages.evals.preferences import evaluate_preferences, size_preferences
from core.stages.evals.speakers import CONTROLS, Cast
from core.stages.pools import POOLS

CHOICE = "choice"


@click.command("preferences")
@cast_options
@judge_option
@click.option(
    "--by",
    type=click.Choice((CHOICE, "text", "json", "logprob")),
    help="choice: the model itself, by letter; else how the judge gives its verdict "
    "[choice without --judge; logprob for a judge on local/, text elsewhere].",
)
@click.option(
    "--condition",
    type=click.Choice(CONDITIONS),
    default="feel",
    show_default=True,
    help="Which of two traits to take: what feels most like you, what you would like, or any.",
)
@click.option(
    "--traits",
    multiple=True,
    help="all 144, auto (about 24 that concern the character), or words [auto on local/, all elsewhere].",
)
@click.option(
    "--trait",
    "targets",
    multiple=True,
    help="A word that you expect to move, said before looking; repeat it.",
)
@click.option(
    "--N",
    "count",
    type=click.IntRange(min=1),
    help="Comparisons a speaker [5000; on local/ 400, 200 by letter].",
)
@click.option(
    "--prompts",
    "prompts_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Prompts from a text or JSONL file, one a line, in place of the general ones.",
)
@click.option("--pool", type=click.Choice(tuple(POOLS)), help="Prompts from a public set.")
@click.option(
    "--max-tokens", type=click.IntRange(min=1), help="Longest answer for a judge [1024; 96 on local/]."
)
@click.option("--compare", metavar="RUN", help="Lay the ranking beside another run's, or a result.json.")
@asking_options
def preferences(**flags: Any) -> None:
    """Which of two traits does it take? Hundreds of small choices, ranked before and after training."""
    job = _job(flags)
    run_kind(
        Kind(
            "preferences",
            "Preferences",
            lambda session: evaluate_preferences(job, session),
            lambda session: size_preferences(job, session),
        ),
        flags,
    )


def _job(flags: dict[str, Any]) -> PreferencesJob:
    _check(flags)
    cast = _cast(flags)
    return PreferencesJob(
        cast,
        _sampling(flags, cast),
        model_of(flags["judge"], flags) if flags["judge"] else None,
        None if flags["by"] == CHOICE else flags["by"],
        flags["condition"],
        flags["traits"],
        flags["targets"],
        flags["count"],
        flags["prompts_file"],
        flags["pool"],
        flags["compare"],
    )


def _check(flags: dict[str, Any]) -> None:
    """All that does not go together, at once."""
    by, judge = flags["by"], flags["judge"]
    problems = [
        problem
        for wrong, problem in (
            (by == CHOICE and judge, "--by choice asks the model itself: leave --judge out"),
            (by not in (None, CHOICE) and not judge, f"--by {by} needs a judge: --judge MODEL"),
            (flags["prompts_file"] and flags["pool"], "give --prompts or --pool, not both"),
        )
        if wrong
    ]
    if problems:
        raise click.UsageError("; ".join(problems) + ".")


def _cast(flags: dict[str, Any]) -> Cast:
    """Base and tuned; other controls only where they are named, since each costs as much again."""
    named = (BASE, *flags["controls"])
    return replace(cast_of(flags), controls=tuple(label for label in CONTROLS if label in named))


def _sampling(flags: dict[str, Any], cast: Cast) -> Sampling:
    local = cast.model.provider == "local"
    return Sampling(
        temperature=flags["temperature"],
        top_p=flags["top_p"],
        max_tokens=flags["max_tokens"] or (LOCAL_MAX_TOKENS if local else MAX_TOKENS),
        repetition_penalty=1.1 if cast.model.provider in ("local", "vllm") else None,
        seed=flags["seed"],
    )


COMMAND = preferences
