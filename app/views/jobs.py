"""Jobs: all long work, what it is doing, how it ended, and how to go on."""

from __future__ import annotations

import streamlit as st

from app import state
from app.job_card import PAGE, draw_job, newer_of
from app.reads import settings
from app.widgets import command, next_step, page_head, plain, standing_complaint
from core.errors import CoreError, JobError
from core.jobs import Job, Jobs

SHOWN = 20


def listed() -> list[Job]:
    """The newest jobs, and the one that the address names where it is older. Raises CoreError."""
    table = Jobs(settings())
    jobs = table.list(limit=SHOWN * (1 + state.place("jobs-more")))
    wanted = opened()
    if wanted and all(job.id != wanted for job in jobs):
        try:
            jobs.append(table.get(wanted))
        except JobError:
            st.caption("The job of this address is not in the list any more.")
    return jobs


def something_runs() -> bool:
    """Whether any job is active, however far down the list it stands."""
    return bool(Jobs(settings()).list(limit=100, active_only=True))


def opened() -> str | None:
    """The job that is open: it stands in the address as ?job=…"""
    return st.query_params.get("job")


def draw_list() -> None:
    """Every job; once the last one ends or the first one starts, the whole page is drawn anew."""
    standing_complaint(PAGE)
    try:
        jobs = listed()
    except CoreError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    if state.flag("jobs-live") != something_runs():
        st.rerun()
    for job in jobs:
        draw_job(job, is_open=job.id == opened(), newer=newer_of(jobs, job.id))
    if len(jobs) >= SHOWN * (1 + state.place("jobs-more")):
        more = state.place("jobs-more") + 1
        st.button("Show older ones", type="tertiary", on_click=state.go_to, args=("jobs-more", more))
    state.show_sayings()


def empty() -> None:
    """What will be here, before there is anything."""
    st.markdown(
        "Whatever takes longer than a moment becomes a job: making pairs, writing prompts, fetching a "
        "model. Jobs run on when this window is closed, keep every finished answer, and go on where they "
        "stopped."
    )
    with st.columns([1.2, 2])[0]:
        next_step(
            "Make the first pairs",
            "views/pairs.py",
            "A preview of four takes less than a minute and is free.",
        )


def page() -> None:
    """The whole page; the list draws itself every second while something runs."""
    page_head("Jobs", "Long work, newest first. It runs on when you close this window.", term="job")
    try:
        jobs = Jobs(settings()).list(limit=SHOWN)
    except CoreError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    live = something_runs()
    state.set_flag("jobs-live", live)
    if jobs or opened():
        st.fragment(draw_list, run_every=1.0 if live else None)()
    else:
        empty()
    command([["jobs", "list"], ["jobs", "show", opened() or "ID"]])


page()
