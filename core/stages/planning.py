"""What a teacher or student job asks, in which order, under which keys, and what that takes. No network.

Requests are made as they are drawn, so a plan of any length costs the memory of its prompts only.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Literal

from core.bulk import Request
from core.constitution import Constitution
from core.engines import Engine
from core.names import PROVIDERS, ModelName
from core.pairs import TEMPLATE_VERSION, student_messages, teacher_messages
from core.prices import Price, PriceRange, cost_range
from core.prompts import Prompt
from core.records import Message, RowKeys, Sampling
from core.store.jsonl import Row, compact_key
from core.store.runs import Run

Role = Literal["teacher", "student"]

CHARACTERS_A_TOKEN = 3.6
# Enough finished answers to know how long one usually is.
SAMPLE_OF_ANSWERS = 500


@dataclass(frozen=True, slots=True)
class AnswerJob:
    """Everything that decides what is asked; `samples` is OCT's K.

    `concurrency` is the most requests under way at once, None for the provider's own default; with
    `fixed_concurrency` it is not adapted to what the server takes. With `only_affected`, answers of
    earlier versions are kept where the edit left their trait alone (`core.stages.carrying`).
    """

    role: Role
    model: ModelName
    prompts: tuple[Prompt, ...]
    sampling: Sampling
    samples: int = 1
    assistant_name: str = "Assistant"
    exchanges: bool = True
    thinking: bool = False
    concurrency: int | None = None
    fixed_concurrency: bool = False
    only_affected: bool = False

    @property
    def ceiling(self) -> int:
        """The most requests under way at once."""
        spec = PROVIDERS.get(self.model.provider)
        return self.concurrency or (spec.at_once if spec else 64)


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


def messages_of(job: AnswerJob, constitution: Constitution, prompt: str) -> list[Message]:
    """What is sent for one prompt."""
    if job.role == "student":
        return student_messages(prompt)
    return teacher_messages(
        constitution,
        prompt,
        assistant_name=job.assistant_name,
        exchanges=job.exchanges,
        thinking=job.thinking,
    )


def planned_requests(job: AnswerJob, constitution: Constitution, engine: Engine) -> Iterator[Request[Row]]:
    """Every request of a job in plan order.

    All prompts, then all again for the next sample; but where one request can bring several samples,
    those of a prompt stand together.
    """
    frame = _Frame(job, constitution)
    keys = RowKeys(
        frame.opening,
        frame.closing,
        model=job.model.model,
        identity=engine.identity,
        template_version=TEMPLATE_VERSION,
    )
    samplings = [sampling_of_sample(job.sampling, sample) for sample in range(job.samples)]
    for prompt, sample in _order(job, together=engine.samples_at_once):
        asked = Message("user", prompt.text)
        tag: Row = {
            "key": keys.key(asked, samplings[sample], sample),
            "prompt": prompt.id,
            "trait": prompt.trait,
            "sample": sample,
        }
        yield Request(tag, (*frame.opening, asked, *frame.closing), samplings[sample])


class _Frame:
    """What stands before and after the prompt in every conversation of a job."""

    def __init__(self, job: AnswerJob, constitution: Constitution) -> None:
        mark = Message("user", "\0 the prompt stands here")
        messages = messages_of(job, constitution, mark.content)
        place = messages.index(mark)
        self.opening, self.closing = tuple(messages[:place]), tuple(messages[place + 1 :])


def _order(job: AnswerJob, *, together: bool) -> Iterator[tuple[Prompt, int]]:
    if together:
        yield from ((prompt, sample) for prompt in job.prompts for sample in range(job.samples))
    else:
        yield from ((prompt, sample) for sample in range(job.samples) for prompt in job.prompts)


def sampling_of_sample(sampling: Sampling, sample: int) -> Sampling:
    """The sampling of one of K samples: each gets a seed of its own, or all would be equal."""
    return sampling if sampling.seed is None else replace(sampling, seed=sampling.seed + sample)


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a job would send: open requests, tokens in (about) and out (at most), USD, and about how long.

    `typical_tokens` is the mean length of answers that are there, None where there is none. `cost` is
    None where no price is known.
    """

    planned: int
    open: int
    prompt_tokens: int
    completion_tokens: int
    seconds: float
    typical_tokens: float | None
    cost: PriceRange | None


@dataclass(frozen=True, slots=True)
class There:
    """The compact keys of a model's finished answers, and their mean length in tokens (None: no answer)."""

    done: frozenset[bytes]
    typical: float | None


def estimate(
    job: AnswerJob,
    run: Run | None,
    constitution: Constitution,
    engine: Engine,
    price: Price | None,
    there: There | None = None,
) -> Estimate:
    """What the job would still ask; reads files, sends and writes nothing.

    `there` is what `answers_there` said, for who asks about several jobs of one model, as that takes long.
    """
    there = there or answers_there(job.role, job.model, run)
    done, typical = there.done, there.typical
    planned = waiting = characters = 0
    for request in planned_requests(job, constitution, engine):
        planned += 1
        if compact_key(request.tag["key"]) not in done:
            waiting += 1
            characters += sum(len(message.content) for message in request.messages)
    tokens = round(characters / CHARACTERS_A_TOKEN)
    most = job.sampling.max_tokens
    cost = price and cost_range(
        price, calls=waiting, prompt_tokens=tokens, max_tokens=most, typical_tokens=typical
    )
    return Estimate(planned, waiting, tokens, most * waiting, _seconds(job, waiting), typical, cost)


def answers_there(role: Role, model: ModelName, run: Run | None) -> There:
    """What a run has of a model's answers; reads each of them once."""
    done: set[bytes] = set()
    lengths: list[int] = []
    for found in run.answer_sets(role, model.label) if run else ():
        done |= found.done_keys()
        rows = islice(found.iter_rows(), SAMPLE_OF_ANSWERS)
        counts = ((row.get("usage") or {}).get("completion") for row in rows)
        lengths += [count for count in counts if isinstance(count, int)]
    return There(frozenset(done), sum(lengths) / len(lengths) if lengths else None)


def _seconds(job: AnswerJob, count: int) -> float:
    """About how long `count` answers take: 3.5 s each on this computer, else 10 s each, many at once."""
    return 3.5 * count if job.model.provider == "local" else 10.0 * count / job.ceiling
