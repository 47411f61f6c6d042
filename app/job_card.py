"""A job as the Jobs page shows it: one line, and what is behind it when it is opened."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Literal

import streamlit as st
from plotly.graph_objects import Figure

from app import state
from app.check_kinds import ABOUTS
from app.job_charts import (
    CONFIG,
    HEIGHT,
    at_once_chart,
    at_once_in_words,
    calm,
    is_drawable,
    last_changes,
    speed_chart,
    speed_factor,
    speed_in_words,
    without_end,
)
from app.job_figures import doubt, facts_now, failed_so_far, number, roughly, spent, totals
from app.job_reads import (
    Failures,
    History,
    failures_of,
    history_of,
    last_line_of,
    log_of,
    shell_of,
    speed,
)
from app.launch import last_job, owned_by_another, resume
from app.links import link_to
from app.reads import settings
from app.rights import told_owner
from app.widgets import plain, plain_text, stop_button
from app.wording import ago, counted, duration
from core.errors import CoreError
from core.jobs import Job, Jobs, JobState

PAGE = "jobs"
Figures = Mapping[str, Any]
Color = Literal["blue", "green", "orange", "red", "gray"]
STATES: dict[JobState, tuple[str, str, Color]] = {
    "starting": ("Starting", ":material/hourglass_top:", "blue"),
    "running": ("Running", ":material/play_circle:", "blue"),
    "done": ("Done", ":material/check_circle:", "green"),
    "incomplete": ("Incomplete", ":material/rule:", "orange"),
    "failed": ("Failed", ":material/error:", "red"),
    "cancelled": ("Stopped", ":material/stop_circle:", "gray"),
    "interrupted": ("Interrupted", ":material/power_off:", "orange"),
}
STAGES = {
    "teacher": "The teacher speaks",
    "student": "The student answers",
    "prompts": "Writing prompts",
    "drafts": "Writing",
    "load": "Opening the model",
    "reference": "Noting how it answers now",
    "train": "Training",
    "write": "Writing the adapter",
    "proof": "Checking that its answers changed",
    "before": "New questions, before",
    "after": "New questions, after",
    "report": "Counting",
}
NOUNS = {
    "teacher": "teacher answers",
    "student": "student answers",
    "prompts": "prompts",
    "train": "steps",
    "done": "steps",
}
PAGES = {
    "pairs": ("views/pairs.py", "See the pairs"),
    "prompts": ("views/prompts.py", "See the prompts"),
    "drafting": ("views/draft.py", "See the drafts"),
    "train": ("views/train.py", "See the training"),
    "trial": ("views/trial.py", "See the trial"),
    "report": ("views/report.py", "See the report"),
    **{f"eval-{about.kind}": (about.view, "See what was measured") for about in ABOUTS},
}
LOG_HEIGHT = 320
DOUBT = (
    "These requests were on their way when the connection broke or the job was stopped. The provider may "
    "charge for answers that never arrived, and again when they are asked anew. Only one answer is kept."
)


def draw_job(job: Job, *, is_open: bool, newer: Job | None) -> None:
    """One job; `newer` is the one that went on where it stopped."""
    with st.container(border=True, key=f"job-{job.id}"):
        draw_line(job, is_open)
        if job.active:
            draw_progress(job)
        if is_open:
            draw_details(job, newer)


def draw_line(job: Job, is_open: bool) -> None:
    """What it is, how it stands, when; and the way in."""
    word, icon, color = STATES[job.state]
    with st.container(horizontal=True, vertical_alignment="center"):
        with st.container(gap=None):
            st.markdown(f"**{plain(job.title)}**")
            owner = told_owner(job.page.get("by", ""))
            st.caption(dotted(facts(job) + (f" · started by {owner}" if owner else "")))
        st.badge(word, icon=icon, color=color)
        st.button(
            "Close" if is_open else "Open",
            key=f"open:{job.id}",
            type="tertiary",
            icon=":material/expand_less:" if is_open else ":material/expand_more:",
            on_click=show_job,
            args=(None if is_open else job.id,),
        )


def dotted(text: str) -> str:
    """Facts with dots between them, escaped; no line of a narrow screen begins with a dot."""
    return plain(text).replace(" · ", "\u00a0· ")


def facts(job: Job) -> str:
    """When it began, how long it took, and how much is done, in one line."""
    now = time.time()
    if job.active:
        return f"For {duration(now - job.started)} now"
    ended = job.ended_at or job.started
    parts = [f"{ago(now - ended).capitalize()} · took {duration(ended - job.started)}"]
    if job.progress and job.progress.planned:
        noun = NOUNS.get(job.progress.stage, "")
        parts.append(f"{job.progress.done:,} of {job.progress.planned:,} {noun}".rstrip())
        parts += [f"{job.progress.failed:,} failed"] if job.progress.failed else []
    if job.progress and number(job.progress.figures, "cost_usd"):
        parts.append(spent(job.progress.figures, of_budget=False))
    return " · ".join(parts)


def draw_progress(job: Job) -> None:
    """The bar with numbers, rate and time left; a job that does not count shows its last words."""
    progress = job.progress
    if progress is None or not progress.planned:
        st.status(plain(last_line_of(job) or "Starting …"), type="compact")
        return
    parts = [f"{STAGES.get(progress.stage, progress.stage)}: {progress.done:,} of {progress.planned:,}"]
    parts += [f"{progress.failed:,} failed"] if progress.failed else []
    if rate := speed(job):
        left = max(0, progress.planned - progress.done - progress.failed)
        per = f"{rate:.1f} a second" if rate >= 1 else f"{rate * 60:.0f} a minute"
        parts += [per] if number(progress.figures, "per_second") is None else []
        parts += [f"about {duration(roughly(left / rate))} left in this stage"]
    share = max(0.0, min(1.0, progress.done / progress.planned))
    st.progress(share, text=dotted(" · ".join(parts)))
    draw_facts(progress.figures)


def draw_facts(figures: Figures) -> None:
    """Speed, how many at once, money and second tries in one quiet line."""
    told, doubtful = facts_now(figures), doubt(figures)
    if told or doubtful:
        # Two lines even where one would do: a text that wraps now and then moves the page.
        with st.container(gap="xxsmall"):
            st.caption(dotted(told))
            if doubtful:
                st.caption(plain(doubtful), help=DOUBT, width="content")


def draw_details(job: Job, newer: Job | None) -> None:
    """Why it ended, what can be done, how it went, what failed, what it printed, and its command."""
    failures = [] if job.active else failures_of(job)
    history = history_of(job)
    if not job.active:
        st.markdown(plain(why_ended(job, failures)))
        draw_totals(history)
    draw_actions(job, newer, failures)
    draw_charts(job, history)
    draw_failures(failures)
    if not failures:
        draw_failed_so_far(job)
    draw_changes(last_changes(history.moments))
    draw_log(job)
    with st.expander("For engineers: its command", icon=":material/terminal:", type="compact"):
        st.code(shell_of(job), language="bash", wrap_lines=True)


def why_ended(job: Job, failures: list[Failures]) -> str:
    """One sentence about how it ended; what can be done next is on the buttons."""
    if job.state == "incomplete" and failures:
        lost = sum(group.count for group in failures)
        return f"It ran to its end, but {counted(lost, 'answer')} could not be had. All others are kept."
    if job.state == "incomplete" and job.verb == "prompts":
        return (
            "It ran to its end, but some traits have fewer prompts than wanted. All that passed are kept."
        )
    return "You stopped it. Everything finished is kept." if job.state == "cancelled" else job.message


def draw_actions(job: Job, newer: Job | None, failures: list[Failures]) -> None:
    """Cancel, go on, remove, and the way to what it made; always in this order."""
    with st.container(horizontal=True, vertical_alignment="center"):
        if job.active:
            stop_button(job, PAGE)
            st.caption("Finished work is kept.", width="content")
        elif newer is not None:
            label, icon = "Open the job that went on", ":material/arrow_forward:"
            st.button(label, key=f"newer:{job.id}", icon=icon, on_click=show_job, args=(newer.id,))
        elif job.state != "done":
            draw_go_on(job, failures)
        draw_link(job)
        if not job.active:
            draw_remove(job)


def draw_go_on(job: Job, failures: list[Failures]) -> None:
    """The button that runs the command again for what is missing."""
    lost = sum(group.count for group in failures)
    again = job.state == "incomplete" and lost
    st.button(
        f"Retry these {lost:,}" if again else "Go on",
        key=f"resume:{job.id}",
        type="primary",
        icon=":material/replay:" if again else ":material/play_arrow:",
        help="Asks only for what is missing; finished answers are kept and not paid for again.",
        on_click=go_on,
        args=(job.id, state.click_token(f"resume:{job.id}")),
    )


def draw_link(job: Job) -> None:
    """The page on which the job's work is seen."""
    kind, _, name = job.subject.partition(":")
    if kind in PAGES and name:
        path, label = PAGES[kind]
        about = "drafting" if kind == "drafting" else "character"
        link_to(path, label, icon=":material/arrow_outward:", **{about: name})


def draw_remove(job: Job) -> None:
    """Take the job off the list, asked once."""
    with st.popover("Remove from list", type="tertiary", icon=":material/delete:", key=f"ask:{job.id}"):
        st.markdown("Its log goes. Everything that it made stays.")
        st.button("Remove", key=f"remove:{job.id}", on_click=remove, args=(job.id,))


def draw_totals(history: History) -> None:
    """What each stage took: requests, tokens, money."""
    for stage, figures in history.totals.items():
        told, doubtful = totals(figures), doubt(figures)
        if told:
            line = f"{NOUNS.get(stage, stage)}: {told}" + (f" · {doubtful}" if doubtful else "")
            st.caption(dotted(line[:1].upper() + line[1:]), help=DOUBT if doubtful else None)


def draw_charts(job: Job, history: History) -> None:
    """How fast it went and how many it asked at once, each with its sentence; then what changed and why."""
    moments = calm(history.moments) if job.active else without_end(history.moments)
    if not is_drawable(moments):
        return
    ceiling = number(job.progress.figures, "ceiling") if job.progress else None
    at_once = at_once_in_words(moments, ceiling, active=job.active)
    unit = "second" if speed_factor(moments) == 1 else "minute"
    left, right = st.columns(2, gap="medium")
    with left:
        draw_chart(f"Answers a {unit}", speed_chart(moments), speed_in_words(moments), f"speed:{job.id}")
    with right:
        draw_chart("Requests at once", at_once_chart(moments), at_once, f"at-once:{job.id}")


def draw_chart(title: str, figure: Figure, sentence: str, key: str) -> None:
    """A small chart under its title, and the same in words."""
    with st.container(gap="xxsmall"):
        st.markdown(f"**{plain(title)}**")
        # A height of its own, so that nothing below moves while the chart is made anew.
        with st.container(height=HEIGHT, border=False, gap=None):
            st.plotly_chart(figure, key=key, height=HEIGHT, config=CONFIG, alt=sentence)
        st.caption(plain(sentence))


def draw_changes(changes: list[tuple[str, str]]) -> None:
    """The last times that it asked more or fewer at once, and why."""
    if changes:
        with st.container(gap="xxsmall"):
            st.markdown("**What changed, newest first**")
            # One element: of several, some would already be new while others are still old.
            st.caption("  \n".join(f"{plain(at)} &nbsp; {plain(why)}" for at, why in changes))


def draw_failed_so_far(job: Job) -> None:
    """How many answers failed and why, while it runs or where nothing more is known."""
    found = failed_so_far(job.progress.figures if job.progress else {})
    told = [plain(f"{counted(count, 'answer')} failed: {reason}") for reason, count in found]
    if told:
        st.caption("  \n".join(f":material/error: {line}" for line in told))


def draw_failures(failures: list[Failures]) -> None:
    """What did not get an answer, reason by reason."""
    for place, group in enumerate(failures):
        label = plain(f"{counted(group.count, 'answer')} failed: {group.reason}")
        with st.expander(label, icon=":material/error:", type="compact", key=f"failed-{place}"):
            plain_text(group.message)
            for role in dict.fromkeys(failed.role for failed in group.examples):
                asked = [failed for failed in group.examples if failed.role == role]
                tries = max(failed.attempts for failed in asked)
                st.caption(f"Asked of the {role}" + (f", up to {tries} times each" if tries > 1 else ""))
                for failed in asked:
                    plain_text(failed.prompt or "(the prompt is not in the run any more)")
            if group.count > len(group.examples):
                st.caption(f"And {group.count - len(group.examples):,} more.")


def draw_log(job: Job) -> None:
    """The end of its log, as text, scrolled to the last line."""
    log = log_of(job)
    if not log:
        st.caption("It has printed nothing yet." if job.active else "It printed nothing.")
        return
    st.caption("What it printed")
    tall = log.count("\n") > 12
    with st.container(height=LOG_HEIGHT if tall else "content", autoscroll=tall or None, border=False):
        st.code(log, language=None, wrap_lines=True)


# ---- callbacks


def show_job(job_id: str | None) -> None:
    """Open one job and close the others; the choice is in the address, so that a link opens it too."""
    if job_id:
        st.query_params["job"] = job_id
    else:
        st.query_params.pop("job", None)


def go_on(job_id: str, token: str) -> None:
    """Run a job's command again and open the new job."""
    state.complain(PAGE, None)
    resume(job_id, token, PAGE)
    newer = newer_of(Jobs(settings()).list(limit=20), job_id)
    if newer is not None:
        show_job(newer.id)


def newer_of(jobs: list[Job], job_id: str) -> Job | None:
    """The newest job that went on where this one stopped."""
    return next((job for job in jobs if job.resumes == job_id), None)


def remove(job_id: str) -> None:
    """Take an ended job off the list."""
    try:
        jobs = Jobs(settings())
        if not_ours := owned_by_another(jobs.get(job_id)):
            state.complain(PAGE, not_ours)
            return
        jobs.forget(job_id)
    except CoreError as error:
        state.complain(PAGE, str(error))
        return
    show_job(None)
    state.say_once("Removed from the list. What it made is kept.", ":material/delete:")


def draw_ended_badly(subject: str, page: str, incomplete: str = "") -> None:
    """Why the last job of a subject did not finish, and the button that goes on.

    `incomplete` says in the page's own words what an incomplete job means.
    """
    job = last_job(subject)
    if job is None or job.active or job.state == "done":
        return
    why = incomplete if job.state == "incomplete" and incomplete else why_ended(job, [])
    _, icon, color = STATES[job.state]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f":{color}[{icon}] {plain(f'{job.title}: {why[:1].lower()}{why[1:]}')}")
        token = state.click_token(f"resume:{job.id}")
        st.button("Go on", icon=":material/play_arrow:", on_click=resume, args=(job.id, token, page))
