"""Robustness: whether the character holds when it is told to stop."""

from __future__ import annotations

from app.check_page import page

page("robustness")
