"""Which page is drawn now."""

from __future__ import annotations

from app.state.memory import recall


def page() -> str:
    """The address of the page that is drawn now, without words; "" for Home and before the first."""
    return str(recall("kept-page") or "")
