"""What stands above every page of the sample: that it is one, and the ways on from it."""

from __future__ import annotations

import time

import streamlit as st

from app import state
from app.reads import library, settings
from app.shelf_actions import draw_new
from app.trial_button import draw_try_it
from app.widgets import plain, standing_complaint
from core.errors import CoreError
from core.sample import MADE_FROM, SAMPLE, is_sample
from core.store.sample import open_sample, remove_sample

PAGE = "sample"
# Pages that are about no single character.
ELSEWHERE = ("", "home", "characters", "draft", "bring_in", "jobs", "settings", "glossary")


def draw_sample_banner(path: str, *, quiet: bool = False) -> None:
    """The banner on a page about the sample; `path` is its address, `quiet` leaves the buttons out."""
    standing_complaint(PAGE)
    if path in ELSEWHERE or not is_sample(state.character()):
        return
    with st.container(key="sample-banner", gap="xxsmall"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.badge("Sample", icon=":material/auto_stories:", color="blue")
            st.caption(
                f"A finished project to look at: real answers of the small model, {made()}.",
                width="content",
            )
        if quiet:
            return
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            draw_copy()
            draw_try_it(MADE_FROM, f"sample-{path}", label="Try it now with the pirate", quiet=True)
            st.button(
                "Remove the sample",
                key="sample:remove",
                type="tertiary",
                icon=":material/close:",
                on_click=remove,
                help="Nothing of your own is touched. It can be opened again from Home.",
            )


def made() -> str:
    """When its answers were made."""
    try:
        at = library().load(SAMPLE).path.stat().st_mtime
    except (CoreError, OSError):
        return "made some time ago"
    return time.strftime("made on %d %B %Y", time.localtime(at)).replace(" 0", " ")


def draw_copy() -> None:
    """A character of one's own that begins as the sample is: the way to change it."""
    with st.popover("Make your own copy", type="tertiary", icon=":material/content_copy:"):
        draw_new("Make it", copy_of=SAMPLE)


def open_it(page: str = "traits") -> None:
    """Unpack the sample and go to a page of it; for callbacks."""
    state.complain(PAGE, None)
    try:
        state.choose_character(open_sample(settings()))
        state.request_page(f"views/{page}.py")
    except CoreError as error:
        state.complain(PAGE, str(error))


def remove() -> None:
    """Take the sample away and go home; for callbacks."""
    state.complain(PAGE, None)
    try:
        remove_sample(settings())
        state.choose_character(MADE_FROM)
        state.request_page("views/home.py")
        state.say_once(plain("The sample is put away; Home brings it back."), ":material/auto_stories:")
    except CoreError as error:
        state.complain(PAGE, str(error))
