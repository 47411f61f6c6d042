"""The report: what it will hold, what is missing, the button that makes it, and the file itself."""

from __future__ import annotations

from app import state
from app.sidebar import title_of
from app.widgets import page_head, plain

PAGE = "report"


def page() -> None:
    """The whole page for the chosen character."""
    name = state.character()
    page_head(plain(title_of(name)) if name else "Report", "Report: everything measured, in one file.")
