"""The sidebar above the page list: which character, whether it is saved, what runs."""

from __future__ import annotations

import streamlit as st

from app import state
from app.lineage_strip import draw_strip
from app.reads import library, settings
from core.errors import CoreError
from core.jobs import Jobs


def character_switcher() -> None:
    """Draw the switcher; the choice is in the URL, so that a link opens the same character."""
    names = [entry.name for entry in library().names()]
    if not names:
        return
    if state.character() not in names:
        wished = st.query_params.get("character")
        state.choose_character(wished if wished in names else ("pirate" if "pirate" in names else names[0]))
    with st.sidebar:
        st.selectbox("Character", names, key="character", format_func=title_of)
        draw_strip(state.character() or "")
        st.caption(_work_in_progress())
    # Not bound to the address by Streamlit: it refuses to switch pages while a widget is.
    if st.query_params.get("character") != state.character():
        st.query_params["character"] = state.character() or ""


def title_of(name: str) -> str:
    """A character's name as a title: "dry-wit" → "Dry wit"."""
    return name.replace("-", " ").capitalize()


def _work_in_progress() -> str:
    try:
        running = Jobs(settings()).list(limit=20, active_only=True)
    except CoreError as error:
        return str(error)
    if not running:
        return "Nothing runs at the moment."
    return f"{len(running)} job{'s' if len(running) > 1 else ''} running."
