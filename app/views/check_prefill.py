"""Prefill: whether the character comes back, and whether it fades."""

from __future__ import annotations

from app.check_page import page

page("prefill")
