"""Preferences: what the model would rather be, before and after."""

from __future__ import annotations

from app.check_page import page

page("preferences")
