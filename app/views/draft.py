"""New character: from a free description, over a few questions, to traits that are kept one by one."""

from __future__ import annotations

from app.draft_page import page

page()
