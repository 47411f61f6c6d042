"""A whole way that runs, or has stopped: its steps, what was spent so far, stop and go on."""

from __future__ import annotations

import time

import streamlit as st

from app import state
from app.job_card import draw_progress, why_ended
from app.launch import active_job, last_job, resume
from app.plan_choice import PAGE
from app.plan_tag import draw_standing
from app.reads import library, run_of_character, settings
from app.widgets import plain, stop_button
from app.wording import duration
from core.errors import CoreError
from core.jobs import Job
from core.prices import money
from core.stages.spent import spent_on
from core.stages.whole_now import Now, read_now


def subject(name: str) -> str:
    """What the whole ways of a character are about, as jobs."""
    return f"{PAGE}:{name}"


def now_of(name: str) -> Now | None:
    """Where the last whole way of the present version stands."""
    run = run_of_character(library().load(name).constitution.run_id)
    return read_now(run) if run else None


def spent_words(name: str, budget: float | None) -> str:
    """What the present version has cost so far: "Spent so far: $0.42 of $5.00"."""
    run = run_of_character(library().load(name).constitution.run_id)
    try:
        spent = spent_on(run, settings()).usd if run else 0.0
    except CoreError as error:
        return str(error)
    of = f" of {money(budget)}" if budget is not None else ""
    return f"Spent on this version so far: {money(spent)}{of}"


def draw_live(name: str, running: bool) -> None:
    """The steps and the present one's progress; when it ends the whole page is drawn once more."""
    job = active_job(subject(name))
    if job is None:
        if running:
            st.rerun()
        return
    now = now_of(name)
    left, right = st.columns([1, 1.5], gap="large")
    with left:
        if now is not None:
            draw_standing(now.stages, now.stage, ended=False, ok=True)
    with right:
        st.caption(f"For {duration(time.time() - job.started)} now. It goes on when you close this window.")
        draw_progress(job)
        st.markdown(plain(spent_words(name, now.budget_usd if now else None)))
        stop_button(job, PAGE, "What is finished is kept, and not paid for again.")
    state.show_sayings()


def draw_ended(name: str) -> bool:
    """What came of the last way; True where going on is the next step, and its button is drawn."""
    job, now = last_job(subject(name)), now_of(name)
    if job is None or now is None or job.state == "done":
        return False
    left, right = st.columns([1, 1.5], gap="large")
    with left:
        draw_standing(now.stages, now.stage, ended=True, ok=False)
    with right:
        why = now.why if now.ended not in ("", "done") else why_ended(job, [])
        st.markdown(f":orange[:material/power_off:] {plain(why or 'It stopped before its end.')}")
        st.markdown(plain(spent_words(name, now.budget_usd)))
        draw_go_on(job, reached=now.ended == "limit")
    return True


def draw_go_on(job: Job, *, reached: bool) -> None:
    """The same command again, which does only what is missing; a limit that was reached needs another."""
    if reached:
        st.caption("Choose a higher limit below and start again: it goes on where it stopped.")
        return
    key = f"resume:{job.id}"
    st.button(
        "Go on",
        key=key,
        type="primary",
        icon=":material/play_arrow:",
        on_click=resume,
        args=(job.id, state.click_token(key), PAGE),
    )
    st.caption("What is finished is kept and not done again.")
