"""Switchboard: the role-played teacher with sentences switched on and off, before any training."""

from __future__ import annotations

import streamlit as st

from app import state
from app.reads import library
from app.sidebar import title_of
from app.state import play
from app.switchboard_choice import PAGE, board_of, chosen, show
from app.switchboard_effects import draw_effects
from app.switchboard_talk import draw_talk
from app.switchboard_ticks import draw_model, draw_ticks
from app.widgets import page_head, plain, standing_complaint
from core.errors import CoreError

CAPTION = (
    "Talk with {name} as a model plays it, before any training, with sentences switched on and off: "
    "the same question to both sides shows which sentence causes what."
)


def page() -> None:
    """The whole page for the chosen character."""
    name = state.character()
    page_head(
        "Switchboard",
        CAPTION.format(name=plain(title_of(name)) if name else "a character"),
        term="trait exchange teacher seed",
    )
    if name is None:
        st.markdown("There is no character yet. Make one on the Characters page.")
        return
    standing_complaint(PAGE)
    try:
        constitution = library().load(name).constitution
        play.settle()
        kept, board = board_of(name)
        choice = chosen(constitution, board)
        show(choice)
        draw_ticks(choice)
        draw_talk(choice, kept, board)
        draw_model(choice)
        draw_effects(choice, kept, board)
    except CoreError as error:
        st.error(plain(str(error)), icon=":material/error:")


page()
