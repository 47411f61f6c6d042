"""Train: what is learned, where, what it takes; then how it goes, live, and what came of it."""

from __future__ import annotations

import streamlit as st

from app import state
from app.launch import active_job
from app.reads import library
from app.sidebar import title_of
from app.train_choice import PAGE, chosen
from app.train_live import draw_live, draw_stopped, pending
from app.train_plan import draw_plan, needs_again, subject
from app.train_result import draw_result
from app.widgets import command, page_head, plain, standing_complaint
from core.errors import CoreError


def page() -> None:
    """The whole page for the chosen character."""
    name = state.character()
    page_head(
        "Train",
        f"The student learns from the pairs to answer as {title_of(name or 'the character')}, without "
        "being told to.",
    )
    if name is None:
        st.info("Choose a character first.")
        return
    standing_complaint(PAGE)
    try:
        library().load(name)
        draw(name)
    except CoreError as error:
        st.error(plain(str(error)), icon=":material/error:")


def draw(name: str) -> None:
    """What runs; or what came of the last one, and the plan of the next."""
    if pending(name):
        active = active_job(subject(name)) is not None
        # One flat fragment, which asks every second only while a job runs.
        st.fragment(draw_live, run_every=1.0 if active else None)(name, active)
        return
    draw_stopped(name)
    last = draw_result(name)
    choice = draw_plan(name, again=last is not None, heading="Train again" if last else "")
    command(chosen(name).words(again=_again(choice)))


def _again(choice) -> bool:  # type: ignore[no-untyped-def]
    try:
        return needs_again(choice)
    except CoreError:
        return False


page()
