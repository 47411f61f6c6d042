"""What one card offers: each trait beside the sentence it comes from, ticked and edited at will."""

from __future__ import annotations

import streamlit as st

from app import state
from app.import_actions import make, open_one, put_aside, reword, set_head, tick, tick_all
from app.reads import library
from app.widgets import answer_text, plain
from core.cards import Proposal, Proposals
from core.diff import Span

ONE_LINE, SEVERAL = 68, 110


def draw_proposals(id: str, found: Proposals) -> None:
    """Name and summary, traits, exchanges, what was not used, and the way on."""
    head(id, found)
    traits(id, found)
    exchanges(id, found)
    not_used(found)


def head(id: str, found: Proposals) -> None:
    """Who it is to be, how much is ticked, and the button that makes it."""
    kept = sum(item.keep for item in found.traits), sum(item.keep for item in found.exchanges)
    left, right = st.columns([3, 2], gap="large")
    with left:
        key = state.seeded(f"bring-name:{id}", found.name)
        st.text_input("Its name here", key=key, max_chars=64, on_change=set_head, args=(id, "name", key))
        key = state.seeded(f"bring-summary:{id}", found.summary)
        st.text_area(
            "In one sentence", key=key, height=SEVERAL, on_change=set_head, args=(id, "summary", key)
        )
    with right:
        st.markdown(f"**{kept[0]} of {len(found.traits)}** traits and **{kept[1]}** exchanges are ticked.")
        st.caption(
            "About ten traits and two to five exchanges make a clear character. Edits are kept at once."
        )
        is_taken = library().revision(found.name) is not None
        if is_taken:
            st.caption("There is a character of this name already; choose another name.")
        st.button(
            "Make this character",
            key="make-brought",
            type="primary",
            icon=":material/person_add:",
            on_click=make,
            args=(id,),
            disabled=is_taken or not kept[0],
        )
        with st.container(horizontal=True):
            st.button(
                "Decide later",
                key="later",
                type="tertiary",
                icon=":material/arrow_back:",
                on_click=open_one,
                args=(None,),
            )
            st.button(
                "Put it aside",
                key="aside",
                type="tertiary",
                icon=":material/delete:",
                on_click=put_aside,
                args=(id,),
            )


def traits(id: str, found: Proposals) -> None:
    """Every proposed trait: a tick, the text to edit, and its source."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader("Traits", anchor=False, width="content")
        _all_or_none(id, "trait")
    if not found.traits:
        st.caption("Nothing in it says how the character is. Below is what was found, and why it was left.")
    for item in found.traits:
        trait(id, item)


def trait(id: str, item: Proposal) -> None:
    """One proposed trait."""
    with st.container(border=True, key=f"trait-{id}-{item.id}"):
        box, own, source = st.columns([1, 9, 8], vertical_alignment="top")
        with box:
            _tick(id, item, "Keep this trait")
        with own:
            key = state.seeded(f"bring-text:{id}:{item.id}", item.text)
            st.text_area(
                f"Trait {item.id + 1}",
                key=key,
                height=ONE_LINE if len(item.text) < 70 else SEVERAL,
                label_visibility="collapsed",
                on_change=reword,
                args=(id, item.id, key),
            )
        with source:
            st.caption(plain(f"from the {item.field}" + (f": {item.note}" if item.note else "")))
            quoted(item.source)


def quoted(text: str) -> None:
    """A piece of the card as it stood."""
    answer_text([Span(text if len(text) <= 600 else f"{text[:599]}…", False)])


def exchanges(id: str, found: Proposals) -> None:
    """Every proposed exchange: both sides, the character's to edit."""
    if not found.exchanges:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader("Exchanges", anchor=False, width="content")
        _all_or_none(id, "exchange")
    for item in found.exchanges:
        with st.container(border=True, key=f"exchange-{id}-{item.id}"):
            box, both = st.columns([1, 17], vertical_alignment="top")
            with box:
                _tick(id, item, "Keep this exchange")
            with both:
                key = state.seeded(f"bring-user:{id}:{item.id}", item.user)
                st.text_input("Somebody writes", key=key, on_change=reword, args=(id, item.id, key, "user"))
                key = state.seeded(f"bring-text:{id}:{item.id}", item.text)
                st.text_area(
                    "The character answers",
                    key=key,
                    height="content",
                    on_change=reword,
                    args=(id, item.id, key),
                )
                st.caption(plain(f"from the {item.field}" + (f". {item.note}" if item.note else "")))


def _tick(id: str, item: Proposal, label: str) -> None:
    key = state.seeded(f"bring-keep:{id}:{item.id}", item.keep)
    st.checkbox(label, key=key, label_visibility="collapsed", on_change=tick, args=(id, item.id, key))


def _all_or_none(id: str, kind: str) -> None:
    for label, keep in (("Tick all", True), ("Tick none", False)):
        st.button(label, key=f"{kind}:{label}", type="tertiary", on_click=tick_all, args=(id, kind, keep))


def not_used(found: Proposals) -> None:
    """What became nothing, with the reason."""
    if not found.unused:
        return
    with st.expander(f"Not used: {len(found.unused)}", icon=":material/filter_alt:"):
        for one in found.unused:
            st.caption(plain(f"{one.field}: {one.reason}."))
            quoted(one.source)
