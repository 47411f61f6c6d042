"""`character export pairs`: what people accepted, for a trainer or a spreadsheet, counted first."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any, cast, get_args

import click

from core.cli.options import data_option, json_option, run_option
from core.cli.output import Result, finish, say
from core.cli.pairs import model_label
from core.exports import Destination, entry_for_llamafactory, groups_of, preview, told_counts
from core.settings import load_settings
from core.stages.dpo_data import PairJob
from core.stages.pair_export import Exported, ExportJob, export_pairs, planned_name
from core.stages.prepare import Scope


@click.group("export")
def export() -> None:
    """Write what people accepted as a file for somewhere else."""


@export.command("pairs")
@click.argument("name")
@click.option(
    "--to",
    "destination",
    type=click.Choice(get_args(Destination)),
    default="jsonl",
    show_default=True,
    help="Whose form the file has.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The file [DATA_PATH/exports/, named by character, count and date].",
)
@click.option("--undecided", is_flag=True, help="Also pairs that nobody decided about and the checks pass.")
@click.option("--dropped", is_flag=True, help="Also dropped pairs; CSV and JSONL say why.")
@click.option("--overwrite", is_flag=True, help="Replace --output when it is there.")
@click.option("--dry-run", is_flag=True, help="Show how many and the first three; write nothing.")
@click.option("--teacher", help="Whose answers are chosen [those used last].")
@click.option("--student", help="Whose answers are rejected [those used last].")
@run_option
@data_option
@json_option
def export_pairs_verb(
    name: str, run_id: str | None, data: Path | None, as_json: bool, **flags: Any
) -> None:
    """The pairs that people kept, swapped or edited, as a file for a trainer or a spreadsheet."""
    # The index brings numpy, which no other verb should wait for.
    from core.stages.reviewing import ReviewSource, open_review

    settings = load_settings(data=data)
    models = PairJob(teacher=model_label(flags["teacher"]), student=model_label(flags["student"]))
    review = open_review(Scope(name, run_id), models, settings)
    source, run = ReviewSource(review), review.run
    groups = groups_of(undecided=flags["undecided"], dropped=flags["dropped"])
    job = ExportJob(name, flags["destination"], groups, flags["output"], flags["overwrite"])
    counts = dict(source.counts())
    say(told_counts(counts, groups))
    if flags["dry_run"]:
        for row in preview(source, groups):
            say(json.dumps({key: row[key] for key in ("prompt", "chosen", "rejected")}, ensure_ascii=True))
        told = {"counts": counts, "file": planned_name(job, source, date.today())}
        finish(Result("export pairs", run=run.id, planned=sum(counts.values()), more=told), as_json=as_json)
    done = export_pairs(job, source, settings, date.today())
    _say_written(done, job.destination)
    result = Result(
        "export pairs", run=run.id, planned=sum(counts.values()), done=done.rows, files=[str(done.path)]
    )
    result.more = {"counts": counts, "left_out": dict(done.left_out)}
    finish(result, as_json=as_json)


def _say_written(done: Exported, destination: str) -> None:
    if done.told:
        say(done.told)
    say(f"Wrote {done.rows:,} to {done.path}")
    if cast(Destination, destination) == "llamafactory":
        say("Add to LLaMA-Factory's dataset_info.json:\n" + entry_for_llamafactory(done.path.name))


COMMANDS = (export,)
