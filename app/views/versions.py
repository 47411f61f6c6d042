"""Versions: every saved state of a character, what changed, and the way back."""

from __future__ import annotations

import streamlit as st

from app.character_page import character_page
from app.editor import Open
from app.links import link_to
from app.state.versions import how_many, look_at, looked_at, show_more
from app.version_actions import PAGE
from app.version_difference import draw_version
from app.version_reads import Entry, entries
from app.version_words import title_of_version, under_title
from app.widgets import plain, standing_complaint
from core.errors import CoreError
from core.store.history import State


def draw(opened: Open) -> None:
    """The list on the left, one version on the right."""
    standing_complaint(PAGE)
    try:
        listed = entries(opened.name)
    except CoreError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    if not listed:
        draw_nothing_yet()
        return
    states = [state for entry in listed for state, _ in entry.states]
    shown = next((state for state in states if state.version.id == looked_at()), states[0])
    left, right = st.columns([1, 1.5], gap="large")
    with left:
        draw_list(opened.name, listed, shown)
    with right:
        draw_version(opened, states, shown)


def draw_nothing_yet() -> None:
    """What will be here, and the way to fill it."""
    st.markdown(
        "Nothing has been changed yet. Every change you make is kept here by itself: what it was, when, "
        "and the way back. A version you give a name is kept for good."
    )
    link_to("views/traits.py", "Change a trait", icon=":material/edit_note:")


def draw_list(name: str, listed: list[Entry], shown: State) -> None:
    """The newest sittings, each a line that can be looked at."""
    most = how_many(name)
    for entry in listed[:most]:
        draw_entry(entry, shown)
    if len(listed) > most:
        st.button(
            f"Show older ones · {len(listed) - most}",
            type="tertiary",
            icon=":material/expand_more:",
            on_click=show_more,
            args=(name,),
        )


def draw_entry(entry: Entry, shown: State) -> None:
    """A sitting: its last state, and the saves before that behind a fold."""
    within = len(entry.states) > 1 and any(
        shown.version.id == one.version.id for one, _ in entry.states[1:]
    )
    draw_line(entry.state, entry.changed, shown)
    if len(entry.states) > 1:
        with st.expander(f"{len(entry.states)} saves in one go", expanded=within, type="compact"):
            for state, changed in entry.states[1:]:
                draw_line(state, changed, shown)


def draw_line(state: State, changed: str, shown: State) -> None:
    """One state: what it is called, what changed, and the button to look at it."""
    version, is_shown = state.version, state.version.id == shown.version.id
    with st.container(horizontal=True, vertical_alignment="center", wrap=False, key=f"line-{version.id}"):
        with st.container(gap=None):
            pin = ":material/keep: " if version.name else ""
            st.markdown(f"{pin}**{plain(title_of_version(version))}**")
            st.caption(plain(under_title(version, changed)))
            if version.remark:
                st.caption(f"*{plain(version.remark)}*")
        st.button(
            "Shown" if is_shown else "Look",
            key=f"look:{version.id}",
            type="tertiary",
            icon=":material/arrow_forward:" if is_shown else ":material/visibility:",
            on_click=look_at,
            args=(version.id,),
        )


character_page(
    "Every state it was saved in, and the way back to each.",
    draw,
    term="version",
    words=lambda name: [
        ["constitution", "versions", name],
        ["constitution", "version", "show", name, "VERSION"],
    ],
)
