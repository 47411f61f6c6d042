"""How a shell shows what a page shows with marks: a difference, a moment. Pure."""

from __future__ import annotations

import time

from core.diff import reading

MARKS = {"same": "{}", "gone": "[-{}-]", "new": "{{+{}+}}"}


def as_difference(before: str, after: str) -> str:
    """Two wordings read as one: "[-You are-] {+I am+} cheerful."."""
    told = [
        MARKS[piece.mark].format(piece.text.strip()) + (" " if piece.text[-1:].isspace() else "")
        for piece in reading(before, after)
    ]
    return "".join(told).strip()


def at_minute(moment: float) -> str:
    """A moment in the reader's own time: "2026-11-26 18:04"."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(moment))
