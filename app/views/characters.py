"""Characters: everyone there is, and the ways to make or bring in another."""

from __future__ import annotations

import streamlit as st

from app.reads import library, settings
from app.shelf_actions import delete, draw_import, draw_new, draw_trash, open_character_page
from app.sidebar import title_of
from app.trial_button import draw_try_it
from app.widgets import command, page_head, plain, standing_complaint
from core.store.library import Entry

ORIGINS = {"shipped": "", "own": "yours", "changed": "changed by you"}


def card(entry: Entry) -> None:
    """One character: its name, its sentence, and the way in."""
    with st.container(border=True, height="stretch", key=f"card-{entry.name}"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.subheader(title_of(entry.name), anchor=False, width="content")
            if ORIGINS[entry.origin]:
                st.badge(ORIGINS[entry.origin], color="gray")
        if entry.problems:
            st.badge(f"{entry.problems} problems", icon=":material/error:", color="red")
            for problem in entry.details[:5]:
                st.caption(plain(str(problem)))
        else:
            st.markdown(plain(entry.summary))
        with st.container(horizontal=True, vertical_alignment="bottom"):
            st.button(
                "Open",
                key=f"go:{entry.name}",
                icon=":material/edit_note:",
                on_click=open_character_page,
                args=(entry.name,),
            )
            if not entry.problems:
                draw_try_it(entry.name, f"card-{entry.name}", label="Try it", quiet=True)
            with st.popover("More", type="tertiary", icon=":material/more_horiz:"):
                draw_more(entry)


def draw_more(entry: Entry) -> None:
    """Copy, export, delete."""
    draw_new(f"Copy {title_of(entry.name)}", copy_of=entry.name)
    if not entry.problems:
        constitution = library().load(entry.name).constitution
        from core.interchange import to_oct_array

        st.download_button(
            "Export for OpenCharacterTraining",
            to_oct_array(constitution),
            f"{entry.name}.txt",
            key=f"oct:{entry.name}",
            icon=":material/download:",
            type="tertiary",
            on_click="ignore",
        )
    if entry.origin != "shipped":
        label = "Delete" if entry.origin == "own" else "Back to the shipped version"
        st.button(
            label,
            key=f"delete:{entry.name}",
            icon=":material/delete:",
            type="tertiary",
            on_click=delete,
            args=(entry.name,),
        )


def page() -> None:
    """The gallery and what can be added to it."""
    page_head(
        "Characters",
        "Open one and change it: your changes are kept in a copy of your own. Or write somebody new.",
    )
    standing_complaint("characters")
    first = not any(settings().lora_path.glob("*/*"))
    if first:
        with st.columns([1.2, 2])[0]:
            draw_try_it("pirate", "characters", label="Try it now with the pirate")
    with st.container(horizontal=True):
        with st.popover("New character", type="secondary" if first else "primary", icon=":material/add:"):
            draw_new("Make it")
        with st.popover("Import", icon=":material/upload_file:"):
            draw_import()
        draw_trash()
        st.button(
            "New here? Open the pirate",
            type="tertiary",
            icon=":material/sailing:",
            on_click=open_character_page,
            args=("pirate",),
            help="Its voice shows even on the small model that runs on this computer.",
        )
    entries = library().names()
    for start in range(0, len(entries), 3):
        for column, entry in zip(st.columns(3), entries[start : start + 3], strict=False):
            with column:
                card(entry)
    command(["constitution", "list"])


page()
