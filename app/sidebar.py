"""The sidebar above the page list: which character, whether it is saved, what runs."""

from __future__ import annotations

import streamlit as st

from app import state
from app.lineage_strip import draw_strip
from app.reads import library, settings
from app.state import where
from app.state.address import character_told
from app.state.preferences import LAST, preference
from app.titles import title_of
from core.errors import CoreError
from core.jobs import Jobs

__all__ = ["character_switcher", "title_of"]

# Pages about no single character: there nobody is chosen before somebody chooses.
ABOUT_NOBODY = ("", "home", "characters", "settings", "glossary", "jobs")
# Pages about a character that does not exist yet.
ABOUT_A_NEW_ONE = ("draft", "bring_in")
NOBODY, A_NEW_ONE = "Nobody chosen yet", "A new one, not made yet"


def character_switcher() -> None:
    """Draw the switcher; the choice is in the URL, so that a link opens the same character."""
    names = [entry.name for entry in library().names()]
    if not names:
        return
    wait = _settle(names)
    with st.sidebar:
        if wait:
            draw_open_choice(names, wait)
        else:
            draw_choice(names, state.character() or names[0])
            draw_strip(state.character() or "")
        st.caption(_work_in_progress())
    # Not bound to the address by Streamlit: it refuses to switch pages while a widget is.
    if not wait and st.query_params.get("character") != state.character():
        st.query_params["character"] = state.character() or ""


def _settle(names: list[str]) -> str:
    """Choose whom the page is about, if it is about anybody; else what the switcher says instead."""
    here = where.page()
    if told := character_told(names):
        state.choose_character(told)
    if here in ABOUT_A_NEW_ONE:
        return A_NEW_ONE
    if state.character() in names:
        return ""
    last = preference(LAST)
    if here in ABOUT_NOBODY and last not in names:
        return NOBODY
    usual = "pirate" if "pirate" in names else names[0]
    state.choose_character(last if last in names else usual)
    return ""


def draw_open_choice(names: list[str], says: str) -> None:
    """The switcher while nobody is chosen: choosing somebody opens its overview."""
    key = f"character:{says}"
    st.selectbox(
        "Character",
        names,
        index=None,
        key=key,
        format_func=title_of,
        placeholder=says,
        on_change=open_shown,
        args=(key,),
    )


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


def open_shown(key: str) -> None:
    """Choose what the switcher shows and go to it; for callbacks."""
    choose_shown(key)
    if state.widget(key):
        state.request_page("views/overview.py")


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
