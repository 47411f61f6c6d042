"""Which versions are looked at: in the address, so that a link and a reload show the same."""

from __future__ import annotations

import streamlit as st

from app.state.memory import recall, remember

FIRST_SHOWN = 12


def looked_at() -> str:
    """The id of the version that is looked at, "" for the newest."""
    return st.query_params.get("version", "")


def look_at(id: str) -> None:
    """Look at a version; for callbacks."""
    st.query_params["version"] = id
    if st.query_params.get("against") == id:
        del st.query_params["against"]


def against() -> str:
    """The id of the version it is compared with, "" for the character as it is now."""
    return st.query_params.get("against", "")


def compare_with(id: str) -> None:
    """Compare with another version; "" is the character as it is now. For callbacks."""
    if id:
        st.query_params["against"] = id
    elif "against" in st.query_params:
        del st.query_params["against"]


def how_many(name: str) -> int:
    """How many lines of the list are shown."""
    return recall(f"versions:{name}", FIRST_SHOWN)


def show_more(name: str) -> None:
    """Show twice as many lines; for callbacks."""
    remember(f"versions:{name}", 2 * how_many(name))
