"""What a tab remembers while somebody reviews pairs: when a pair was shown, what is being edited."""

from __future__ import annotations

import time

from app.state.memory import recall, remember

# Somebody who decides again within this time after a pair has appeared has not read it.
READING_S = 0.3


def shown_now(pair: str) -> None:
    """A pair has just been drawn; drawing the same one again starts nothing anew."""
    if recall("review:pair") != pair:
        remember("review:pair", pair)
        remember("review:since", time.monotonic())


def was_read(pair: str) -> bool:
    """Whether a pair has been on the screen for long enough to be decided.

    A key that is held down or bounces comes again and again: each time the wait begins anew.
    """
    now = time.monotonic()
    early = recall("review:pair") == pair and now - recall("review:since", 0.0) < READING_S
    if early:
        remember("review:since", now)
    return not early


def acts_of(run: str) -> list[str]:
    """The acts of this tab on a run that can be taken back, the latest last."""
    return recall(f"review:acts:{run}", [])


def remember_act(run: str, act: str) -> None:
    """Keep an act for undo."""
    remember(f"review:acts:{run}", [*acts_of(run)[-200:], act])


def pop_act(run: str) -> str | None:
    """Take the latest act of this tab, or None."""
    acts = acts_of(run)
    remember(f"review:acts:{run}", acts[:-1])
    return acts[-1] if acts else None


def list_round() -> int:
    """Which time a list's ticks are drawn; after a bulk act they are drawn anew, all off."""
    return recall("review:round", 0)


def next_list_round() -> None:
    """Take all ticks off; for callbacks."""
    remember("review:round", list_round() + 1)
