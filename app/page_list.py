"""The list of pages in the sidebar: every entry is a link with the whole address of what it opens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st
from streamlit.navigation.page import Page

from app.state.address import address_of


def draw_list(sections: Mapping[str, Sequence[Page]]) -> None:
    """Draw the pages under the names of their sections.

    Streamlit's own list opens a bare address, which the page then completes: two steps of the back button.
    """
    if not st.runtime.exists():
        # Opened as a plain script, as a spawned process does with its parent's: pages have no address then.
        return
    with st.sidebar, st.container(key="page-list", gap=None):
        for title, pages in sections.items():
            if title:
                st.caption(title)
            for page in pages:
                st.page_link(page, query_params=address_of(page.url_path))
