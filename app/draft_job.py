"""The running job of a drafting, or why the last one ended early."""

from __future__ import annotations

import streamlit as st

from app.draft_actions import PAGE, subject
from app.job_card import draw_ended_badly
from app.launch import active_job
from app.widgets import job_progress

INCOMPLETE = "Some drafts could not be had; those that came are below. What failed is named there."


def draw_job(id: str) -> bool:
    """Draw how far the job of a drafting is; whether one runs."""
    running = active_job(subject(id)) is not None
    # One flat fragment, which asks every second only while something is written.
    st.fragment(_live, run_every=1.0 if running else None)(id, running)
    return running


def _live(id: str, was_running: bool) -> None:
    job = active_job(subject(id))
    if job is not None:
        job_progress(job, PAGE)
    elif was_running:
        st.rerun()
    else:
        draw_ended_badly(subject(id), PAGE, INCOMPLETE)
