"""A measurement under way: which part, how far, what it costs, and the button that stops it."""

from __future__ import annotations

import time
from dataclasses import replace

import streamlit as st

from app import state
from app.check_kinds import About
from app.check_names import title_now
from app.check_words import who
from app.job_card import dotted, draw_ended_badly, draw_progress
from app.job_reads import history_of
from app.launch import active_job, last_job
from app.launch_quote import sentence_case
from app.widgets import stop_button
from app.wording import duration
from core.jobs import Job

INCOMPLETE = "It ran to its end, but some answers could not be had. Going on asks only for those."


def draw_live(about: About, name: str, was_running: bool) -> None:
    """The measurement that runs; when one begins or ends, the whole page is drawn once more."""
    job = active_job(about.subject(name))
    if was_running != (job is not None):
        st.rerun()
    if job is None:
        return
    with st.container(border=True, key=f"check-live-{about.kind}"):
        draw_running(about, job)
    state.show_sayings()


def draw_running(about: About, job: Job) -> None:
    """What is done, the part under way, the button."""
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        with st.container(gap=None):
            st.subheader(f"{title_now(about)}: measuring", anchor=False)
            st.caption(
                f"For {duration(time.time() - job.started)} now. It goes on when you close this window."
            )
        stop_button(job, about.page, "Finished answers are kept; it can go on.")
    draw_progress(worded(job))
    st.caption(dotted(done_words(job)))


def done_words(job: Job) -> str:
    """The parts that are done already."""
    now = job.progress.stage if job.progress else ""
    done = [stage_words(stage) for stage in history_of(job).totals if stage and stage != now]
    return f"Done: {'; '.join(done)}" if done else "Finished answers are kept, whatever happens."


def worded(job: Job) -> Job:
    """The job with the part under way in words."""
    now = job.progress
    if now is None or not now.stage:
        return job
    return replace(job, progress=replace(now, stage=sentence_case(stage_words(now.stage))))


def stage_words(stage: str) -> str:
    """A part of the work in words: "base answers" → "answers before training"."""
    label, _, rest = stage.rpartition(" ")
    if rest != "answers" or not label:
        return stage
    words = who(label)
    return f"answers {words.lower()}" if words != label else f"answers of {label}"


def draw_ended(about: About, name: str) -> None:
    """What became of the last measurement, where it did not finish, and the button that goes on."""
    job = last_job(about.subject(name))
    if job is not None and not job.active and job.state != "done":
        draw_ended_badly(about.subject(name), about.page, INCOMPLETE)
