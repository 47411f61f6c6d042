"""Report: everything that was measured of a character, as one file that anyone can read."""

from __future__ import annotations

from app.report_page import page

page()
