"""`character trial NAME`: the whole path in minutes, on the embedded model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from core.cli.options import data_option, dry_run_option, json_option
from core.cli.output import Bar, Result, finish, say, whisper
from core.constitution import Constitution
from core.jobs import ProgressReporter
from core.settings import Settings, load_settings
from core.stages.prepare import Scope, choose_prompts, load_character
from core.stages.trial import (
    MODEL,
    STAGES,
    LocalTools,
    TrialJob,
    read_trial,
    trial_folder,
    try_out,
)
from core.stages.writing import Standing
from core.tuning.local import require_trainer

LABELS = {
    "teacher": "The teacher plays the character",
    "student": "The student answers as it always does",
    "train": "Training on this computer",
    "proof": "Proof that the adapter works",
    "before": "Unseen prompts, before",
    "after": "Unseen prompts, after",
    "report": "Measuring",
}


@click.command("trial")
@click.argument("name")
@click.option(
    "--pairs", type=click.IntRange(min=4), default=48, show_default=True, help="Pairs to train on."
)
@click.option("--seed", type=int, default=0, show_default=True)
@dry_run_option
@data_option
@json_option
def trial(name: str, dry_run: bool, data: Path | None, as_json: bool, **flags: Any) -> None:
    """Pairs, training, proof, before and after: a character in a few minutes, on this computer."""
    settings = load_settings(data=data)
    constitution = load_character(Scope(name), settings)
    job = TrialJob(pairs=flags["pairs"], seed=flags["seed"])
    if dry_run:
        finish(_planned(constitution, job, settings), as_json=as_json)
    require_trainer()
    told = _Telling()
    made = try_out(constitution, settings, job, LocalTools(settings, whisper), told)
    told.done()
    _show(made)
    finish(_result(made, constitution, settings), as_json=as_json)


class _Telling:
    """Progress for the terminal and, inside a job, for its page: the stage, and which of how many it is."""

    def __init__(self) -> None:
        self._progress = ProgressReporter.from_environment()
        self._stage = ""
        self._bar = Bar("")

    def __call__(self, stage: str, now: Standing | None = None) -> None:
        """Say where the trial is."""
        figures = {"step": STAGES.index(stage) + 1, "steps": len(STAGES), **(now.figures if now else {})}
        if now is None:
            whisper(f"{LABELS[stage]} …")
            self._bar = Bar(stage)
            self._progress.update(stage=stage, done=0, planned=0, failed=0, figures=figures)
            # The trainer writes the same file from a process of its own.
            self._progress.flush()
            return
        self._bar(now.done, now.planned, now.failed)
        self._progress.update(
            stage=stage, done=now.done, planned=now.planned, failed=now.failed, figures=figures
        )

    def done(self) -> None:
        """Say that nothing is left."""
        count = len(STAGES)
        self._progress.update(
            stage="done", done=count, planned=count, figures={"step": count, "steps": count}
        )
        self._progress.flush()


def _planned(constitution: Constitution, job: TrialJob, settings: Settings) -> Result:
    there = read_trial(settings, constitution)
    prompts = len(choose_prompts(Scope(constitution.name), constitution, settings))
    calls = 2 * min(prompts, job.pairs + max(4, job.pairs // 12)) + 2 * job.unseen * job.seeds
    say(
        f"trial {constitution.name}: about {calls} answers of {MODEL.full}, training on {job.pairs} pairs, "
        f"about 5 minutes on two cores, nothing is billed"
        + ("; there is a result already, and what is finished is not done again." if there else ".")
    )
    more = {"dry_run": True, "calls": calls, "pairs": job.pairs, "there": there is not None}
    return Result("trial", run=constitution.run_id, planned=job.pairs, more=more)


def _show(made: Mapping[str, Any]) -> None:
    for one in made["answers"]:
        say(f"\n{one['prompt']}  (seed {one['seed']})\n  before: {one['base']}\n  after:  {one['tuned']}")
    say(f"\n{made['verdict']}")
    for name, measure in made["measures"].items():
        base, tuned = measure["base"], measure["tuned"]
        say(
            f"{name}: before {base['share']:.0%} ({base['count']} of {base['of']}), after "
            f"{tuned['share']:.0%} ({tuned['low']:.0%} to {tuned['high']:.0%})"
        )
    say(made["proof"]["sentence"])
    laps = ", ".join(f"{stage} {value:.0f} s" for stage, value in made["seconds"].items())
    say(f"{laps}. Talk with it: character chat --adapter trial/{made['constitution']}")


def _result(made: Mapping[str, Any], constitution: Constitution, settings: Settings) -> Result:
    folder = trial_folder(settings, constitution)
    return Result(
        "trial",
        run=constitution.run_id,
        planned=made["pairs"],
        done=made["pairs"],
        dropped=dict(made["dropped"]),
        requests=made["requests"],
        files=[str(folder / "trial.md"), str(folder / "result.json")],
        seconds=made["seconds"]["total"],
        more={name: made[name] for name in KEPT} | {"laps": made["seconds"]},
    )


KEPT = ("passed", "verdict", "measures", "proof", "gate", "adapter", "adapter_sha256", "answers")
COMMANDS = (trial,)
