"""Words on pages: what a thing is called for this person, and what it means on hover."""

from __future__ import annotations

import streamlit as st

from app import state
from app.state.preferences import preference, set_preference
from core import glossary

TECHNICAL = "technical"
SWITCH = "technical-names"


def technical() -> bool:
    """Whether this person wants technical names; plain ones until somebody says so."""
    return bool(preference(TECHNICAL, False))


def name(id: str) -> str:
    """What a term is called for this person."""
    return glossary.name(id, technical=technical())


def within(id: str) -> str:
    """What a term is called within a sentence: no capital unless it is made of capitals."""
    found = name(id)
    return found if found[1:2].isupper() else found[:1].lower() + found[1:]


def spoken(text: str) -> str:
    """A sentence of the studio as this person wants it said; never for a model's or a person's text."""
    return glossary.spoken(text, technical=technical())


def meaning(id: str) -> str:
    """What a term means, for the mark beside a label (`help=`)."""
    return glossary.hover(id, technical=technical())


def meanings(*ids: str) -> str:
    """What several terms mean, one under the other; a single one with its exact sentence too."""
    return glossary.hovers(ids, technical=technical())


def knows(id: str) -> bool:
    """Whether the glossary has a term."""
    return id in glossary.TERMS


def draw_vocabulary_switch() -> None:
    """The switch between plain and technical names, in the sidebar of every page."""
    with st.sidebar:
        st.toggle(
            "Technical names",
            key=state.seeded(SWITCH, technical()),
            on_change=switch,
            help="Plain words, or the names that papers and programs use. The glossary has both.",
        )


def switch() -> None:
    """Keep the choice for every page and every visit; for callbacks."""
    set_preference(TECHNICAL, bool(state.widget(SWITCH)))
