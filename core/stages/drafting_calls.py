"""Few calls, each kept the moment it lands: what drafting, suggestions and reactions share.

A call is known by its whole request, so a killed job asks only for what is missing, and a second run
of the same command asks for nothing. A failed call is kept as a failure and asked again next time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from core.bulk import Bulk, Request, answer_all
from core.drafting.briefs import VERSION
from core.engines import Engine
from core.errors import EngineError
from core.names import ModelName
from core.prices import Price, PriceRange, cost_range
from core.records import Completion, Message, Sampling, row_key
from core.stages.planning import CHARACTERS_A_TOKEN
from core.store.jsonl import Row
from core.store.replies import Replies

OnProgress = Callable[[int, int, int, str], None]
TYPICAL_TOKENS = 900
PREFILL = "1. I"


class Call(NamedTuple):
    """One thing to ask. `about` goes into its row ({"for": "draft", …}), `label` onto the screen."""

    messages: tuple[Message, ...]
    sampling: Sampling
    about: Mapping[str, Any]
    label: str
    sample: int = 0


class Size(NamedTuple):
    """What would still be sent: calls there are and missing, tokens in (about) and out (at most), USD."""

    planned: int
    missing: int
    prompt_tokens: int
    completion_tokens: int
    cost: PriceRange | None


@dataclass(slots=True)
class Outcome:
    """How it went: `answers` holds the row of each call that has one, `failures` why others have none."""

    planned: int = 0
    there: int = 0
    requests: int = 0
    cost_usd: float = 0.0
    answers: list[Row] = field(default_factory=list[Row])
    failures: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    left_out: str | None = None

    @property
    def status(self) -> str:
        """ "done" when every call has its answer, "incomplete" otherwise."""
        return "done" if len(self.answers) >= self.planned else "incomplete"


def sampling_for(model: ModelName, *, seed: int, small: bool, longest: int) -> Sampling:
    """How drafts are drawn: lively, and with room; small models of this computer are kept short."""
    here = model.provider in ("local", "vllm")
    return Sampling(
        temperature=0.7 if small else 0.9,
        max_tokens=min(longest, 320) if small else longest,
        repetition_penalty=1.1 if here else None,
        seed=seed,
    )


def key_of(call: Call, model: ModelName, engine: Engine) -> str:
    """The key under which a call's answer is kept."""
    return row_key(
        call.messages,
        model=model.model,
        identity=engine.identity,
        sampling=call.sampling,
        template_version=VERSION,
        sample=call.sample,
    )


def size_of(
    calls: Sequence[Call], replies: Replies, model: ModelName, engine: Engine, price: Price | None
) -> Size:
    """What these calls would still send; reads one file and sends nothing."""
    there = replies.answered()
    missing = [call for call in calls if key_of(call, model, engine) not in there]
    letters = sum(len(message.content) for call in missing for message in call.messages)
    tokens = round(letters / CHARACTERS_A_TOKEN)
    most = sum(call.sampling.max_tokens for call in missing)
    cost = price and cost_range(
        price,
        calls=len(missing),
        prompt_tokens=tokens,
        max_tokens=round(most / max(1, len(missing))),
        typical_tokens=TYPICAL_TOKENS,
    )
    return Size(len(calls), len(missing), tokens, most, cost)


async def ask_missing(
    calls: Sequence[Call],
    replies: Replies,
    model: ModelName,
    engine: Engine,
    bulk: Bulk,
    on_progress: OnProgress = lambda done, planned, failed, note: None,
) -> Outcome:
    """Ask what has no answer yet and return how it went, in the order of the calls.

    Raises EngineError when the job must stop; RunError when another job asks or the disk is full. What
    landed before stays.
    """
    keys = [key_of(call, model, engine) for call in calls]
    with replies.writing() as rows:
        there = replies.answered()
        outcome = Outcome(len(calls), sum(key in there for key in keys))
        requests = [
            Request((key, call), call.messages, call.sampling)
            for key, call in zip(keys, calls, strict=True)
            if key not in there
        ]
        done, failed = outcome.there, 0
        on_progress(done, len(calls), failed, "")

        def landed(request: Request[tuple[str, Call]], result: Completion | EngineError) -> None:
            nonlocal done, failed
            key, call = request.tag
            rows.append(_row(key, call, model, result))
            rows.sync()
            if isinstance(result, EngineError):
                failed += 1
                outcome.requests += result.attempts
                outcome.failures.append((call.label, str(result)))
            else:
                done += 1
                outcome.requests += result.attempts
                outcome.cost_usd += result.cost_usd or 0.0
            on_progress(done, len(calls), failed, call.label)

        await answer_all(engine, requests, landed, bulk=bulk)
    there = replies.answered()
    outcome.answers = [there[key] for key in keys if key in there]
    outcome.left_out = bulk.figures.left_out or None
    return outcome


def _row(key: str, call: Call, model: ModelName, result: Completion | EngineError) -> Row:
    about = {"key": key, **call.about, "model": model.label, "label": call.label, "at": time.time()}
    if isinstance(result, EngineError):
        return {**about, "failed": str(result), "kind": result.kind}
    return {
        **about,
        "text": _whole(call, result.text),
        "finish_reason": result.finish_reason,
        "usage": result.usage.as_dict(),
        "cost_usd": result.cost_usd,
        "served_model": result.served_model,
    }


def _whole(call: Call, text: str) -> str:
    """The answer with the words that we began it with."""
    last = call.messages[-1]
    if last.role != "assistant" or text.lstrip().startswith(last.content):
        return text
    return last.content + ("" if text[:1] in (" ", "'", "’") else " ") + text
