"""What this tab remembers of sharing: the file that was just sent to the studio."""

from __future__ import annotations

from app.state.memory import recall, remember


def received() -> tuple[str, str] | None:
    """The upload that was kept last: its mark in the browser and where it lies; None before."""
    return recall("share:received")


def set_received(mark: str, path: str) -> None:
    """Remember an upload, so that a redrawn page does not write it again."""
    remember("share:received", (mark, path))
