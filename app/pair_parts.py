"""What one pair and a list of pairs have alike: why something is dropped, undo, and keys."""

from __future__ import annotations

import streamlit as st

from app.pair_decide import keys_on, take_back
from core.store.runs import Run

REASONS = ("not in character", "not helpful", "wrong", "too much", "unpleasant")


def shortcut(key: str) -> str | None:
    """A button's key, or none while keys are switched off."""
    return key if keys_on() else None


def draw_reason(key: str) -> None:
    """Why a pair is dropped: one of ours, or in one's own words."""
    st.selectbox(
        "Why dropped",
        REASONS,
        index=None,
        key=key,
        placeholder="Why dropped, if you like",
        label_visibility="collapsed",
        accept_new_options=True,
        width=230,
    )


def draw_undo(run: Run, key: str) -> None:
    """Take the last act back. Never greyed out: a key pressed while the page is drawn would go unheard."""
    st.button(
        "Undo",
        icon=":material/undo:",
        type="tertiary",
        shortcut=shortcut("U"),
        key=key,
        on_click=take_back,
        args=(run,),
    )
