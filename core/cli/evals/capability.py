"""`character eval capability`: our small set, or full benchmarks with lm-eval in its own environment."""

from __future__ import annotations

import shlex
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
    stacked,
)
from core.cli.output import say, whisper
from core.evaluation.benchmarks import Benchmark
from core.jobs import ProgressReporter
from core.stages.evals.benchmark_subjects import BenchmarkJob
from core.stages.evals.benchmarks import commands, evaluate_benchmarks
from core.stages.evals.capability import CapabilityJob, evaluate_capability, size_capability
from core.stages.evals.session import Session, Side

TASKS = "gsm8k,ifeval"
full_options = stacked(
    click.option(
        "--full",
        type=click.Choice(("lm-eval",)),
        help="Full benchmarks in place of our questions; first: character setup lm-eval.",
    ),
    click.option("--tasks", help=f"With --full: lm-eval's tasks, with commas between them [{TASKS}]."),
    click.option(
        "--api",
        type=click.Choice(("chat", "completions", "hf")),
        help="With --full: an endpoint's chat or its completions, or weights that lm-eval loads [chat].",
    ),
    click.option("--fewshot", type=click.IntRange(min=0), help="With --full: worked examples before each."),
    click.option("--tokenizer", help="With --full and --api completions: a Hugging Face id or a folder."),
)
ONLY_FULL = ("tasks", "api", "fewshot", "tokenizer")


@click.command("capability")
@cast_options
@click.option(
    "--limit", type=click.IntRange(min=1), help="Only the first N questions [all 120; all of a task]."
)
@click.option(
    "--by",
    "how",
    type=click.Choice(("letter", "text")),
    help="How answers are read: the likeliest letter, or the text [letter, where all engines tell it].",
)
@click.option("--max-tokens", type=click.IntRange(min=1), help="With text [32 on local/, 256 elsewhere].")
@full_options
@concurrency_options
@run_option
@budget_option
@dry_run_option
@data_option
@json_option
def capability(**flags: Any) -> None:
    """Does it still know what it knew? 120 questions with four options, before and after training."""
    run_kind(_full(flags) if flags["full"] else _small(flags), flags)


def _small(flags: dict[str, Any]) -> Kind:
    given = [f"--{name}" for name in ONLY_FULL if flags[name] is not None]
    if given:
        raise click.UsageError(f"{', '.join(given)}: only with --full lm-eval.")
    job = CapabilityJob(cast_of(flags), flags["limit"], flags["how"], flags["max_tokens"])
    return Kind(
        "capability",
        "Capability",
        lambda session: evaluate_capability(job, session),
        lambda session: size_capability(job, session),
    )


def _full(flags: dict[str, Any]) -> Kind:
    if flags["budget"] is not None:
        raise click.UsageError("--budget: lm-eval asks by itself and keeps no limit; use --limit instead.")
    if flags["how"] or flags["max_tokens"]:
        raise click.UsageError("--by and --max-tokens belong to our own questions, not to --full lm-eval.")
    tasks = tuple(task.strip() for task in (flags["tasks"] or TASKS).split(",") if task.strip())
    benchmark = Benchmark(tasks, flags["limit"], flags["fewshot"])
    job = BenchmarkJob(cast_of(flags), benchmark, flags["api"] or "chat", flags["tokenizer"])
    reporter = ProgressReporter.from_environment()

    def tell(line: str) -> None:
        whisper(line)
        reporter.update(stage="lm-eval", note=line)

    def size(session: Session) -> list[Side]:
        say("lm-eval says neither how many calls it makes nor what they cost; --limit keeps them few.")
        for words in commands(job, session):
            say(shlex.join(words))
        return []

    return Kind("capability", "Benchmarks", lambda session: evaluate_benchmarks(job, session, tell), size)


COMMAND = capability
