"""The sidebar above the page list: which character, whether it is saved, what runs."""

from __future__ import annotations

import streamlit as st

from app import state
from app.lineage_strip import draw_strip
from app.reads import library, settings
from app.titles import title_of
from core.errors import CoreError
from core.jobs import Jobs

__all__ = ["character_switcher", "title_of"]


def character_switcher() -> None:
    """Draw the switcher; the choice is in the URL, so that a link opens the same character."""
    names = [entry.name for entry in library().names()]
    if not names:
        return
    if state.character() not in names:
        wished = st.query_params.get("character")
        state.choose_character(wished if wished in names else ("pirate" if "pirate" in names else names[0]))
    with st.sidebar:
        draw_choice(names, state.character() or names[0])
        draw_strip(state.character() or "")
        st.caption(_work_in_progress())
    # Not bound to the address by Streamlit: it refuses to switch pages while a widget is.
    if st.query_params.get("character") != state.character():
        st.query_params["character"] = state.character() or ""


def draw_choice(names: list[str], current: str) -> None:
    """The choice. What is chosen is its own default, under a key of its own.

    The browser sometimes lets a choice fall back to its default when pages change quickly; with one default
    for all that was the first of the list, and the next click was about somebody else.
    """
    key = f"character:{current}"
    st.selectbox(
        "Character",
        names,
        index=names.index(current),
        key=key,
        format_func=title_of,
        on_change=choose_shown,
        args=(key,),
    )


def choose_shown(key: str) -> None:
    """Choose what the switcher shows; for callbacks."""
    if chosen := state.widget(key):
        state.choose_character(chosen)


def _work_in_progress() -> str:
    try:
        running = Jobs(settings()).list(limit=20, active_only=True)
    except CoreError as error:
        return str(error)
    if not running:
        return "Nothing runs at the moment."
    return f"{len(running)} job{'s' if len(running) > 1 else ''} running."
