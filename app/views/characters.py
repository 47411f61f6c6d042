"""Characters: your own first, then the gallery with a line on why each works; search and levels."""

from __future__ import annotations

import streamlit as st

from app.gallery_cards import draw_cards
from app.links import lead_to, link_to
from app.reads import library, settings
from app.shelf_actions import draw_new
from app.trash_actions import draw_trash
from app.widgets import command, page_head, plain, standing_complaint
from core.errors import CoreError
from core.gallery import LEVELS, MEANS, TITLES, Level, Note, fits
from core.sample import is_sample
from core.store.gallery import gallery
from core.store.library import Entry

ALL = "All"


def page() -> None:
    """The gallery and what can be added to it."""
    page_head(
        "Characters",
        "Open one and change it: your changes are kept in a copy of your own. Or write somebody new.",
    )
    standing_complaint("characters")
    draw_ways()
    entries, notes = library().names(), read_notes()
    search, level = filters()
    found = [entry for entry in entries if fits(search, *said(entry, notes.get(entry.name)))]
    draw_own(found, level)
    draw_gallery(found, notes, level)
    command(["constitution", "list"])


def draw_ways() -> None:
    """Write somebody, bring somebody in, get somebody back."""
    with st.container(horizontal=True):
        with st.popover("New character", type="primary", icon=":material/add:"):
            draw_new("Make it")
            link_to("views/draft.py", "Or describe it first", icon=":material/person_add:")
        if st.button("Bring one in", icon=":material/upload_file:"):
            lead_to("views/bring_in.py")
        draw_trash()


def read_notes() -> dict[str, Note]:
    """What the gallery says of each; what is wrong with its file stands on the page."""
    try:
        return gallery(settings())
    except CoreError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return {}


def filters() -> tuple[str, str]:
    """What is searched for and which level; both are in the address."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        search = st.text_input(
            "Search",
            key="gallery-search",
            placeholder="A name, a manner, a lesson",
            icon=":material/search:",
            bind="query-params",
            width=320,
        )
        level = st.segmented_control(
            "Level",
            [ALL, *TITLES.values()],
            key="level",
            default=ALL,
            required=True,
            bind="query-params",
            help="How easily you hear the character beside a plain answer.",
        )
    return search or "", str(level or ALL)


def said(entry: Entry, note: Note | None) -> tuple[str, ...]:
    """Everything of a character that a search looks at."""
    return (entry.name, entry.summary, *((note.why, note.teaches) if note else ()))


def draw_own(entries: list[Entry], level: str) -> None:
    """Your own characters, changed ones and the sample among them."""
    own = [entry for entry in entries if entry.origin != "shipped"]
    if not own or level != ALL:
        return
    st.subheader("Yours", anchor=False)
    draw_cards(sorted(own, key=lambda entry: (is_sample(entry.name), -entry.updated_at)), {})


def draw_gallery(entries: list[Entry], notes: dict[str, Note], level: str) -> None:
    """The shipped characters, level by level, each level with what it means."""
    shipped = [entry for entry in entries if entry.origin == "shipped"]
    shown = [one for one in LEVELS if level in (ALL, TITLES[one])]
    sections = [(one, of_level(shipped, notes, one)) for one in shown]
    for one, found in sections:
        if found:
            with st.container(gap="xxsmall"):
                st.subheader(TITLES[one], anchor=False)
                st.caption(MEANS[one])
            draw_cards(found, notes)
    if unnoted := [entry for entry in shipped if entry.name not in notes and level == ALL]:
        st.subheader("More", anchor=False)
        draw_cards(unnoted, notes)
    if not entries or (not any(found for _, found in sections) and level != ALL):
        st.caption("Nobody fits. Search for less, or choose another level.")


def of_level(entries: list[Entry], notes: dict[str, Note], level: Level) -> list[Entry]:
    """The characters of a level, in the order of the notes: the easiest to hear first."""
    order = list(notes)
    found = [entry for entry in entries if entry.name in notes and notes[entry.name].level == level]
    return sorted(found, key=lambda entry: order.index(entry.name))


page()
