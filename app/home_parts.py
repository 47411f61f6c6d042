"""The pieces of the home page: the path with where you are, the ways in, what runs and what ended."""

from __future__ import annotations

import time
from collections.abc import Sequence

import streamlit as st

from app import state
from app.home_reads import jobs
from app.job_card import STATES
from app.links import link_to
from app.sidebar import title_of
from app.widgets import plain
from app.wording import ago
from core.first_steps import STEPS, Next, Standing, Step
from core.jobs import Job

TITLES: dict[Step, str] = {
    "write": "Write",
    "speak": "See it speak",
    "teach": "Teach",
    "check": "Check",
}
TELLS: dict[Step, str] = {
    "write": "Ten or so plain sentences that begin with *I*, and a few lines of talk.",
    "speak": "A teacher plays the character beside a student that does not. You keep the good pairs.",
    "teach": "The student learns from the pairs, until it needs nobody to tell it who it is.",
    "check": "The same questions before and after, with honest numbers for what changed.",
}
DONE, HERE, OPEN = (
    ":green[:material/check_circle:]",
    ":primary[:material/radio_button_checked:]",
    ":gray[:material/radio_button_unchecked:]",
)


def draw_path(standing: Standing | None, *, told: bool) -> None:
    """The four steps side by side, each with where it stands; `told` adds a sentence to each."""
    if not told:
        # In a row that wraps: columns would stand far apart on a narrow screen.
        with st.container(horizontal=True, gap="large", key="path"):
            for step in STEPS:
                st.markdown(
                    f"{_mark(step, standing)} **{TITLES[step]}**{_words(step, standing)}", width="content"
                )
        return
    for column, step in zip(st.columns(len(STEPS), gap="medium"), STEPS, strict=True):
        with column, st.container(gap="xxsmall"):
            st.markdown(f"{_mark(step, standing)} **{TITLES[step]}**{_words(step, standing)}")
            st.caption(TELLS[step])


def _mark(step: Step, standing: Standing | None) -> str:
    if standing is None:
        return f":primary[**{STEPS.index(step) + 1}**] &nbsp;"
    return DONE if step in standing.done else HERE if step == standing.here else OPEN


def _words(step: Step, standing: Standing | None) -> str:
    """The state in words too: colour and icon never carry it alone."""
    if standing is None:
        return ""
    told = "done" if step in standing.done else "you are here" if step == standing.here else "later"
    return f"  \n:small[:gray[{told}]]"


def draw_next(name: str, coming: Next) -> None:
    """The one thing to do next for a character, and what it takes."""
    st.button(
        coming.label,
        key="home:next",
        type="primary",
        icon=":material/arrow_forward:",
        on_click=open_at,
        args=(name, f"views/{coming.page}.py"),
    )
    st.caption(coming.takes)


def open_at(name: str, page: str) -> None:
    """Go to a page of a character; for callbacks."""
    state.choose_character(name)
    state.request_page(page)


def draw_work() -> None:
    """What runs now and what ended last; nothing while there was never a job."""
    running, ended = jobs()
    if running:
        st.markdown("**Running now**")
        draw_jobs(running)
    if ended:
        st.markdown("**Lately**")
        draw_jobs(ended)
    if running or ended:
        link_to("views/jobs.py", "All jobs", icon=":material/pending_actions:")


def draw_jobs(shown: Sequence[Job]) -> None:
    """A line a job: what, how it stands, when."""
    lines = [f"{_icon(job)} {plain(job.title)} :small[:gray[{plain(_stand(job))}]]" for job in shown]
    st.markdown("  \n".join(lines))


def _icon(job: Job) -> str:
    _, icon, color = STATES[job.state]
    return f":{color}[{icon}]"


def _stand(job: Job) -> str:
    if job.active:
        progress = job.progress
        return f"{progress.done} of {progress.planned}" if progress and progress.planned else "just begun"
    when = ago(time.time() - (job.ended_at or job.started))
    return f"{STATES[job.state][0].lower()}, {when}"


def titled(name: str) -> str:
    """A character's name for a heading, as text."""
    return plain(title_of(name))
