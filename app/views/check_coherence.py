"""Coherence: whether the answers are still good ones."""

from __future__ import annotations

from app.check_page import page

page("coherence")
