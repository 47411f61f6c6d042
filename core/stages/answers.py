"""`character teacher` and `character student`: one model's answers to a run's prompts.

A row: {"key": "…", "prompt": "5f0c…", "trait": "wonder", "sample": 0, "text": "Arr! …", "reasoning": null,
        "finish_reason": "stop", "usage": {…}, "cost_usd": null, "attempts": 1, "served_model": "…"}

The life of one: planned (on disk before anything is sent), asked by `core.bulk`, judged here, appended
the moment it lands, made durable within a second, and put in the plan's order when the job ends. A
second run of the same command asks only for what is missing, and nothing when nothing is.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from core.bulk import Bulk
from core.engines import Engine
from core.errors import SettingsError
from core.settings import Settings
from core.stages.asking import bulk_of
from core.stages.carrying import carry_over, give_way
from core.stages.planning import AnswerJob, Estimate, Role, estimate, planned_requests, settings_of
from core.stages.writing import OnProgress, Standing, Tally, Writer, borrow
from core.store.runs import Run

__all__ = [
    "AnswerJob",
    "Estimate",
    "OnProgress",
    "Role",
    "Standing",
    "Tally",
    "answer",
    "borrow",
    "estimate",
    "settings_of",
]


async def answer(
    job: AnswerJob,
    run: Run,
    engine: Engine,
    settings: Settings,
    *,
    bulk: Bulk | None = None,
    on_progress: OnProgress = lambda standing: None,
) -> Tally:
    """Answer what is missing and return the tally. Raises EngineError when the job must stop.

    `bulk` carries limits and money (`core.stages.asking.bulk_of`). `on_progress` is called a few times
    a second.
    """
    if job.thinking and not engine.can_prefill:
        raise SettingsError(f"{engine.name} cannot continue a reply that we begin; leave out --thinking.")
    job = without_repeats(job)
    constitution = run.constitution()
    answers = run.answer_set(job.role, job.model.slug, settings_of(job, constitution, engine))
    with run.locked(f"{job.role}-{answers.folder.name}"):
        with run.locked():
            run.remember(job.prompts)
        if job.only_affected:
            job = carry_over(job, run, answers, constitution, engine, settings)
        else:
            give_way(answers, job)
        plan = partial(planned_requests, job, constitution, engine)
        how = bulk or bulk_of(job, engine)
        writer = _Writer(job.role, answers, plan, settings, how, on_progress, prefilled=job.thinking)
        writer.prepare(run)
        await writer.fill(engine)
        answers.finalise()
    return writer.tally


def without_repeats(job: AnswerJob) -> AnswerJob:
    """The job with each prompt once: equal texts are equal requests, asked and paid for once."""
    return replace(
        job, prompts=tuple({prompt.text: prompt for prompt in reversed(job.prompts)}.values())[::-1]
    )


class _Writer(Writer):
    """The writer of this stage; a row is an answer to a prompt."""
