"""Traits: how strong each one is, before and after."""

from __future__ import annotations

from app.check_page import page

page("traits")
