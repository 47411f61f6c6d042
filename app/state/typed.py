"""Text that is typed before it is used: on disk at every commit, so that a reload brings it back.

key = typed("pasted")
st.text_area("What you know", key=key, on_change=keep_typed, args=(key, PAGE))
"""

from __future__ import annotations

import streamlit as st

from app.reads import settings
from app.state import complain
from app.state.person import person
from core.errors import CoreError
from core.store.typed import Typed


def typed(key: str) -> str:
    """The key of a text widget that is drawn next, which then holds what was typed under it before.

    Only where this tab has nothing under it: what another tab types takes nobody's words away.
    """
    if key not in st.session_state:
        st.session_state[key] = Typed(settings()).text(_name(key))
    return key


def keep_typed(key: str, page: str) -> None:
    """Keep what a widget holds; for callbacks. Where the disk refuses, that is said on the page."""
    try:
        Typed(settings()).keep(_name(key), str(st.session_state.get(key) or ""))
    except CoreError as error:
        complain(page, f"Not saved: {error} Your text is still on this page.")


def forget_typed(key: str, page: str) -> None:
    """Empty a widget whose text has been used; for callbacks."""
    st.session_state[key] = ""
    keep_typed(key, page)


def _name(key: str) -> str:
    return f"{key}:{person()}"
