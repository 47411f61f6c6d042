"""A character on the gallery: its name, why it works, and the ways in."""

from __future__ import annotations

import streamlit as st

from app.reads import library
from app.shelf_actions import draw_new, open_character_page
from app.sidebar import title_of
from app.trash_actions import delete
from app.trial_button import draw_try_it
from app.widgets import plain
from core.errors import CoreError
from core.gallery import Note
from core.interchange import to_oct_array
from core.sample import is_sample
from core.store.library import Entry

ORIGINS = {"shipped": "", "own": "yours", "changed": "changed by you"}
COLUMNS = 3


def draw_cards(entries: list[Entry], notes: dict[str, Note]) -> None:
    """Cards in rows of three, all of a row equally high."""
    for start in range(0, len(entries), COLUMNS):
        for column, entry in zip(st.columns(COLUMNS), entries[start : start + COLUMNS], strict=False):
            with column:
                draw_card(entry, notes.get(entry.name))


def draw_card(entry: Entry, note: Note | None) -> None:
    """One character; what is wrong with it stands in place of what it is."""
    frame = st.container(
        border=True, height="stretch", key=f"card-{entry.name}", vertical_alignment="distribute"
    )
    with frame:
        with st.container(gap="xxsmall"):
            draw_head(entry)
            if entry.problems:
                for problem in entry.details[:5]:
                    st.caption(plain(str(problem)))
            else:
                draw_words(entry, note)
        with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
            draw_actions(entry)


def draw_head(entry: Entry) -> None:
    """The name, and whatever sets this one apart."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.subheader(title_of(entry.name), anchor=False, width="content")
        if is_sample(entry.name):
            st.badge("Sample", icon=":material/auto_stories:", color="blue")
        elif ORIGINS[entry.origin]:
            st.badge(ORIGINS[entry.origin], color="gray")
        if entry.problems:
            st.badge(f"{entry.problems} problems", icon=":material/error:", color="red")


def draw_words(entry: Entry, note: Note | None) -> None:
    """Why it works and what it teaches; of one's own, the summary."""
    if note is None or entry.origin == "own":
        st.markdown(plain(entry.summary) or ":gray[No summary yet.]")
        return
    st.markdown(plain(note.why))
    st.caption(plain(note.teaches))


def draw_actions(entry: Entry) -> None:
    """Open it, try it, and what is needed seldom."""
    st.button("Open", key=f"go:{entry.name}", on_click=open_character_page, args=(entry.name,))
    if not entry.problems and not is_sample(entry.name):
        draw_try_it(entry.name, f"card-{entry.name}", label="Try it now", quiet=True)
    more = st.popover("More", type="tertiary", key=f"more:{entry.name}", on_change="rerun")
    # Thirteen folded menus would be read from disk on every visit.
    if more.open:
        with more:
            draw_more(entry)


def draw_more(entry: Entry) -> None:
    """Copy, export, delete."""
    draw_new(f"Copy {title_of(entry.name)}", copy_of=entry.name)
    if not entry.problems:
        draw_export(entry.name)
    if entry.origin != "shipped" and not is_sample(entry.name):
        label = "Delete" if entry.origin == "own" else "Back to the shipped version"
        st.button(
            label,
            key=f"delete:{entry.name}",
            icon=":material/delete:",
            type="tertiary",
            on_click=delete,
            args=(entry.name,),
        )


def draw_export(name: str) -> None:
    """The character as a file of OpenCharacterTraining's."""
    try:
        constitution = library().load(name).constitution
    except CoreError as error:
        st.caption(plain(str(error)))
        return
    st.download_button(
        "Export for OpenCharacterTraining",
        to_oct_array(constitution),
        f"{name}.txt",
        key=f"oct:{name}",
        icon=":material/download:",
        type="tertiary",
        on_click="ignore",
    )
