"""What the words mean: every term of the studio in a plain sentence and an exact one."""

from __future__ import annotations

import streamlit as st

from app.widgets import command, page_head, plain
from core.glossary import TITLES, Term, search


def page() -> None:
    """The whole glossary, or what a search finds in it."""
    page_head(
        "What the words mean",
        "Each in one plain sentence and one exact one. The same sentences stand behind the question marks.",
    )
    wanted = st.text_input(
        "Search",
        key="glossary-search",
        placeholder="A word, or what it is about",
        icon=":material/search:",
        bind="query-params",
        width=360,
    )
    found = search(wanted or "")
    if not found:
        st.caption("No word fits. Search for less.")
    for group, title in TITLES.items():
        draw_group(title, [term for term in found if term.group == group])
    command(["glossary"])


def draw_group(title: str, terms: list[Term]) -> None:
    """The words of one group in two columns, read like a page."""
    if not terms:
        return
    st.subheader(title, anchor=False)
    half = (len(terms) + 1) // 2
    for column, part in zip(st.columns(2, gap="large"), (terms[:half], terms[half:]), strict=True):
        with column:
            for term in part:
                draw_term(term)


def draw_term(term: Term) -> None:
    """One word: both names, both sentences."""
    also = f" :gray[· {plain(term.technical)}]" if term.has_two_names else ""
    with st.container(gap="xxsmall"):
        st.markdown(f"**{plain(term.word[:1].upper() + term.word[1:])}**{also}  \n{plain(term.plain)}")
        st.caption(plain(term.exact))


page()
