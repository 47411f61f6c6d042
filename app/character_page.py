"""What the Traits and Exchanges pages share: head, conflict, check, next step, command."""

from __future__ import annotations

import time
from collections.abc import Callable

import streamlit as st

from app import state
from app.editor import Open, open_character, settle_conflict, undo
from app.sidebar import title_of
from app.widgets import command, next_step, page_head, plain, standing_complaint
from core.errors import CoreError


def character_page(caption: str, draw: Callable[[Open], None]) -> None:
    """A page about the chosen character: its name, what is wrong if anything, then `draw`."""
    name = state.character()
    if name is None:
        st.info("There is no character yet. Make one on the Characters page.")
        return
    try:
        opened = open_character(name)
    except CoreError as error:
        page_head(title_of(name), caption)
        st.error(plain(str(error)), icon=":material/error:")
        return
    head(opened, caption)
    standing_complaint("editor")
    draw_conflict(name)
    draw(opened)
    command(["constitution", "check", name])


def head(opened: Open, caption: str) -> None:
    """Title, caption, when it was saved, and undo."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        with st.container():
            page_head(title_of(opened.name), caption)
        before = state.last_undo(opened.name)
        st.caption(saved_line(opened), width="content")
        st.button(
            "Undo",
            icon=":material/undo:",
            type="tertiary",
            disabled=before is None,
            help=f"Take back: {before[1]}" if before else "Nothing to undo",
            on_click=undo,
            args=(opened.name, opened.revision),
        )


def saved_line(opened: Open) -> str:
    """Whether and when the character was saved, in words."""
    if opened.origin == "shipped":
        return "As shipped. Your changes are kept in a copy of your own."
    at = time.strftime("%H:%M", time.localtime(opened.saved_at))
    if opened.origin == "draft":
        return f"Draft kept {at}. The last complete version stays in use."
    return f"Saved {at}"


def draw_conflict(name: str) -> None:
    """The choice between what another tab saved and the change that waits here."""
    pending = state.conflict(name)
    if not pending:
        return
    st.warning(
        "This character was changed in another window while you were writing. Nothing was overwritten: "
        "below you see the newer version, and your change is kept until you choose.",
        icon=":material/call_split:",
    )
    with st.expander("Your version, as text"):
        st.json(pending["value"], expanded=1)
    with st.container(horizontal=True):
        st.button("Use my version", on_click=settle_conflict, args=(name,), kwargs={"mine": True})
        st.button("Keep the newer one", on_click=settle_conflict, args=(name,), kwargs={"mine": False})


def check_column(opened: Open) -> None:
    """What is good, what to mend, and the next step."""
    st.subheader("Check", anchor=False)
    if opened.problems:
        for problem in opened.problems:
            st.error(plain(sentence(str(problem))), icon=":material/error:")
        st.caption("Until this is mended, the last complete version is used.")
        return
    count = len(opened.value["traits"])
    st.success(
        f"{count} traits, {len(opened.value['exchanges'])} exchanges. Ready.",
        icon=":material/check_circle:",
    )
    for problem in opened.advice:
        st.warning(plain(sentence(str(problem))), icon=":material/lightbulb:")
    next_step(
        "See it speak", "views/pairs.py", "Preview four answers on this computer: under a minute, free."
    )


def sentence(text: str) -> str:
    """A problem as a sentence: first letter large."""
    return text[:1].upper() + text[1:]
