"""The flags of evaluations that a classifier listens to."""

from __future__ import annotations

from typing import Any

import click

from core.cli.options import stacked
from core.names import ModelName
from core.records import Sampling
from core.stages.evals.classifying import ClassifierChoice
from core.stages.evals.hearing import evaluation_sampling

listening_options = stacked(
    click.option(
        "--N",
        "--limit",
        "prompts",
        type=click.IntRange(min=1),
        help="Only the first N everyday questions [20 on local/, 100 elsewhere].",
    ),
    click.option(
        "--max-tokens", type=click.IntRange(min=1), help="Longest answer [64 on local/, 512 elsewhere]."
    ),
)
classifier_options = stacked(
    click.option(
        "--classifier",
        type=click.Choice(("words", "modernbert")),
        default="words",
        show_default=True,
        help="What tells the character: words and letters, in a second; or ModernBERT (train extra).",
    ),
    click.option(
        "--classifier-model",
        help="ModernBERT's weights: a folder or a Hugging Face id [answerdotai/ModernBERT-base].",
    ),
)


def sampling_for(model: ModelName, flags: dict[str, Any]) -> Sampling:
    """How the flags want answers drawn."""
    return evaluation_sampling(
        model,
        temperature=flags["temperature"],
        top_p=flags["top_p"],
        seed=flags["seed"],
        max_tokens=flags["max_tokens"],
    )


def classifier_choice(flags: dict[str, Any]) -> ClassifierChoice:
    """Which classifier the flags want."""
    return ClassifierChoice(flags["classifier"], flags["classifier_model"])
