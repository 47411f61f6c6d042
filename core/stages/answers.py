"""`character teacher` and `character student`: one model's answers to a run's prompts.

A row: {"key": "…", "prompt": "5f0c…", "trait": "wonder", "sample": 0, "text": "Arr! …", "reasoning": null,
        "finish_reason": "stop", "usage": {…}, "cost_usd": null, "attempts": 1, "served_model": "…"}

The life of one: planned (on disk before anything is sent), asked by `core.bulk`, judged here, appended
the moment it lands, made durable within a second, and put in the plan's order when the job ends. A
second run of the same command asks only for what is missing, and nothing when nothing is.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from core.bulk import Bulk, Request, answer_all
from core.bulk.figures import history_row
from core.constitution import Constitution
from core.engines import Engine
from core.errors import EngineError, RunError, SettingsError
from core.pairs import strip_reasoning
from core.records import Completion
from core.settings import Settings, redact
from core.stages.asking import bulk_of
from core.stages.planning import AnswerJob, Estimate, Role, estimate, planned_requests, settings_of
from core.store.answer_set import AnswerSet
from core.store.jsonl import FSYNC_EVERY_ROWS, FSYNC_EVERY_S, Appender, Row, append_rows, compact_key
from core.store.runs import Run, runs_of

__all__ = ["AnswerJob", "Estimate", "Role", "Standing", "Tally", "answer", "estimate", "settings_of"]

LOOK_EVERY_S = 0.25
HISTORY_EVERY_S = 2.0


@dataclass(slots=True)
class Tally:
    """How a stage went. `requests` counts calls sent, retries included; `cut` answers reached the limit.

    `left_out` says why rows were not asked at all ("budget"), "" when all were. `served` counts answers
    by the model that the endpoint says gave them.
    """

    planned: int = 0
    done: int = 0
    failed: int = 0
    requests: int = 0
    retries: int = 0
    rate_limited: int = 0
    borrowed: int = 0
    damaged: int = 0
    cut: int = 0
    cost_usd: float = 0.0
    maybe_double_billed: int = 0
    maybe_usd: float = 0.0
    tokens: int = 0
    seconds: float = 0.0
    left_out: str = ""
    reasons: dict[str, int] = field(default_factory=dict[str, int])
    served: dict[str, int] = field(default_factory=dict[str, int])


@dataclass(frozen=True, slots=True)
class Standing:
    """How a stage stands while it runs. `figures` is what progress.json carries; `history` is news only."""

    done: int
    planned: int
    failed: int
    figures: dict[str, Any]
    history: tuple[dict[str, Any], ...] = ()


OnProgress = Callable[[Standing], None]


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
        writer = _Writer(answers, job, constitution, settings, bulk or bulk_of(job, engine), on_progress)
        writer.prepare(run, engine)
        await writer.fill(engine)
        answers.finalise()
    return writer.tally


def borrow(
    answers: AnswerSet, run: Run, settings: Settings, wanted: Callable[[], set[bytes]]
) -> set[bytes]:
    """Copy answers that other runs of this character hold to the very same requests; returns their keys.

    An edited character is a new run, but its student was asked the same, and so was its teacher when
    only the summary changed: equal keys are not asked, or paid for, twice. `wanted` is only worked out
    where there is somebody to borrow from.
    """
    lenders = [
        lender
        for other in runs_of(settings, run.constitution().name)
        if other.folder != run.folder
        for lender in other.answer_sets(answers.folder.parent.name)
    ]
    lent: set[bytes] = set()
    missing = wanted() if lenders else lent
    for lender in lenders if missing else ():
        keys = (lender.done_keys() & missing) - lent
        if keys:
            append_rows(answers.rows_path, _only(lender.iter_rows(), keys))
            lent |= keys
    return lent


def _only(rows: Iterable[Row], keys: set[bytes]) -> Iterator[Row]:
    return (row for row in rows if compact_key(row["key"]) in keys)


def without_repeats(job: AnswerJob) -> AnswerJob:
    """The job with each prompt once: equal texts are equal requests, asked and paid for once."""
    return replace(
        job, prompts=tuple({prompt.text: prompt for prompt in reversed(job.prompts)}.values())[::-1]
    )


class _Writer:
    """Appends answers and failures as they land, and counts them."""

    def __init__(
        self,
        answers: AnswerSet,
        job: AnswerJob,
        constitution: Constitution,
        settings: Settings,
        bulk: Bulk,
        on_progress: OnProgress,
    ) -> None:
        self._answers = answers
        self._job = job
        self._constitution = constitution
        self._settings = settings
        self._secrets = settings.secrets()
        self._bulk = bulk
        self._on_progress = on_progress
        self._done: set[bytes] = set()
        self._many = asyncio.Event()
        self._all_asked = False
        self._history_at = float("-inf")
        self.tally = Tally()

    # ---- before

    def prepare(self, run: Run, engine: Engine) -> None:
        """Find what is there, plan the rest, and borrow what another run of the character has."""
        scan = self._answers.reopen()
        self._done, self.tally.damaged = scan.keys, scan.damaged
        self._answers.extend_plan(self._counted(engine), unique=True)
        lent = borrow(self._answers, run, self._settings, lambda: self._missing(engine))
        self._done |= lent
        self.tally.borrowed = len(lent)
        self.tally.done += len(lent)

    def _counted(self, engine: Engine) -> Iterator[Row]:
        """The plan's rows on their way to the file, counted."""
        for request in planned_requests(self._job, self._constitution, engine):
            self.tally.planned += 1
            self.tally.done += compact_key(request.tag["key"]) in self._done
            yield request.tag

    def _missing(self, engine: Engine) -> set[bytes]:
        return {compact_key(request.tag["key"]) for request in self._waiting(engine)}

    def _waiting(self, engine: Engine) -> Iterator[Request[Row]]:
        """Every request without an answer, drawn as it is needed."""
        for request in planned_requests(self._job, self._constitution, engine):
            if compact_key(request.tag["key"]) not in self._done:
                yield request

    # ---- while it runs

    async def fill(self, engine: Engine) -> None:
        """Ask for every open request."""
        self._look()
        with (
            Appender(self._answers.rows_path, group=False) as rows,
            Appender(self._answers.errors_path, group=False) as errors,
        ):
            beside = [
                asyncio.create_task(self._keep_durable(rows, errors)),
                asyncio.create_task(self._keep_looking()),
            ]

            def on_done(request: Request[Row], result: Completion | EngineError) -> None:
                kept = self._judge(result)
                if isinstance(kept, EngineError):
                    errors.append(self._failure(request.tag, kept))
                else:
                    rows.append(self._row(request.tag, kept))
                    if rows.pending >= FSYNC_EVERY_ROWS:
                        self._many.set()

            try:
                await answer_all(engine, self._waiting(engine), on_done, bulk=self._bulk)
            finally:
                self._all_asked = True
                self._many.set()
                beside[1].cancel()
                await asyncio.gather(*beside, return_exceptions=True)
                self._close_tally()
                self._look(last=True)

    async def _keep_durable(self, *files: Appender) -> None:
        """Flush within a second or 64 rows, in a thread: a slow disk must not keep slots from filling.

        Ended by a word, not by cancelling: `wait_for` may swallow a cancel that meets its event.
        """
        while not self._all_asked:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._many.wait(), FSYNC_EVERY_S)
            self._many.clear()
            for file in files:
                if file.pending:
                    # A failed flush is remembered by the file, whose next row then says why.
                    with suppress(RunError):
                        await asyncio.to_thread(file.fsync_now)

    async def _keep_looking(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            self._look()

    def _look(self, *, last: bool = False) -> None:
        """Tell whoever watches how it stands."""
        now = asyncio.get_running_loop().time()
        figures = self._bulk.figures.as_dict(now)
        standing = Standing(self.tally.done, self.tally.planned, self.tally.failed, figures)
        self._on_progress(replace(standing, history=self._news(standing, now, last)))

    def _news(self, standing: Standing, now: float, last: bool) -> tuple[dict[str, Any], ...]:
        """History rows since the last look: every change of the limit, and one each two seconds."""

        def row(why: str = "", **changed: Any) -> dict[str, Any]:
            figures = standing.figures | changed
            return history_row(
                figures, stage=self._job.role, done=standing.done, failed=standing.failed, why=why
            )

        changes = [
            row(change.why, limit=change.limit, rate_cap=change.rate)
            for change in self._bulk.figures.changes()
        ]
        if last or now - self._history_at >= HISTORY_EVERY_S:
            self._history_at = now
            # The last one keeps the stage's totals, which the next stage's progress replaces.
            changes.append({**row(), "figures": standing.figures} if last else row())
        return tuple(changes)

    def _close_tally(self) -> None:
        figures, ledger, tally = self._bulk.figures, self._bulk.ledger, self.tally
        tally.requests, tally.retries = figures.requests, figures.retries
        tally.rate_limited, tally.left_out = figures.rate_limited, figures.left_out
        tally.maybe_double_billed, tally.maybe_usd = figures.maybe_billed, ledger.maybe_usd
        tally.seconds, tally.served = figures.seconds, dict(figures.served)

    # ---- rows

    def _judge(self, result: Completion | EngineError) -> Completion | EngineError:
        """The completion without its reasoning; an answer that is all reasoning is a failure."""
        if isinstance(result, EngineError):
            return result
        text, reasoning = strip_reasoning(result.text, prefilled=self._job.thinking)
        if not text:
            return EngineError(
                "the answer is all reasoning and no text; raise --max-tokens",
                kind="exhausted",
                attempts=result.attempts,
            )
        if text == result.text and reasoning is None:
            return result
        return replace(result, text=text, reasoning=reasoning or result.reasoning)

    def _row(self, tag: Row, completion: Completion) -> Row:
        tally = self.tally
        tally.done += 1
        tally.cost_usd += completion.cost_usd or 0.0
        tally.tokens += completion.usage.completion or 0
        tally.cut += completion.finish_reason == "length"
        row = {
            **tag,
            "text": completion.text,
            "reasoning": completion.reasoning,
            "finish_reason": completion.finish_reason,
            "usage": completion.usage.as_dict(),
            "cost_usd": completion.cost_usd,
            "attempts": completion.attempts,
            "served_model": completion.served_model,
            "seconds": completion.seconds,
        }
        return row if completion.provider is None else {**row, "provider": completion.provider}

    def _failure(self, tag: Row, error: EngineError) -> Row:
        tally = self.tally
        tally.failed += 1
        tally.reasons[error.kind] = tally.reasons.get(error.kind, 0) + 1
        return {
            **tag,
            "kind": error.kind,
            "status": error.status,
            "message": redact(str(error), self._secrets),
            "attempts": error.attempts,
            "at": time.time(),
        }
