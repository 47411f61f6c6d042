"""The judged pairs of a character as the verbs about them read them: as they stand this moment."""

from __future__ import annotations

from core.errors import RunError
from core.settings import Settings
from core.stages.dpo_data import PairJob, pair_rows, removed_prompts, sources_of
from core.stages.lengths import token_counter
from core.stages.prepare import Scope, existing_run, load_character
from core.store.jsonl import Row
from core.store.runs import Run


def pairs_of_run(
    name: str, run_id: str | None, settings: Settings, teacher: str | None, student: str | None
) -> tuple[Run, list[Row]]:
    """The run of a character and its pairs, decisions applied; writes nothing. Raises RunError without."""
    scope = Scope(name, run_id)
    run = existing_run(scope, load_character(scope, settings), settings)
    if run is None:
        raise RunError(f"{name} has no pairs yet; make them: character teacher --constitution {name}")
    job = PairJob(teacher=teacher, student=student)
    sources = sources_of(run, job)
    count, _ = token_counter(sources, settings)
    rows = pair_rows(run, sources, job, count, removed_prompts(run, settings))
    if not rows:
        raise RunError(
            f"Run {run.id} has no pairs yet; make them: character dpo-data --constitution {name}"
        )
    return run, rows
