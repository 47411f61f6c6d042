"""Presses that come too soon to be meant: a double click must not act on what has moved into its place."""

from __future__ import annotations

import time

from app.state.memory import recall, remember

TOO_SOON_S = 0.5


def is_meant(place: str) -> bool:
    """Whether a press at a place of the page is meant; one right after another there is not."""
    now, before = time.monotonic(), recall(f"pressed:{place}")
    remember(f"pressed:{place}", now)
    return before is None or now - before >= TOO_SOON_S
