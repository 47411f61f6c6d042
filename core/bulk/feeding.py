"""The pipeline for requests that come out of earlier answers: conversations whose next turn waits.

An ordinary source is drawn until it ends. A `Feed` may say "nothing now": slots then stay free, and
`changed`, which the pipeline sets, opens them again when something has become ready. So each
conversation goes on the moment its own last turn is there, and none waits for another.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Generic, TypeVar

from core.bulk.pipeline import (
    Bulk,
    OnDone,
    Request,
    _Pipeline,  # pyright: ignore[reportPrivateUsage]
    _Row,  # pyright: ignore[reportPrivateUsage]
)
from core.engines import Engine

Tag = TypeVar("Tag")


class Feed(ABC, Generic[Tag]):
    """What to ask, as it becomes known. Call `changed` when something got ready or the end came."""

    def __init__(self) -> None:
        self.changed: Callable[[], None] = lambda: None

    @property
    @abstractmethod
    def is_over(self) -> bool:
        """Whether nothing will ever be ready again."""

    @abstractmethod
    def take(self) -> Request[Tag] | None:
        """The next request, None while there is none."""


async def answer_fed(engine: Engine, feed: Feed[Tag], on_done: OnDone[Tag], *, bulk: Bulk) -> Bulk:
    """Answer what the feed gives until it is over; limits, retries and money are as in `answer_all`.

    Raises the EngineError that stops the job. When the budget is spent it returns early, and
    `figures.left_out` says so.
    """
    await _FedPipeline(engine, feed, on_done, bulk).run()
    return bulk


class _FedPipeline(_Pipeline[Tag]):
    def __init__(self, engine: Engine, feed: Feed[Tag], on_done: OnDone[Tag], bulk: Bulk) -> None:
        super().__init__(engine, (), on_done, bulk)
        self._feed = feed
        feed.changed = self._look_again

    def _look_again(self) -> None:
        if not self._over.done():
            self._wake()

    def _a_fresh_row(self) -> _Row[Tag] | None:
        if not self._fresh_left or self._open >= 4 * self._pace.limit + 16:
            return None
        request = self._feed.take()
        if request is None:
            # Asked only now: what is left may turn out to be nothing when it is drawn.
            self._fresh_left = not self._feed.is_over
            return None
        self._open += 1
        return _Row([request])
