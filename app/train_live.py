"""A training under way: its steps, how far it is, the question about its price, its curves."""

from __future__ import annotations

import time
from collections.abc import Sequence

import streamlit as st

from app import state
from app.commands import job_words
from app.job_card import dotted
from app.job_figures import roughly
from app.launch import active_job, cancel, last_job, launch, owned_by_another
from app.launch_options import dollars
from app.reads import settings
from app.sidebar import title_of
from app.train_choice import PAGE
from app.train_plan import subject
from app.train_result import draw_curves
from app.train_steps import (
    ICONS,
    OPENRLHF,
    Step,
    backend_of,
    open_tuning,
    steps_at_together,
    steps_here,
    tuning_of,
)
from app.widgets import plain, plain_text, stop_button
from app.wording import duration
from core.errors import CoreError
from core.jobs import Job
from core.tuning.state import Tuning, store_of
from core.tuning.together.order import price_words
from core.tuning.trainings import Training, trainings

SHOWN_NOTES = 4
ENDING = ":material/hourglass_top: It is being ended."


def pending(name: str) -> bool:
    """Whether a training runs, or one at Together waits for somebody."""
    return active_job(subject(name)) is not None or open_tuning(name) is not None


def busy(name: str) -> bool:
    """Whether a job trains, or ends a training."""
    return any(active_job(about) is not None for about in (subject(name), ending(name)))


def draw_live(name: str, was_busy: bool) -> None:
    """The training under way; the page is drawn once more when a job begins or ends."""
    if busy(name) != was_busy:
        st.rerun()
    job = active_job(subject(name))
    if job is not None and backend_of(job) != "together":
        draw_here(name, job)
    else:
        draw_together(name, job)
    state.show_sayings()


# ---- on this computer


def draw_here(name: str, job: Job) -> None:
    """Steps, the bar, the curves so far."""
    progress = job.progress
    stage = progress.stage if progress else ""
    head(f"{title_of(name)} is being learned", f"For {duration(time.time() - job.started)} now")
    left, right = st.columns([1, 1.7], gap="large")
    with left:
        draw_steps(steps_here(stage, bar_words(job)))
        draw_bar(job)
        stop = "What is learned so far is kept; it can go on."
        stop_button(job, PAGE, stop)
    with right:
        began = OPENRLHF.get(stage, stage) in ("reference", "train", "write", "done")
        draw_curves(running_one(name, job) if began else None, (), key="live")


def running_one(name: str, job: Job) -> Training | None:
    """The training that a job makes: the newest of its place."""
    here = backend_of(job)
    return next((one for one in trainings(settings(), name) if one.backend == here), None)


def head(title: str, caption: str) -> None:
    """What is under way, and since when."""
    with st.container(gap=None):
        st.subheader(plain(title), anchor=False)
        st.caption(dotted(caption))


def draw_steps(steps: Sequence[Step]) -> None:
    """A line a step, in one element: none of them ever moves."""
    lines = []
    for step in steps:
        detail = f" · {step.detail}" if step.detail else ""
        label = f"**{plain(step.label)}**" if step.standing in ("now", "asks") else plain(step.label)
        lines.append(f"{ICONS[step.standing]} {label}{plain(detail)}")
    st.markdown("  \n".join(lines))


def bar_words(job: Job) -> str:
    """How far the present step is: "step 4 of 11, about 40 s left"."""
    progress = job.progress
    if progress is None or not progress.planned:
        return ""
    done, planned = progress.done, progress.planned
    if planned > 100_000:
        return f"{done / 1e6:.1f} of {planned / 1e6:.1f} MB"
    words = f"{done:,} of {planned:,}"
    seconds = progress.figures.get("seconds")
    if progress.stage == "train" and isinstance(seconds, int | float) and done < planned:
        words += f", about {duration(roughly(seconds * (planned - done)))} left"
    return words


def draw_bar(job: Job) -> None:
    """The present step's share; the bar stays where it is when there is nothing to count."""
    progress = job.progress
    share = progress.done / progress.planned if progress and progress.planned else 0.0
    st.progress(max(0.0, min(1.0, share)))


# ---- at Together


def draw_together(name: str, job: Job | None) -> None:
    """Every step of the one button, and what it waits for."""
    tuning = (tuning_of(job) if job else None) or (None if job else open_tuning(name))
    head(together_title(name, tuning, job), together_caption(tuning, job))
    left, right = st.columns([1, 1.7], gap="large")
    with left:
        draw_steps(steps_at_together(tuning, active=job is not None, detail=detail_of(tuning, job)))
        if job is not None:
            draw_bar(job)
            draw_stop(name, tuning, job)
    with right:
        if tuning is not None and job is None:
            draw_what_next(name, tuning)
        if tuning is not None and tuning.job_id:
            draw_curves(at_together(name, tuning), (), key="live")
        if tuning is not None:
            draw_events(tuning)


def together_title(name: str, tuning: Tuning | None, job: Job | None) -> str:
    """How it stands, in a few words."""
    if job is not None or tuning is None:
        return f"{title_of(name)} is being learned at Together"
    if tuning.error:
        return f"The training of {title_of(name)} stands still"
    waits = "waits for your yes" if tuning.waits_for_yes else "can go on"
    return f"The training of {title_of(name)} {waits}"


def together_caption(tuning: Tuning | None, job: Job | None) -> str:
    if tuning is None:
        return "Checking the rows here"
    parts = [tuning.model] + ([f"{tuning.rows:,} rows"] if tuning.rows else [])
    parts += [tuning.job_id] if tuning.job_id else []
    return " · ".join([*parts, "it goes on when you close this window"] if job else parts)


def detail_of(tuning: Tuning | None, job: Job | None) -> str:
    if tuning and tuning.state == "priced" and tuning.price_usd is not None:
        return f"${tuning.price_usd:.2f}"
    return bar_words(job) if job else ""


def at_together(name: str, tuning: Tuning) -> Training | None:
    """The same training as curves know it."""
    wanted = f"together/{tuning.id}"
    return next((one for one in trainings(settings(), name) if one.id == wanted), None)


def draw_what_next(name: str, tuning: Tuning) -> None:
    """The question about the price, or the trouble with its cure, and the buttons for them."""
    if tuning.error:
        draw_error(tuning.error)
    elif tuning.waits_for_yes:
        draw_price(tuning)
    if active_job(ending(name)) is not None:
        st.caption(ENDING)
        return
    ended = last_job(ending(name))
    if ended is not None and ended.state == "failed":
        st.error(plain(ended.message), icon=":material/error:")
    with st.container(horizontal=True, vertical_alignment="center"):
        draw_go_on(name, tuning)
        draw_stop(name, tuning, None)


def is_rejected(tuning: Tuning) -> bool:
    """Whether Together will never take these rows: going on would only hear it again."""
    return tuning.state == "uploaded" and tuning.error.startswith("Together rejects")


def draw_error(error: str) -> None:
    """Why it stands still; a row that Together names stands beside it, as text."""
    said = [line for line in error.splitlines() if not line.startswith("  line ")]
    st.error("  \n".join(plain(line) for line in said), icon=":material/error:")
    for line in error.splitlines():
        if line.startswith("  line "):
            place, _, row = line.strip().partition(": ")
            st.caption(plain(place.capitalize()))
            plain_text(row)


def draw_price(tuning: Tuning) -> None:
    """What it costs, before anything is paid."""
    st.markdown(f"**{plain(price_words(tuning))}.**")
    unknown = "Nobody knows beforehand what it costs. " if tuning.price_usd is None else ""
    st.caption(f"{unknown}Nothing is paid yet. Your rows are at Together; the job begins with your yes.")


def draw_go_on(name: str, tuning: Tuning) -> None:
    """Say yes to the price, or go on after trouble."""
    key = f"{PAGE}:go-on"
    label, icon = "Go on", ":material/play_arrow:"
    if tuning.waits_for_yes and not tuning.error:
        price = tuning.price_usd
        label = "Start at an unknown price" if price is None else f"Start for ${price:.2f}"
        icon = ":material/check:"
    token = state.click_token(key)
    st.button(
        label,
        key=key,
        type="secondary" if is_rejected(tuning) else "primary",
        icon=icon,
        on_click=go_on,
        args=(name, tuning.id, tuning.price_usd, tuning.waits_for_yes and not tuning.error, token),
    )


def go_on(name: str, tuning_id: str, price: float | None, agreed: bool, token: str) -> None:
    """Drive the tuning on, with exactly the price that was on the button; for callbacks."""
    words = ["train", "resume", tuning_id]
    if agreed:
        words += ["--yes"] if price is None else ["--budget", dollars(price)]
    launch(words, title=title(name), subject=subject(name), token=token, page=PAGE)
    state.spend_token(f"{PAGE}:go-on")


def title(name: str) -> str:
    """What the Jobs page calls it."""
    return f"Train {title_of(name)}: together"


def draw_stop(name: str, tuning: Tuning | None, job: Job | None) -> None:
    """End it, at Together too; before there is anything to end there, stop the job."""
    key = f"{PAGE}:cancel"
    if tuning is not None and store_of(settings(), tuning.id).cancel_wished and job is not None:
        st.caption(ENDING)
        return
    paid = tuning is not None and tuning.job_id
    rejected = job is None and tuning is not None and is_rejected(tuning)
    st.button(
        "Put it aside and plan anew" if rejected else "Cancel it",
        key=key,
        type="primary" if rejected else "secondary",
        icon=":material/stop_circle:",
        on_click=end,
        args=(name, tuning.id if tuning else None, job.id if job else None, state.click_token(key)),
        help="What was trained until then is paid." if paid else "Nothing is paid yet.",
    )


def end(name: str, tuning_id: str | None, job_id: str | None, token: str) -> None:
    """Ask for the end, which whoever follows the tuning passes on; for callbacks."""
    began = last_job(subject(name))
    if tuning_id is None and job_id is not None:
        cancel(job_id, PAGE)
    elif began is not None and (not_ours := owned_by_another(began)):
        state.complain(PAGE, not_ours)
    elif tuning_id is not None:
        words = ["train", "cancel", tuning_id]
        label = f"Cancel the training of {title_of(name)}"
        launch(words, title=label, subject=ending(name), token=token, page=PAGE)
    state.spend_token(f"{PAGE}:cancel")


def ending(name: str) -> str:
    """The subject of the job that ends a tuning."""
    return f"cancel-training:{name}"


def draw_events(tuning: Tuning) -> None:
    """The last things that happened, newest first."""
    try:
        events = store_of(settings(), tuning.id).events()
    except CoreError:
        return
    # Trouble stands above, in full, for as long as it is one.
    news = [row for row in events if row["kind"] != "trouble"][-SHOWN_NOTES:]
    told = [f"{time.strftime('%H:%M:%S', time.localtime(row['at']))}  {row['message']}" for row in news]
    if told:
        st.caption("  \n".join(["What happened, newest first", *map(plain, reversed(told))]))


# ---- a job that ended without finishing


def draw_stopped(name: str) -> None:
    """Why the last training here did not finish, and the button that goes on."""
    job = last_job(subject(name))
    if job is None or job.active or job.state == "done" or tuning_of(job) is not None:
        # What a tuning came to stands in its own state.
        return
    last = running_one(name, job)
    if last is not None and last.verdict is not None:
        # It ran to its end; what its gate says stands above.
        return
    why = "You stopped it. Every finished step is kept." if job.state == "cancelled" else job.message
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f":orange[:material/stop_circle:] {plain(f'{job.title}. {why}')}")
        token = state.click_token(f"resume:{job.id}")
        st.button(
            "Go on",
            key=f"resume:{job.id}",
            icon=":material/play_arrow:",
            on_click=carry_on,
            args=(name, words_of(job), token),
        )


def words_of(job: Job) -> list[str]:
    """The command of a stopped training without the word that would begin it anew."""
    return [word for word in job_words(job.argv) if word not in ("--again", "--json")]


def carry_on(name: str, words: list[str], token: str) -> None:
    """Train on from the last finished step; for callbacks."""
    launch(words, title=f"Train {title_of(name)}: goes on", subject=subject(name), token=token, page=PAGE)
