"""The file that a student learns from, written from the pairs that are kept."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from app import state
from app.glossary import within
from app.launch import active_job, launch
from app.pair_launch import PAGE, Engines
from app.reads import settings
from app.widgets import plain
from core.errors import CoreError
from core.stages.dpo_data import make_pairs
from core.store.runs import Run

# Writing takes about a second for 2,000 pairs; more of them are written by a job.
MOST_IN_PAGE = 2_000


def draw_products(run: Run, engines: Engines, kept: int) -> None:
    """Write the DPO file and hand it over; one that is older than the last decision is not offered."""
    if not kept:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        label = f"Write the {within('dpo-file')} ({kept:,} pairs)"
        if st.button(label, key="write-dpo", icon=":material/save:"):
            write(run, engines, kept)
        written = state.written_file(run.id)
        if written and written[1] == kept and Path(written[0]).exists():
            draw_written(Path(written[0]))


def draw_written(path: Path) -> None:
    """The file, and the page that learns from it."""
    st.download_button(
        "Download", path.read_bytes, path.name, icon=":material/download:", on_click="ignore"
    )
    query = {"character": state.character() or ""}
    st.page_link("views/train.py", label="Train on it", icon=":material/arrow_forward:", query_params=query)
    st.caption(plain(f"Written to {path}"))


def write(run: Run, engines: Engines, kept: int) -> None:
    """Write the files; a failure stays on the page."""
    name = state.character() or ""
    if kept > MOST_IN_PAGE:
        subject = f"dpo-data:{name}"
        if active_job(subject) is None:
            token = state.click_token(subject)
            state.spend_token(subject)
            words = engines.pair_words(name)
            launch(words, title=f"DPO file of {name}", subject=subject, token=token, page=PAGE)
        state.say_once("A job writes it; it is on the Jobs page.", ":material/pending_actions:")
        st.rerun()
    try:
        result = make_pairs(run, settings(), engines.job())
    except CoreError as error:
        state.complain(PAGE, str(error))
        st.rerun()
    state.set_written_file(run.id, result.files[0], kept)
    state.say_once(f"{result.train} pairs to train on, {result.validation} held out.")
