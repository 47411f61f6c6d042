"""Try it now: the whole path in miniature, step by step, then the same questions before and after."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

import streamlit as st

from app import state
from app.job_card import dotted, why_ended
from app.launch import active_job, last_job, resume
from app.links import lead_to
from app.reads import library, settings
from app.sidebar import title_of
from app.train_live import bar_words, draw_bar, draw_steps, head
from app.train_result import draw_curves
from app.train_steps import steps_of_trial
from app.trial_button import PAGE, draw_try_it, subject
from app.widgets import answer_text, command, page_head, plain, standing_complaint, stop_button
from app.wording import ago, counted, duration
from core.constitution import Constitution
from core.diff import Span
from core.errors import CoreError
from core.evaluation.results import shown_share
from core.jobs import Job
from core.sample import is_sample
from core.stages.trial import MODEL, read_trial, trial_folder
from core.store.jsonl import read_rows
from core.store.runs import Run
from core.tuning.local import adapter_place
from core.tuning.trainings import Training, read_local

ROLES = ("teacher", "student")
SHOWN = 6
MORE = "trial-more"


def page() -> None:
    """The whole page for the chosen character."""
    name = state.character()
    page_head(
        "Try it now",
        f"{title_of(name or 'The character')} in minutes, on this computer: a small model learns it, and "
        "answers the same new questions before and after.",
        term="teacher student pair adapter",
    )
    if name is None:
        st.info("Choose a character first.")
        return
    standing_complaint(PAGE)
    try:
        draw(name, library().load(name).constitution)
    except CoreError as error:
        st.error(plain(str(error)), icon=":material/error:")


def draw(name: str, constitution: Constitution) -> None:
    """What runs, or what came of it, or the button."""
    result = None
    if active_job(subject(name)) is not None:
        st.fragment(live, run_every=1.0)(name)
    else:
        result = read_trial(settings(), constitution)
        if result is None:
            draw_beginning(name)
        else:
            draw_result(name, result)
    command(["trial", name])


def draw_beginning(name: str) -> None:
    """The button, or the one that goes on where the last trial stopped; and what happens then."""
    last = last_job(subject(name))
    with st.columns([1.2, 2])[0]:
        if last is None or last.state == "done":
            draw_try_it(name, "page")
        else:
            draw_go_on(last)
    st.subheader("What happens", anchor=False)
    draw_steps([replace(step, standing="open") for step in steps_of_trial("")])


def draw_go_on(last: Job) -> None:
    """Why the last trial did not finish, and the button that goes on."""
    st.markdown(f":orange[:material/power_off:] {plain(why_ended(last, []))}")
    key = f"resume:{last.id}"
    st.button(
        "Go on",
        key=key,
        type="primary",
        icon=":material/play_arrow:",
        width="stretch",
        on_click=resume,
        args=(last.id, state.click_token(key), PAGE),
    )
    st.caption("What is finished is kept and not done again.")


def live(name: str) -> None:
    """The steps of the trial under way; when it ends the whole page is drawn once more."""
    job = active_job(subject(name))
    if job is None:
        st.rerun()
    stage = job.progress.stage if job.progress else ""
    head(f"{title_of(name)} is being learned", f"For {duration(time.time() - job.started)} now")
    left, right = st.columns([1, 1.7], gap="large")
    with left:
        draw_steps(steps_of_trial(stage, detail_of(job)))
        draw_bar(job)
        stop_button(job, PAGE, "What is finished is kept; it can go on.")
    with right:
        draw_meanwhile(name, stage)
    state.show_sayings()


def draw_meanwhile(name: str, stage: str) -> None:
    """Something to look at: what was said last, or the curves of the training."""
    if stage in ("reference", "train", "write"):
        draw_curves(training_of(name), (), key="trial-live")
    elif last := last_answer(name):
        st.caption("Said just now")
        answer_text([Span(last, False)])


def last_answer(name: str) -> str:
    """The newest answer of the trial under way; "" before there is one."""
    run = Run(trial_folder(settings(), library().load(name).constitution))
    sets = [found for role in ROLES for found in run.answer_sets(role) if found.rows_path.exists()]
    if not sets:
        return ""
    newest = max(sets, key=lambda found: found.rows_path.stat().st_mtime)
    rows = read_rows(newest.rows_path).rows[-1:]
    return str(rows[0].get("text", "")) if rows else ""


def training_of(name: str) -> Training | None:
    """The trial's own training, under way or over; the sample's stands where one on pairs does."""
    stage = "dpo" if is_sample(name) else "trial"
    place = adapter_place(settings(), MODEL.slug, stage, name)
    return read_local(place, "dpo", MODEL.slug)


def detail_of(job: Job) -> str:
    """How far the present step is; within the training, which part of it."""
    stage = job.progress.stage if job.progress else ""
    parts = {"load": "opening the model", "reference": "noting how it answers now", "write": "writing"}
    return ", ".join(part for part in (parts.get(stage, ""), bar_words(job)) if part)


# ---- the result


def draw_result(name: str, result: Mapping[str, Any]) -> None:
    """The verdict as a headline, what it is measured by, the answers side by side."""
    passed = bool(result.get("passed"))
    icon = ":green[:material/check_circle:]" if passed else ":orange[:material/rule:]"
    with st.container(gap="xxsmall"):
        verdict = str(result.get("verdict", ""))
        st.subheader(f"{icon} {plain(verdict[:1].upper() + verdict[1:])}", anchor=False)
        st.caption(dotted(facts(result)))
    draw_proof(result.get("proof"))
    if is_sample(name):
        draw_try_it(name, "trial-sample")
    else:
        draw_ask(name)
    draw_answers(result.get("answers") or [])
    draw_measures(result.get("measures") or {})
    with st.expander("How it learned", icon=":material/show_chart:"):
        draw_curves(training_of(name), (), key="trial-result")


def draw_ask(name: str) -> None:
    """The way to questions of one's own."""
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button("Ask it yourself", key="trial:ask", type="primary", icon=":material/compare:"):
            lead_to("views/before_after.py", character=name, adapter="trial")
        st.caption("Your own questions, side by side, and a slider for how strong.", width="content")


def facts(result: Mapping[str, Any]) -> str:
    """How much was made of what, how long it took, when."""
    total = (result.get("seconds") or {}).get("total", 0.0)
    parts = [counted(int(result.get("pairs") or 0), "pair"), str(result.get("model") or "")]
    parts += [f"{result.get('prompts')} new questions, asked {result.get('seeds')} times each"]
    parts += [f"took {duration(float(total))}", ago(time.time() - float(result.get("made_at") or 0))]
    return " · ".join(parts)


def draw_proof(proof: Mapping[str, Any] | None) -> None:
    """Whether the adapter was seen to change answers."""
    if not proof:
        return
    icon = ":green[:material/verified:]" if proof.get("passed") else ":red[:material/report:]"
    st.markdown(f"{icon} {plain(str(proof.get('sentence', '')))}")


def draw_answers(answers: Sequence[Mapping[str, Any]]) -> None:
    """A question and its two answers, the first of each; all of them on request."""
    asked = [list(group) for _, group in groupby(answers, key=lambda one: one.get("prompt"))]
    shown = asked if state.flag(MORE) else [group[:1] for group in asked[:SHOWN]]
    for group in shown:
        draw_group(group)
    if len(answers) > len(shown) and not state.flag(MORE):
        label = f"Show all {len(answers)} answers"
        st.button(
            label,
            type="tertiary",
            icon=":material/expand_more:",
            on_click=state.set_flag,
            args=(MORE, True),
        )


def draw_group(group: Sequence[Mapping[str, Any]]) -> None:
    """One question: before on the left, after on the right."""
    with st.container(border=True):
        st.markdown(f"**{plain(str(group[0].get('prompt', '')))}**")
        for one in group:
            left, right = st.columns(2, gap="medium")
            for column, title, name in ((left, "Before", "base"), (right, "After", "tuned")):
                with column, st.container(gap="xxsmall"):
                    st.caption(title)
                    answer_text([Span(str(one.get(name, "")), False)])


def draw_measures(measures: Mapping[str, Any]) -> None:
    """By what the voice was counted, with how many and between which bounds."""
    if not measures:
        return
    with st.expander("How it was measured", icon=":material/straighten:"):
        for name, measure in measures.items():
            st.markdown(plain(measure_words(name, measure)))


def measure_words(name: str, measure: Mapping[str, Any]) -> str:
    """One measure in a sentence."""
    what = {
        "words": "By the character's own words",
        "style": "By a classifier that learned teacher from student on other questions",
    }
    base, tuned = measure.get("base") or {}, measure.get("tuned") or {}
    bounds = f"95 % between {100 * tuned.get('low', 0):.0f} and {shown_share(tuned.get('high', 0))}"
    return (
        f"{what.get(name, name)}: "
        f"{shown_share(base.get('share', 0))} of {base.get('of', 0)} answers before, "
        f"{shown_share(tuned.get('share', 0))} of {tuned.get('of', 0)} after ({bounds})."
    )


page()
