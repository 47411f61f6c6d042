"""Bring in a character: a card, a YAML file or a biography, read sentence by sentence."""

from __future__ import annotations

import time

import streamlit as st

from app.import_actions import PAGE, PASTED, chosen, open_one, shelf, take_file, take_text
from app.import_proposals import draw_proposals
from app.sidebar import title_of
from app.state.typed import keep_typed, typed
from app.widgets import command, page_head, plain, plain_text, standing_complaint
from core.errors import CoreError

LARGEST_UPLOAD_MB = 30
KINDS = ["png", "json", "yaml", "yml", "txt", "md", "jsonl"]


def beginning() -> None:
    """The two ways in, and what waits from before."""
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader("A file", anchor=False)
        uploaded = st.file_uploader(
            "SillyTavern card (PNG or JSON), YAML, text, or a character file",
            type=KINDS,
            key="bring-file",
            max_upload_size=LARGEST_UPLOAD_MB,
        )
        if uploaded is not None:
            st.button(
                "Read it",
                key="read-file",
                type="primary",
                icon=":material/menu_book:",
                on_click=take_file,
                args=(uploaded.getvalue(), uploaded.name),
            )
    with right:
        st.subheader("Or paste", anchor=False)
        st.text_area(
            "What you know of the character",
            key=typed(PASTED),
            height=190,
            on_change=keep_typed,
            args=(PASTED, PAGE),
            placeholder="Mara Quill is a retired detective. She never trusts a smile, and …",
        )
        st.button("Read the text", key="read-text", icon=":material/menu_book:", on_click=take_text)
    waiting()


def waiting() -> None:
    """Those that were brought in and not decided about."""
    found = shelf().waiting()
    if not found:
        return
    st.subheader("Waiting for you", anchor=False)
    for one in found[:20]:
        with st.container(horizontal=True, vertical_alignment="center"):
            plain_text(title_of(one.proposals.name))
            at = time.strftime("%d %B, %H:%M", time.localtime(one.at)).lstrip("0")
            st.caption(
                plain(f"{one.proposals.spec}, {len(one.proposals.traits)} traits, {at}"), width="content"
            )
            st.button("Go on", key=f"go-on:{one.id}", type="tertiary", on_click=open_one, args=(one.id,))


def page() -> None:
    """The whole page."""
    page_head(
        "Bring in a character",
        "It is read sentence by sentence. What says how somebody is becomes a trait in their own words; "
        "you tick what to keep and change what you like.",
    )
    standing_complaint(PAGE)
    id = chosen()
    if id is None:
        beginning()
    else:
        try:
            draw_proposals(id, shelf().load(id))
        except CoreError as error:
            st.error(plain(str(error)), icon=":material/error:")
            st.button("Bring in another", key="again", on_click=open_one, args=(None,))
    command(["constitution", "import", "FILE"])


page()
