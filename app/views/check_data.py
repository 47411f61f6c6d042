"""Data check: what the pairs teach, before anything is trained."""

from __future__ import annotations

from app.check_page import page

page("data")
