"""What the Pairs page shows stands in its address: filter, list or pair. So a link, a reload and the back
button lead to the same place; the widgets are filled from it and write to it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from app import state
from app.state.address import come_back, keep_words
from core.pair_filter import PairFilter, read_filter

WORDS = ("pair", "view", "page")
FIELDS = ("search", "show", "trait", "flag", "reason", "reviewer", "least", "most")


def come_back_to(name: str) -> None:
    """Where a person was with this character's pairs, when they come back from another page."""
    come_back(f"pairs:{name}", (*FIELDS, *WORDS))


def keep_place(name: str) -> None:
    """Remember where a person is; once the page is drawn."""
    keep_words(f"pairs:{name}", (*FIELDS, *WORDS))


def wanted() -> PairFilter:
    """The filter of the address."""
    return read_filter({name: st.query_params.get(name) for name in FIELDS})


def shown_pair() -> str:
    """The pair that the address names, or ""."""
    return st.query_params.get("pair", "")


def is_list() -> bool:
    """Whether the address asks for the list."""
    return st.query_params.get("view") == "list"


def list_page() -> int:
    """Which page of the list, from 1; what makes no sense is the first."""
    text = st.query_params.get("page", "1")
    return int(text) if text.isascii() and text.isdigit() and 0 < len(text) < 8 else 1


def put(**words: Any) -> None:
    """Change the address; an empty value takes its name out. For callbacks."""
    for name, value in words.items():
        if value in (None, ""):
            st.query_params.pop(name, None)
        elif st.query_params.get(name) != str(value):
            st.query_params[name] = str(value)


def show_pair(pair: str) -> None:
    """Show a pair, one at a time; for callbacks."""
    put(pair=pair, view=None, page=None)


def field(name: str, value: Any, empty: Any = "") -> dict[str, Any]:
    """Key and callback of a widget that stands for a word of the address."""
    key = state.seeded(f"pairs:{name}", empty if value in (None, "") else value)
    return {"key": key, "on_change": changed(name, key, empty)}


def changed(name: str, key: str, empty: Any) -> Callable[[], None]:
    """Write what a widget holds to the address; another filter begins on the first page."""

    def write() -> None:
        value = state.widget(key)
        put(**{name: None if value == empty else value, "page": None})

    return write


def clear_filter() -> None:
    """Ask for every pair; for callbacks."""
    put(**dict.fromkeys((*FIELDS, "page")))
