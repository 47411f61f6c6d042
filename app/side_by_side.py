"""Several answers at once: each is read in a thread, the page draws the pieces in the order they come.

The threads only fill a queue. Whoever draws hears from it at least four times a second, word or none, so
that a click or a closed page is noticed while a model thinks; what is then left is cut off at the server.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Generator, Iterator, Mapping
from queue import Empty, Queue
from typing import NamedTuple

from core.errors import CoreError

Make = Callable[[], Iterator[str]]
# How long a page may go without looking whether somebody clicked.
QUIET_S = 0.25


class News(NamedTuple):
    """A piece of one side's answer, why it failed, or neither: then that side is at its end.

    Without a side nothing came for a while.
    """

    side: str
    piece: str = ""
    trouble: str = ""

    @property
    def is_end(self) -> bool:
        """Whether nothing more comes of this side."""
        return bool(self.side) and not self.piece


class Stop:
    """Ends every answer under way, whatever its thread waits for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: list[Iterator[str]] = []
        self.is_set = False

    def add(self, pieces: Iterator[str]) -> None:
        """One more answer to end; at once where all is over already."""
        with self._lock:
            self._open.append(pieces)
            if self.is_set:
                hang_up(pieces)

    def set(self) -> None:
        """End them all."""
        with self._lock:
            self.is_set = True
            for pieces in self._open:
                hang_up(pieces)


def hang_up(pieces: Iterator[str]) -> None:
    """Cut an answer off from another thread, where it can be."""
    cut = getattr(pieces, "hang_up", None)
    if cut is not None:
        cut()


def at_once(makers: Mapping[str, Make]) -> Generator[News]:
    """The pieces of every side as they come, until all have ended; closing it stops all of them."""
    news: Queue[News] = Queue()
    stop = Stop()
    for side, make in makers.items():
        threading.Thread(target=_read, args=(side, make, news, stop), daemon=True).start()
    left = len(makers)
    try:
        while left:
            try:
                came = news.get(timeout=QUIET_S)
            except Empty:
                came = News("")
            left -= came.is_end
            yield came
    finally:
        stop.set()


def _read(side: str, make: Make, news: Queue[News], stop: Stop) -> None:
    trouble = ""
    try:
        if stop.is_set:
            return
        pieces = make()
        stop.add(pieces)
        close = getattr(pieces, "close", None)
        with contextlib.closing(pieces) if close else contextlib.nullcontext():  # type: ignore[type-var]
            for piece in pieces:
                if stop.is_set:
                    return
                if piece:
                    news.put(News(side, piece))
    except CoreError as error:
        trouble = str(error)
    except Exception as error:  # a thread that dies in silence would keep the page waiting
        trouble = f"The answer broke off ({type(error).__name__}); ask again."
    finally:
        news.put(News(side, trouble=trouble))
