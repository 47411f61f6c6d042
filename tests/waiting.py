"""Waiting for something to become true, without guessing how long."""

from __future__ import annotations

import time
from collections.abc import Callable


def until(condition: Callable[[], bool], *, limit_s: float = 30.0) -> None:
    """Return as soon as the condition holds; fail after `limit_s`."""
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, f"did not become true within {limit_s} s"
        time.sleep(0.01)
