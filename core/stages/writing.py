"""How answers become rows: what stages that ask share. Rows, failures, durability, progress, the tally.

A `Writer` keeps one answer set: it knows what is there, plans the rest, asks for it with `fill`, judges
what comes and appends it the moment it lands. Conversations bring their own way to ask, inside `at_work`.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from core.bulk import Bulk, Request, answer_all
from core.bulk.figures import history_row
from core.engines import Engine
from core.errors import EngineError, RunError
from core.pairs import strip_reasoning
from core.records import Completion
from core.settings import Settings, redact
from core.store.answer_set import AnswerSet
from core.store.jsonl import FSYNC_EVERY_ROWS, FSYNC_EVERY_S, Appender, Row, append_rows, compact_key
from core.store.runs import Run, runs_of

LOOK_EVERY_S = 0.25
HISTORY_EVERY_S = 2.0
NEW_OBJECTS_BEFORE_A_LOOK = 20_000


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
            append_rows(answers.rows_path, _lent(lender, keys))
            lent |= keys
    return lent


def _lent(lender: AnswerSet, keys: set[bytes]) -> Iterator[Row]:
    """The answers with the run that paid for them, so that no cost is counted twice."""
    run = lender.folder.parent.parent.name
    for row in lender.iter_rows():
        if compact_key(row["key"]) in keys:
            own = {name: value for name, value in row.items() if name != "carried"}
            yield {**own, "borrowed": run}


@contextmanager
def _rare_collections() -> Generator[None]:
    """Look for dead cycles less often: hundreds of requests under way are looked through each time.

    With 512 of them that took a tenth of the whole job; there are hardly any cycles to be found.
    """
    before = gc.get_threshold()
    gc.set_threshold(NEW_OBJECTS_BEFORE_A_LOOK, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


class Files(NamedTuple):
    """The two files that are appended to while answers land."""

    rows: Appender
    errors: Appender


class Writer:
    """Appends answers and failures as they land, and counts them."""

    def __init__(
        self,
        stage: str,
        answers: AnswerSet,
        plan: Callable[[], Iterator[Request[Row]]],
        settings: Settings,
        bulk: Bulk,
        on_progress: OnProgress,
        *,
        prefilled: bool = False,
    ) -> None:
        """`plan` gives every request anew at each call; `prefilled` answers begin in a thought."""
        self._stage = stage
        self._answers = answers
        self._plan = plan
        self._settings = settings
        self._secrets = settings.secrets()
        self._bulk = bulk
        self._on_progress = on_progress
        self._prefilled = prefilled
        self._done: set[bytes] = set()
        self._many = asyncio.Event()
        self._all_asked = False
        self._history_at = float("-inf")
        self.tally = Tally()

    # ---- before

    def prepare(self, run: Run) -> None:
        """Find what is there, plan the rest, and borrow what another run of the character has."""
        self.plan()
        lent = borrow(self._answers, run, self._settings, self._missing)
        self._done |= lent
        self.tally.borrowed = len(lent)
        self.tally.done += len(lent)

    def plan(self) -> None:
        """Find what is there and plan the rest."""
        scan = self._answers.reopen()
        self._done, self.tally.damaged = scan.keys, scan.damaged
        self._answers.extend_plan(self._counted(), unique=True)

    def _counted(self) -> Iterator[Row]:
        """The plan's rows on their way to the file, counted."""
        for request in self._plan():
            self.tally.planned += 1
            self.tally.done += compact_key(request.tag["key"]) in self._done
            yield request.tag

    def _missing(self) -> set[bytes]:
        return {compact_key(request.tag["key"]) for request in self.waiting()}

    def waiting(self) -> Iterator[Request[Row]]:
        """Every request without an answer, drawn as it is needed."""
        for request in self._plan():
            if compact_key(request.tag["key"]) not in self._done:
                yield request

    # ---- while it runs

    async def fill(self, engine: Engine) -> None:
        """Ask for every open request."""
        async with self.at_work() as files:

            def on_done(request: Request[Row], result: Completion | EngineError) -> None:
                kept = self.judged(result)
                if isinstance(kept, EngineError):
                    files.errors.append(self.failure(request.tag, kept))
                else:
                    files.rows.append(self._row(request.tag, kept))
                    if files.rows.pending >= FSYNC_EVERY_ROWS:
                        self._many.set()

            await answer_all(engine, self.waiting(), on_done, bulk=self._bulk)

    @asynccontextmanager
    async def at_work(self) -> AsyncGenerator[Files]:
        """The files to append to; meanwhile rows become durable and whoever watches is told."""
        self._look()
        with (
            _rare_collections(),
            Appender(self._answers.rows_path, group=False) as rows,
            Appender(self._answers.errors_path, group=False) as errors,
        ):
            beside = [
                asyncio.create_task(self._keep_durable(rows, errors)),
                asyncio.create_task(self._keep_looking()),
            ]
            try:
                yield Files(rows, errors)
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
                figures, stage=self._stage, done=standing.done, failed=standing.failed, why=why
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

    def judged(self, result: Completion | EngineError) -> Completion | EngineError:
        """The completion without its reasoning; an answer that is all reasoning is a failure."""
        if isinstance(result, EngineError):
            return result
        text, reasoning = strip_reasoning(result.text, prefilled=self._prefilled)
        if not text and result.first_logprobs is None:
            return EngineError(
                "the answer is all reasoning and no text; raise --max-tokens",
                kind="exhausted",
                attempts=result.attempts,
            )
        if text == result.text and reasoning is None:
            return result
        return replace(result, text=text, reasoning=reasoning or result.reasoning)

    def _row(self, tag: Row, completion: Completion) -> Row:
        self.tally.done += 1
        self.count(completion)
        row = {
            **tag,
            # A server may repeat what it was sent: a key must not reach a file that way either.
            "text": redact(completion.text, self._secrets),
            "reasoning": completion.reasoning and redact(completion.reasoning, self._secrets),
            "finish_reason": completion.finish_reason,
            "usage": completion.usage.as_dict(),
            "cost_usd": completion.cost_usd,
            "attempts": completion.attempts,
            "served_model": completion.served_model,
            "seconds": completion.seconds,
        }
        if completion.first_logprobs is not None:
            row["first_logprobs"] = completion.first_logprobs
        return row if completion.provider is None else {**row, "provider": completion.provider}

    def count(self, completion: Completion) -> None:
        """Add what an answer took to the tally."""
        tally = self.tally
        tally.cost_usd += completion.cost_usd or 0.0
        tally.tokens += completion.usage.completion or 0
        tally.cut += completion.finish_reason == "length"

    def failure(self, tag: Row, error: EngineError) -> Row:
        """The row that says why a request has no answer; counted."""
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
