"""What a tab remembers of a question under way: only the tab that asked may send it.

A reload finds the question on disk without its answer, and asks nobody until somebody clicks again.
"""

from __future__ import annotations

import threading

from app.state.memory import recall, remember


def waiting(what: str, name: str) -> str | None:
    """The id of the question that this tab asks now on a page ("switchboard", "break"), or None."""
    return recall(f"waiting:{what}:{name}")


def wait_for(what: str, name: str, id: str | None) -> None:
    """Ask a question in the next run of the script; None stops asking. For callbacks."""
    remember(f"waiting:{what}:{name}", id)


def begin_stream() -> threading.Event:
    """To be set when this tab's answers have ended and what came of them is kept."""
    ended = threading.Event()
    remember("stream", ended)
    return ended


def settle(patience_s: float = 2.0) -> None:
    """Wait until answers that a click has just interrupted are kept.

    Streamlit begins the next run while the last one is still ending: it would read too early.
    """
    ended: threading.Event | None = recall("stream")
    if ended is not None:
        ended.wait(patience_s)
