"""`character pairs-index`: make the list of pairs that the Pairs page and `character review` read."""

from __future__ import annotations

import time
from pathlib import Path

import click

from core.cli.options import data_option, json_option, run_option
from core.cli.output import Result, finish, say
from core.cli.pairs import model_label
from core.errors import RunError
from core.jobs.progress import ProgressReporter
from core.settings import load_settings
from core.stages.dpo_data import PairJob, sources_of
from core.stages.pair_indexing import index_of
from core.stages.prepare import Scope, existing_run, load_character
from core.store.pair_index import PairIndex, State

# Short slices with a gap between them, so that a page that wants to take in a decision gets its turn.
SLICE_S = 0.15
GAP_S = 0.015


@click.command("pairs-index")
@click.option("--constitution", "name", required=True, help="The character's name.")
@click.option("--teacher", help="Whose answers are chosen [those used last].")
@click.option("--student", help="Whose answers are rejected [those used last].")
@run_option
@data_option
@json_option
def pairs_index(
    name: str,
    teacher: str | None,
    student: str | None,
    run_id: str | None,
    data: Path | None,
    as_json: bool,
) -> None:
    """Make ready the list of a character's pairs; it is made by itself, and may be deleted at any time."""
    settings = load_settings(data=data)
    scope = Scope(name, run_id)
    run = existing_run(scope, load_character(scope, settings), settings)
    if run is None:
        raise RunError(
            f"{name} has no answers yet; make them: character teacher --constitution {name} "
            "--model local/smollm2-135m"
        )
    job = PairJob(teacher=model_label(teacher), student=model_label(student))
    index = index_of(run, sources_of(run, job), job, settings)
    began = time.monotonic()
    state = make_ready(index)
    seconds = time.monotonic() - began
    if not as_json:
        say(f"{state.ready:,} pairs in the list, {seconds:.0f} s.")
    result = Result("pairs-index", run=run.id, planned=state.planned, done=state.ready, seconds=seconds)
    result.files = [str(index.path)]
    finish(result, as_json=as_json)


def make_ready(index: PairIndex) -> State:
    """Take in everything that is on disk, a slice at a time."""
    progress = ProgressReporter.from_environment()
    while True:
        state = index.refresh(SLICE_S)
        progress.update(stage="list", done=state.ready, planned=state.planned)
        if state.is_done:
            return state
        time.sleep(GAP_S)


COMMANDS = (pairs_index,)
