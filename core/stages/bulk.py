"""Ask many things at once and keep each answer the moment it lands.

The first request goes alone: it finds a wrong key or a missing server before anything else is sent,
and it warms the prompt cache for the rest. Then `concurrency` workers share one iterator, so that
memory does not grow with the number of rows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from core.engines import Engine
from core.errors import EngineError
from core.records import Completion, Message, Sampling

Tag = TypeVar("Tag")


@dataclass(frozen=True, slots=True)
class Request(Generic[Tag]):
    """One thing to ask; `tag` comes back with the answer."""

    tag: Tag
    messages: tuple[Message, ...]
    sampling: Sampling


OnDone = Callable[[Request[Tag], Completion | EngineError], None]


async def answer_all(
    engine: Engine, requests: Iterable[Request[Tag]], on_done: OnDone[Tag], *, concurrency: int
) -> None:
    """Answer every request, handing each result to `on_done` as it lands.

    Raises the EngineError that stops the job, after the requests under way were cancelled; results
    handed over before stay.
    """
    waiting = iter(requests)
    first = next(waiting, None)
    if first is None:
        return
    await _answer(engine, first, on_done)
    workers = [asyncio.create_task(_work(engine, waiting, on_done)) for _ in range(max(1, concurrency))]
    try:
        await asyncio.gather(*workers)
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)


async def _work(engine: Engine, waiting: Iterator[Request[Tag]], on_done: OnDone[Tag]) -> None:
    for request in waiting:
        await _answer(engine, request, on_done)


async def _answer(engine: Engine, request: Request[Tag], on_done: OnDone[Tag]) -> None:
    try:
        result: Completion | EngineError = await engine.complete(request.messages, request.sampling)
    except EngineError as error:
        if error.stops_job:
            raise
        result = error
    on_done(request, result)
