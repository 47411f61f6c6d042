"""Where the sample would refuse: the button that makes a character of one's own of it."""

from __future__ import annotations

import streamlit as st

from app import state
from app.reads import library
from app.titles import title_of
from app.widgets import plain
from core.errors import CoreError
from core.sample import MADE_FROM, SAMPLE
from core.slugs import free_name

PAGE = "sample"
STAYS = "The sample stays as it was made, and nothing runs on it. A copy of your own can do all of it."


def draw_mine(where: str, *, column: bool = False) -> None:
    """In place of a page's main button, on the sample; `where` tells the buttons apart.

    In a `column` it is as wide as the button it stands for.
    """
    with st.container(horizontal=not column, vertical_alignment="center"):
        st.button(
            "Make it mine",
            key=f"mine:{where}",
            type="primary",
            icon=":material/content_copy:",
            width="stretch" if column else "content",
            on_click=make_mine,
        )
        st.caption(STAYS)


def make_mine() -> None:
    """Copy the sample under a free name and choose the copy; for callbacks. The page stays the same."""
    state.complain(PAGE, None)
    try:
        taken = {entry.name for entry in library().names()}
        name = free_name(f"my-{MADE_FROM}", taken)
        library().create(name, copy_of=SAMPLE)
    except CoreError as error:
        state.complain(PAGE, str(error))
        return
    state.choose_character(name)
    state.say_once(plain(f"{title_of(name)} is yours: change it, teach it, measure it."))
