"""Capability: whether the model still knows what it knew."""

from __future__ import annotations

from app.check_page import page

page("capability")
