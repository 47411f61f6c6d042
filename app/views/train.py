"""Train: what is learned, where, what it takes; then how it goes, live, and what came of it."""

from __future__ import annotations

import streamlit as st

from app import state
from app.lineage_strip import draw_stale_note
from app.reads import library, settings
from app.sidebar import title_of
from app.train_choice import PAGE, Choice, chosen, with_rows
from app.train_live import busy, draw_live, draw_stopped, pending
from app.train_plan import draw_plan, needs_again
from app.train_result import draw_result
from app.trial_button import draw_try_it
from app.widgets import command, page_head, plain, standing_complaint
from core.errors import CoreError


def page() -> None:
    """The whole page for the chosen character."""
    name = state.character()
    page_head(
        "Train",
        f"The student learns from the pairs to answer as {title_of(name or 'the character')}, without "
        "being told to.",
        term="student pair recipe adapter",
    )
    if name is None:
        st.info("Choose a character first.")
        return
    standing_complaint(PAGE)
    try:
        library().load(name)
        draw_stale_note(name, "model")
        draw(name)
    except CoreError as error:
        st.error(plain(str(error)), icon=":material/error:")


def draw(name: str) -> None:
    """What runs; or what came of the last one, and the plan of the next."""
    if pending(name):
        works = busy(name)
        # One flat fragment, which asks every second only while a job runs.
        st.fragment(draw_live, run_every=1.0 if works else None)(name, works)
        return
    draw_stopped(name)
    last = draw_result(name)
    first = last is None and not with_rows(name, "dpo", settings())
    if first:
        draw_first(name)
    heading = "Train again" if last else ("Or step by step" if first else "")
    quiet = first or (last is not None and last.verdict is not None and last.verdict.passed)
    choice = draw_plan(name, again=last is not None, quiet=quiet, heading=heading)
    command(chosen(name).words(again=_again(choice)))


def draw_first(name: str) -> None:
    """What will be here, and the one click that shows all of it."""
    st.markdown(
        f"Here a small model learns to be **{plain(title_of(name))}**. The quickest way to see it happen "
        "makes everything by itself: pairs, training, and answers before and after."
    )
    with st.columns([1.2, 2])[0]:
        draw_try_it(name, "train")


def _again(choice: Choice) -> bool:
    try:
        return needs_again(choice)
    except CoreError:
        return False


page()
