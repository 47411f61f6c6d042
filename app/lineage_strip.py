"""The strip under the switcher, and the line on pages that show results: what was made from what."""

from __future__ import annotations

import time
from contextlib import suppress

import streamlit as st

from app.lineage_words import version_line
from app.links import link_to
from app.reads import library, settings
from app.widgets import plain
from core.errors import CoreError
from core.lineage import Lineage, Link, chain_words
from core.stages.lineage import lineage_of

OVERVIEW = "views/overview.py"
STALE = ":orange[:material/history:]"


def lineage(name: str) -> Lineage | None:
    """The lineage of a character; None while its file cannot be read, which its own page says."""
    with suppress(CoreError):
        return lineage_of(settings(), name)
    return None


def draw_strip(name: str) -> None:
    """Version and chain in the sidebar: quick, since it is drawn at every click."""
    found = lineage(name)
    if found is None:
        return
    draft = False
    with suppress(CoreError):
        draft = library().draft_revision(name) is not None
    with st.container(gap="xxsmall", key="lineage-strip"):
        st.caption(plain(version_line(found, draft=draft, now=time.time())))
        words = chain_words(found) or "Nothing made yet"
        mark = f"{STALE} " if found.is_stale else ""
        label = f"{mark}{plain(words)}{' · stale' if found.is_stale else ''}"
        link_to(OVERVIEW, label, help=strip_help(found), character=name)


def strip_help(found: Lineage) -> str:
    """Why, when something is stale; else what the line says."""
    links = [link for link in (found.pairs, found.model) if link is not None and link.mark == "stale"]
    reasons = list(dict.fromkeys(reason for link in links for reason in link.reasons))
    return plain(" ".join(reasons[:3])) or "What was made from which version. Opens the overview."


def draw_stale_note(name: str, what: str) -> None:
    """One calm line when what a page shows was made from an earlier version; nothing otherwise.

    `what` is "pairs", "model", "report", or the kind of a check.
    """
    found = lineage(name)
    link = found and link_for(found, what)
    if not link or link.mark != "stale":
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        first = link.reasons[0] if link.reasons else ""
        more = f" And {len(link.reasons) - 1} more." if len(link.reasons) > 1 else ""
        st.caption(f"{STALE} **Stale.** {plain(first + more)}", width="content")
        link_to(OVERVIEW, "See what to do", character=name)


def link_for(found: Lineage, what: str) -> Link[object] | None:
    """The link that a page is about."""
    named = {"pairs": found.pairs, "model": found.model, "report": found.report}
    return named[what] if what in named else found.check(what)  # type: ignore[return-value]
