"""Ways from one page to another, each with the whole address of what it opens: one step to come back."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, NoReturn

import streamlit as st

from app import state
from app.state.address import address_of

HOME = "views/home.py"


def link_to(
    view: str,
    label: str,
    *,
    icon: str | None = None,
    help: str | None = None,
    width: Literal["content", "stretch"] = "content",
    **words: str,
) -> None:
    """A link to a page ("views/pairs.py"); `words` are put into its address."""
    query = whole_address(view, words)
    st.page_link(view, label=label, icon=icon, help=help, width=width, query_params=query)


def lead_to(view: str, **words: str) -> NoReturn:
    """Go to a page now; `words` are put into its address."""
    st.switch_page(view, query_params=whole_address(view, words))


def whole_address(view: str, words: dict[str, str]) -> dict[str, str]:
    """All words of a page's address: the character, what this tab had set there, over it the given ones.

    A way to another character takes nothing of this one along.
    """
    about = words.get("character", state.character())
    left = address_of("" if view == HOME else Path(view).stem)
    return (left if about == state.character() else {}) | words
