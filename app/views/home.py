"""Home: what this is and three ways in; for somebody who was here before, where they were."""

from __future__ import annotations

import time

import streamlit as st

from app.home_parts import draw_next, draw_path, draw_work, titled
from app.home_reads import standing_of
from app.links import lead_to, link_to
from app.reads import library, settings
from app.sample_banner import open_it
from app.state.preferences import LAST, preference
from app.tour import draw_offer
from app.trial_button import draw_try_it
from app.widgets import command, page_head, plain, standing_complaint
from core.errors import CoreError
from core.first_steps import next_of
from core.sample import is_sample
from core.store.library import Entry

PAGE = "home"
WHAT = (
    "Write a character in plain sentences, hear a model play it, and teach a small model to be it. "
    "Everything can happen on this computer: no account, no key, no bill."
)


def page() -> None:
    """Where a person goes on, or begins."""
    page_head("Character Studio", WHAT)
    for where in (PAGE, "characters", "trial"):
        standing_complaint(where)
    entries = library().names()
    name = last_character(entries)
    if name is None:
        draw_ways_in(entries, first=True)
        st.subheader("How it goes", anchor=False)
        draw_path(None, told=True)
        draw_help()
    else:
        draw_where_you_were(name)
        st.subheader("Or begin with another", anchor=False)
        draw_ways_in(entries, first=False)
        draw_help()
    command(["studio"])


def draw_help() -> None:
    """The tour, and what the words mean."""
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        draw_offer()
        link_to("views/glossary.py", "What the words mean", icon=":material/menu_book:")


def last_character(entries: list[Entry]) -> str | None:
    """Whom a person worked on last: who was looked at, if there is work in it, else the newest own one."""
    by_name = {entry.name: entry for entry in entries}
    seen = preference(LAST)
    if seen in by_name and not is_sample(seen) and has_work(by_name[seen]):
        return seen
    own = [entry for entry in entries if entry.origin != "shipped" and not is_sample(entry.name)]
    return max(own, key=lambda entry: entry.updated_at).name if own else None


def has_work(entry: Entry) -> bool:
    """Whether anything was written for a character, or made with it."""
    return entry.origin != "shipped" or any(settings().runs_path.glob(f"{entry.name}-*/run.json"))


# ---- somebody who was here before


def draw_where_you_were(name: str) -> None:
    """The last character: how far it is, what comes next; beside it what runs."""
    standing = standing_of(name)
    left, right = st.columns([2.4, 1], gap="large")
    with left, st.container(border=True, gap="small"):
        st.caption("Go on where you were")
        with st.container(gap="xxsmall"):
            st.subheader(titled(name), anchor=False)
            st.caption(saved(name))
        draw_path(standing, told=False)
        draw_next(name, next_of(standing))
    with right:
        draw_work()


def saved(name: str) -> str:
    """Its summary and when it was last changed."""
    try:
        loaded = library().load(name)
    except CoreError as error:
        return plain(str(error))
    if loaded.origin == "shipped":
        return plain(loaded.constitution.summary)
    at = time.strftime("%d %B, %H:%M", time.localtime(loaded.path.stat().st_mtime)).lstrip("0")
    return f"{plain(loaded.constitution.summary)}  \nSaved {at}."


# ---- the ways in


def draw_ways_in(entries: list[Entry], *, first: bool) -> None:
    """Three cards, the first of them the one thing to do for somebody new."""
    shipped = sum(entry.origin != "own" for entry in entries)
    ways = (draw_sample_way, draw_gallery_way, draw_own_way)
    for column, way in zip(st.columns(3), ways, strict=True):
        with column, st.container(border=True, height="stretch", vertical_alignment="distribute"):
            way(first=first, shipped=shipped)


def draw_sample_way(*, first: bool, shipped: int) -> None:
    """The finished sample."""
    with st.container(gap="xxsmall"):
        st.subheader(":material/visibility: Look at a finished one", anchor=False)
        st.markdown(
            "A pirate, written, taught and measured. Every page is filled with real answers, so you see "
            "what you will get."
        )
    draw_open_sample(primary=first)


def draw_open_sample(*, primary: bool) -> None:
    """The button that opens the sample."""
    st.button(
        "Open the sample",
        key="home:sample",
        type="primary" if primary else "secondary",
        icon=":material/auto_stories:",
        on_click=open_it,
    )


def draw_gallery_way(*, first: bool, shipped: int) -> None:
    """A character of the gallery."""
    with st.container(gap="xxsmall"):
        st.subheader(":material/bolt: Start from a character", anchor=False)
        st.markdown(
            f"{shipped} characters, each with a line on why it works. Take one and change it, or teach it "
            "as it is."
        )
    with st.container(horizontal=True):
        if st.button("See the gallery", key="home:gallery", icon=":material/groups:"):
            lead_to("views/characters.py")
        draw_try_it("pirate", PAGE, label="Try it now", quiet=True)


def draw_own_way(*, first: bool, shipped: int) -> None:
    """A blank page, or something that is there already."""
    with st.container(gap="xxsmall"):
        st.subheader(":material/edit_note: Write your own", anchor=False)
        st.markdown(
            "Describe somebody in your own words, keep the traits you like. Or bring in a card or a story."
        )
    with st.container(horizontal=True):
        if st.button("Write one", key="home:write", icon=":material/add:"):
            lead_to("views/draft.py")
        if st.button("Bring one in", key="home:bring", icon=":material/upload_file:", type="tertiary"):
            lead_to("views/bring_in.py")


page()
