"""A job of the Switchboard or of Try to break it while it runs, and what others it would take."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from app.job_card import draw_progress
from app.launch import active_job
from app.launch_quote import sentence_case, took
from app.widgets import stop_button
from app.wording import counted
from core.prices import estimate_words
from core.stages.evals.session import Side


def draw_live(subject: str, page: str, was_running: bool) -> None:
    """The job that runs; when it begins or ends the whole page is drawn once more."""
    job = active_job(subject)
    if was_running != (job is not None):
        st.rerun()
    if job is None:
        return
    draw_progress(job)
    stop_button(job, page)


def size_words(sides: Sequence[Side]) -> str:
    """Price, calls and time of what is still to be asked."""
    calls, there = sum(side.calls for side in sides), sum(side.there for side in sides)
    if not calls:
        return "Every answer is there already: nothing is sent."
    low = sum((side.cost or (0.0, 0.0))[0] for side in sides)
    high = sum((side.cost or (0.0, 0.0))[1] for side in sides)
    dearest = next((side for side in sides if side.price is None or not side.price.is_free), sides[0])
    before = f", {there} there already" if there else ""
    price = sentence_case(estimate_words(low, high, dearest.price))
    here = any(side.model.provider == "local" for side in sides if side.calls)
    time = took(sum(side.seconds for side in sides), here=here)
    return f"{price} · {counted(calls, 'short answer')}{before} · {time}"
