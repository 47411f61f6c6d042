"""`character teacher` and `character student`: one model's answers to a run's prompts.

A row: {"key": "…", "prompt": "5f0c…", "trait": "wonder", "sample": 0, "text": "Arr! …", "reasoning": null,
        "finish_reason": "stop", "usage": {…}, "cost_usd": null, "attempts": 1, "served_model": "…"}

A second run of the same command asks only for what is missing, and nothing when nothing is.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from core.constitution import Constitution
from core.engines import Engine
from core.errors import EngineError, SettingsError
from core.names import ModelName
from core.pairs import TEMPLATE_VERSION, strip_reasoning, student_messages, teacher_messages
from core.prompts import Prompt
from core.records import Completion, Message, Sampling, row_key
from core.settings import Settings, redact
from core.stages.bulk import Request, answer_all
from core.store.jsonl import FSYNC_EVERY_S, Appender, Row, append_rows
from core.store.runs import AnswerSet, Run, runs_of

Role = Literal["teacher", "student"]
OnProgress = Callable[[int, int, int], None]


@dataclass(frozen=True, slots=True)
class AnswerJob:
    """Everything that decides what is asked; `samples` is OCT's K."""

    role: Role
    model: ModelName
    prompts: tuple[Prompt, ...]
    sampling: Sampling
    samples: int = 1
    assistant_name: str = "Assistant"
    exchanges: bool = True
    thinking: bool = False
    concurrency: int = 10


@dataclass(slots=True)
class Tally:
    """How a stage went. `requests` counts calls sent, retries included."""

    planned: int = 0
    done: int = 0
    failed: int = 0
    asked: int = 0
    requests: int = 0
    damaged: int = 0
    cost_usd: float = 0.0
    tokens: int = 0
    seconds: float = 0.0
    reasons: dict[str, int] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """The figures that `--json` prints."""
        return {
            "planned": self.planned,
            "done": self.done,
            "failed": self.failed,
            "requests": self.requests,
            "damaged": self.damaged,
            "cost_usd": round(self.cost_usd, 6),
            "tokens": self.tokens,
            "seconds": round(self.seconds, 2),
            "failures": self.reasons,
        }


def settings_of(job: AnswerJob, constitution: Constitution, engine: Engine) -> dict[str, Any]:
    """The settings that a set of answers shares, as kept in its `settings.json`."""
    shared: dict[str, Any] = {
        "role": job.role,
        "model": job.model.label,
        "engine": engine.identity.as_dict(),
        "sampling": job.sampling.as_dict(),
        "template": TEMPLATE_VERSION,
    }
    if job.role == "student":
        return shared
    return shared | {
        "assistant_name": job.assistant_name,
        "exchanges": job.exchanges and bool(constitution.exchanges),
        "thinking": job.thinking,
    }


def messages_of(job: AnswerJob, constitution: Constitution, prompt: Prompt) -> list[Message]:
    """What is sent for one prompt."""
    if job.role == "student":
        return student_messages(prompt.text)
    return teacher_messages(
        constitution,
        prompt.text,
        assistant_name=job.assistant_name,
        exchanges=job.exchanges,
        thinking=job.thinking,
    )


def planned_requests(job: AnswerJob, constitution: Constitution, engine: Engine) -> Iterator[Request[Row]]:
    """Every request of a job in plan order: all prompts, then all prompts again for the next sample."""
    for sample in range(job.samples):
        sampling = sampling_of_sample(job.sampling, sample)
        for prompt in job.prompts:
            messages = messages_of(job, constitution, prompt)
            key = row_key(
                messages,
                model=job.model.model,
                identity=engine.identity,
                sampling=sampling,
                template_version=TEMPLATE_VERSION,
                sample=sample,
            )
            tag: Row = {"key": key, "prompt": prompt.id, "trait": prompt.trait, "sample": sample}
            yield Request(tag, tuple(messages), sampling)


def sampling_of_sample(sampling: Sampling, sample: int) -> Sampling:
    """The sampling of one of K samples: each gets a seed of its own, or all would be equal."""
    return sampling if sampling.seed is None else replace(sampling, seed=sampling.seed + sample)


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a job would send: open requests, tokens in (about) and out (at most), and about how long."""

    planned: int
    open: int
    prompt_tokens: int
    completion_tokens: int
    seconds: float


def estimate(job: AnswerJob, run: Run | None, constitution: Constitution, engine: Engine) -> Estimate:
    """What the job would still ask; reads files, sends and writes nothing."""
    requests = list(planned_requests(job, constitution, engine))
    done: dict[str, Row] = {}
    if run is not None:
        for found in run.answer_sets(job.role, job.model.label):
            done |= found.rows()
    waiting = [request for request in requests if request.tag["key"] not in done]
    characters = sum(len(message.content) for request in waiting for message in request.messages)
    most = job.sampling.max_tokens * len(waiting)
    return Estimate(len(requests), len(waiting), round(characters / 3.6), most, _seconds(job, len(waiting)))


def _seconds(job: AnswerJob, count: int) -> float:
    """About how long `count` answers take: 3.5 s each on this computer, else 10 s each, many at once."""
    return 3.5 * count if job.model.provider == "local" else 10.0 * count / job.concurrency


async def answer(
    job: AnswerJob,
    run: Run,
    engine: Engine,
    settings: Settings,
    *,
    on_progress: OnProgress = lambda done, planned, failed: None,
) -> Tally:
    """Answer what is missing and return the tally. Raises EngineError when the job must stop."""
    if job.thinking and not engine.can_prefill:
        raise SettingsError(f"{engine.name} cannot continue a reply that we begin; leave out --thinking.")
    constitution = run.constitution()
    answers = run.answer_set(job.role, job.model.slug, settings_of(job, constitution, engine))
    with run.locked(f"{job.role}-{answers.folder.name}"):
        with run.locked():
            run.remember(job.prompts)
        damaged = answers.repair()
        requests = list(planned_requests(job, constitution, engine))
        answers.extend_plan(request.tag for request in requests)
        borrow(answers, run, settings, requests)
        writer = _Writer(answers, requests, job, settings.secrets(), on_progress)
        writer.tally.damaged = damaged
        await writer.fill(engine)
        answers.finalise()
    return writer.tally


async def _flush_each_second(*files: Appender) -> None:
    """Make rows durable within a second even when no other row follows them."""
    while True:
        await asyncio.sleep(FSYNC_EVERY_S)
        for file in files:
            file.sync()


def borrow(answers: AnswerSet, run: Run, settings: Settings, requests: Sequence[Request[Row]]) -> int:
    """Copy answers that other runs of this character hold to the very same requests; returns how many.

    An edited character is a new run, but its student was asked the same, and so was its teacher when
    only the summary changed: equal keys are not asked, or paid for, twice.
    """
    found = answers.rows()
    wanted = {request.tag["key"] for request in requests} - found.keys()
    lent: list[Row] = []
    for other in runs_of(settings, run.constitution().name):
        if not wanted or other.folder == run.folder:
            continue
        for lender in other.answer_sets(answers.folder.parent.name):
            rows = [row for key, row in lender.rows().items() if key in wanted]
            wanted -= {row["key"] for row in rows}
            lent += rows
    if lent:
        append_rows(answers.rows_path, lent)
    return len(lent)


class _Writer:
    """Appends answers and failures as they land, and counts them."""

    def __init__(
        self,
        answers: AnswerSet,
        requests: Sequence[Request[Row]],
        job: AnswerJob,
        secrets: list[str],
        on_progress: OnProgress,
    ) -> None:
        finished = answers.rows()
        self._answers = answers
        self._waiting = [request for request in requests if request.tag["key"] not in finished]
        self._job = job
        self._secrets = secrets
        self._on_progress = on_progress
        self.tally = Tally(planned=len(requests), done=len(requests) - len(self._waiting))

    async def fill(self, engine: Engine) -> None:
        """Ask for every open request."""
        started = time.monotonic()
        self._report()
        with Appender(self._answers.rows_path) as rows, Appender(self._answers.errors_path) as errors:

            def on_done(request: Request[Row], result: Completion | EngineError) -> None:
                kept = self._judge(result)
                if isinstance(kept, EngineError):
                    errors.append(self._failure(request.tag, kept))
                else:
                    rows.append(self._row(request.tag, kept))
                self._report()

            flushing = asyncio.create_task(_flush_each_second(rows, errors))
            try:
                await answer_all(engine, self._waiting, on_done, concurrency=self._job.concurrency)
            except EngineError as error:
                self.tally.requests += error.attempts
                raise
            finally:
                flushing.cancel()
                self.tally.seconds = time.monotonic() - started

    def _report(self) -> None:
        self._on_progress(self.tally.done, self.tally.planned, self.tally.failed)

    def _judge(self, result: Completion | EngineError) -> Completion | EngineError:
        """The completion without its reasoning; an answer that is all reasoning is a failure."""
        if isinstance(result, EngineError):
            return result
        text, reasoning = strip_reasoning(result.text, prefilled=self._job.thinking)
        if not text:
            return EngineError(
                "the answer is all reasoning and no text; raise --max-tokens",
                kind="empty",
                attempts=result.attempts,
            )
        return replace(result, text=text, reasoning=reasoning or result.reasoning)

    def _row(self, tag: Row, completion: Completion) -> Row:
        tally = self.tally
        tally.done += 1
        tally.requests += completion.attempts
        tally.cost_usd += completion.cost_usd or 0.0
        tally.tokens += completion.usage.completion or 0
        return {
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

    def _failure(self, tag: Row, error: EngineError) -> Row:
        tally = self.tally
        tally.failed += 1
        tally.requests += error.attempts
        tally.reasons[error.kind] = tally.reasons.get(error.kind, 0) + 1
        return {
            **tag,
            "kind": error.kind,
            "status": error.status,
            "message": redact(str(error), self._secrets),
            "attempts": error.attempts,
            "at": time.time(),
        }
