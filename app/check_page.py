"""What every Check page has: the character's name, what runs, what came of it, and how to measure it."""

from __future__ import annotations

import streamlit as st

from app import state
from app.check_choice import chosen
from app.check_fields import draw_model_fields
from app.check_kinds import KINDS, About
from app.check_live import draw_ended, draw_live
from app.check_names import title_now
from app.check_reads import adapters_of, has_pairs
from app.check_result import draw_result
from app.check_setup import draw_setup
from app.launch import active_job
from app.lineage_strip import draw_stale_note
from app.reads import library
from app.sidebar import title_of
from app.trial_button import draw_try_it
from app.widgets import command, next_step, page_head, plain, standing_complaint
from core.constitution import Constitution
from core.errors import CoreError


def page(kind: str) -> None:
    """The whole page of an evaluation, for the chosen character."""
    about, name = KINDS[kind], state.character()
    title = title_now(about)
    caption = f"{title}: {about.question}."
    page_head(plain(title_of(name)) if name else title, caption, term=about.kind)
    if name is None:
        st.info("Choose a character first.")
        return
    standing_complaint(about.page)
    try:
        draw(about, name, library().load(name).constitution)
    except CoreError as error:
        st.error(plain(str(error)), icon=":material/error:")


def draw(about: About, name: str, constitution: Constitution) -> None:
    """What runs; what came of the last one; the button."""
    draw_stale_note(name, about.kind)
    running = active_job(about.subject(name)) is not None
    # One flat fragment, which asks every second only while it is measured.
    st.fragment(draw_live, run_every=1.0 if running else None)(about, name, running)
    if not running:
        draw_ended(about, name)
    kept = draw_result(about, name, constitution)
    if kept is None:
        draw_empty(about, name, constitution, running)
    else:
        draw_setup(about, name, again=True)
    command(chosen(about, name).words())


def draw_empty(about: About, name: str, constitution: Constitution, running: bool) -> None:
    """What will be here, and the one step that is missing."""
    if running:
        return
    st.markdown(about.teaches)
    if lacks_pairs(about, constitution):
        with st.columns([1.2, 2])[0]:
            caption = "There is nothing to check yet: the teacher and the student have not spoken."
            next_step("Make pairs", "views/pairs.py", caption)
    elif lacks_adapter(about, name):
        draw_missing_adapter(about, name)
    else:
        draw_setup(about, name, again=False)


def lacks_pairs(about: About, constitution: Constitution) -> bool:
    """Whether the kind needs pairs and there are none."""
    return about.needs == "pairs" and not has_pairs(constitution)


def lacks_adapter(about: About, name: str) -> bool:
    """Whether the kind compares what training made, nothing is trained, and no tuned model is named."""
    if about.needs != "adapter":
        return False
    choice = chosen(about, name)
    return not choice.tuned and not adapters_of(name, choice.model.removeprefix("local/"))


def draw_missing_adapter(about: About, name: str) -> None:
    """The way to something trained; and the settings, folded, for a model that is served elsewhere."""
    st.markdown(f"First a student has to learn **{plain(title_of(name))}**.")
    with st.columns([1.2, 2])[0]:
        if not draw_try_it(name, about.page):
            next_step("Train a student", "views/train.py", "A few dozen pairs and some minutes are enough.")
    with st.expander("Or measure a model that is served elsewhere", icon=":material/dns:"):
        draw_model_fields()
