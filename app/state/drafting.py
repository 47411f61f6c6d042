"""Which drafting this tab works on; everything typed lies on disk."""

from __future__ import annotations

import streamlit as st

from app.state.memory import recall, remember


def chosen() -> str:
    """The drafting in the address, else the one this tab had open last; "" for a new one."""
    return str(st.query_params.get("drafting") or recall("drafting", ""))


def choose(id: str) -> None:
    """Open a drafting, "" for a new one; the address follows, so that a link opens the same."""
    remember("drafting", id)
    if id:
        st.query_params["drafting"] = id
    else:
        st.query_params.pop("drafting", None)


def show_in_address(id: str) -> None:
    """Put an open drafting into the address, as after coming back from another page."""
    if id and st.query_params.get("drafting") != id:
        st.query_params["drafting"] = id
