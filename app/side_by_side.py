"""Two answers at once: each is read in a thread, the page draws the pieces in the order they come."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Generator, Iterator, Mapping
from queue import Queue
from typing import NamedTuple

from core.errors import CoreError

Make = Callable[[], Iterator[str]]


class News(NamedTuple):
    """A piece of one side's answer, why it failed, or neither: then that side is at its end."""

    side: str
    piece: str = ""
    trouble: str = ""

    @property
    def is_end(self) -> bool:
        """Whether nothing more comes of this side."""
        return not self.piece


def at_once(makers: Mapping[str, Make]) -> Generator[News]:
    """The pieces of every side as they come, until all have ended; closing it stops all of them."""
    news: Queue[News] = Queue()
    stop = threading.Event()
    for side, make in makers.items():
        threading.Thread(target=_read, args=(side, make, news, stop), daemon=True).start()
    left = len(makers)
    try:
        while left:
            came = news.get()
            left -= came.is_end
            yield came
    finally:
        stop.set()


def _read(side: str, make: Make, news: Queue[News], stop: threading.Event) -> None:
    trouble = ""
    try:
        pieces = make()
        with contextlib.closing(pieces) if isinstance(pieces, Generator) else contextlib.nullcontext():
            for piece in pieces:
                if stop.is_set():
                    return
                if piece:
                    news.put(News(side, piece))
    except CoreError as error:
        trouble = str(error)
    except Exception as error:  # a thread that dies in silence would keep the page waiting
        trouble = f"The answer broke off ({type(error).__name__}); ask again."
    finally:
        news.put(News(side, trouble=trouble))
