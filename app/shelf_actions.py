"""Make characters: a form of the Characters page and its callbacks."""

from __future__ import annotations

import streamlit as st

from app import state
from app.reads import library
from app.state.typed import forget_typed, keep_typed, typed
from core.constitution import check_name, slug_for
from core.errors import CoreError

PAGE = "characters"


def open_character_page(name: str) -> None:
    """Choose a character and go to its traits; for callbacks."""
    state.choose_character(name)
    state.request_page("views/traits.py")


def new_name_key(copy_of: str | None) -> str:
    """The widget of a new character's name."""
    return f"new-name:{copy_of or ''}"


def draw_new(label: str, copy_of: str | None = None) -> None:
    """A name and the button that makes the character."""
    key = typed(new_name_key(copy_of))
    name = st.text_input(
        "Name",
        key=key,
        placeholder="for example: grumpy gardener",
        max_chars=64,
        on_change=keep_typed,
        args=(key, PAGE),
    )
    slug = slug_for(name) if name else ""
    if slug and slug != name:
        st.caption(f"It will be called {slug}.")
    st.button(
        label,
        key=f"make:{copy_of or ''}",
        icon=":material/add:",
        disabled=not slug,
        on_click=make,
        args=(slug, copy_of),
    )


def make(name: str, copy_of: str | None) -> None:
    """Make a character, new or a copy, and open it; for callbacks."""
    state.complain(PAGE, None)
    try:
        problems = check_name(name)
        if problems:
            state.complain(PAGE, "; ".join(str(problem) for problem in problems))
            return
        library().create(name, copy_of=copy_of)
    except CoreError as error:
        state.complain(PAGE, str(error))
        return
    forget_typed(new_name_key(copy_of), PAGE)
    open_character_page(name)
