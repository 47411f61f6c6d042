"""Other people's text in a report: shown as it is, never as part of the page. Pure."""

from __future__ import annotations

import html
import re

from core.charts.words import seen

MOST_CHARACTERS = 900
MOST_BLANK = re.compile(r"\n{3,}")


def told_text(text: object, most: int = MOST_CHARACTERS) -> str:
    """A text with nothing unseen in it, cut where it is long, and then saying so."""
    # What is far beyond the cut is never looked at: one line may be megabytes.
    whole = str(text)
    plain = MOST_BLANK.sub("\n\n", seen(whole[: most * 4])).strip()
    if len(plain) <= most and len(whole) <= most * 4:
        return plain
    return f"{plain[:most].rstrip()} … [cut here: {len(whole):,} characters in all]"


def escaped(text: object) -> str:
    """Text for a page; no tag, no attribute, no entity of its own comes through."""
    return html.escape(seen(str(text)), quote=True)
