"""All attacks so far: how many held, each to be opened, and the job that tries every one."""

from __future__ import annotations

import asyncio

import streamlit as st

from app import state
from app.break_answers import SAYS, WORDS, draw_tried
from app.break_choice import PAGE, Rivals
from app.commands import verb_words
from app.job_card import draw_ended_badly
from app.launch import active_job, launch
from app.launch_options import chosen, draw_budget, no_limit_without_price
from app.play_job import draw_live, size_words
from app.reads import run_of_character, settings
from app.sidebar import title_of
from app.widgets import plain
from core.attacks import ATTACKS, PLAIN, attacks_of, score
from core.constitution import Constitution
from core.errors import CoreError
from core.evaluation.results import BASE as BASE_LABEL
from core.names import ModelName, parse_model
from core.stages.breaking import BreakJob, size_break
from core.stages.defaults import PROVIDER
from core.stages.evals.hearing import evaluation_sampling
from core.stages.evals.session import Session
from core.stages.evals.speakers import Cast
from core.store.attack_log import AttackLog, Tried, verdicts

QUESTIONS = 3
SHOWN = 12
OPEN = "attack"
INCOMPLETE = "Some answers could not be had; going on asks only for those."


def subject(name: str) -> str:
    """What these jobs are about."""
    return f"break:{name}"


def draw_board(tried: list[Tried]) -> None:
    """How many held, and who says so."""
    sentence = score(verdicts(tried)).sentence
    if sentence:
        st.markdown(f":material/scoreboard: {plain(sentence)}")


# ---- every attack at once


def draw_job(constitution: Constitution, rivals: Rivals) -> list[str]:
    """The button that tries every attack, what it takes, and the job while it runs; its words."""
    name, button = constitution.name, f"break-all:{constitution.name}"
    models = models_of(rivals)
    flags = {"attack": "all", "N": QUESTIONS} | rivals.flags
    running = active_job(subject(name)) is not None
    st.subheader("Every attack at once", anchor=False)
    takes, trouble = size(constitution, rivals, models)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        draw_budget(models)
        words = verb_words("break", name, flags | {"budget": chosen(models).flags()["budget"]})
        st.button(
            f"Try all of them on {QUESTIONS} questions",
            key=button,
            icon=":material/bolt:",
            disabled=running or bool(trouble),
            on_click=try_all,
            args=(name, words, state.click_token(button), button),
        )
    if takes:
        st.caption(plain(f"{takes}. How often it holds, with intervals, is measured under Robustness."))
    if trouble:
        st.error(plain(trouble), icon=":material/error:")
    st.fragment(draw_live, run_every=1.0 if running else None)(subject(name), PAGE, running)
    if not running:
        draw_ended_badly(subject(name), PAGE, INCOMPLETE)
    return words


def models_of(rivals: Rivals) -> list[ModelName]:
    """Every model that is asked; nothing where a name is none."""
    names = [rivals.model, *(str(who["model"]) for who in rivals.sides.values() if "model" in who)]
    try:
        return [parse_model(one, default=PROVIDER) for one in names]
    except CoreError:
        return []


def size(constitution: Constitution, rivals: Rivals, models: list[ModelName]) -> tuple[str, str]:
    """(what it takes in words, why it cannot start)."""
    if not models:
        return "", f"{rivals.model} is no model name."
    flags = rivals.flags
    cast = Cast(
        models[0],
        (flags["adapter"],) if flags["adapter"] else (),
        tuple(map(float, flags["strength"])) or (1.0,),
        models[1] if len(models) > 1 else None,
        (BASE_LABEL,),
    )
    sampling = evaluation_sampling(models[0], temperature=0.7, top_p=0.95, seed=0, max_tokens=None)
    job = BreakJob(cast, attacks_of(["all"]), sampling, count=QUESTIONS)
    session = Session(constitution, settings(), run_of_character(constitution.run_id))
    try:
        found = size_words(size_break(job, session))
    except CoreError as error:
        return "", str(error)
    finally:
        asyncio.run(session.close())
    return found, no_limit_without_price(models) or ""


def try_all(name: str, words: list[str], token: str, button: str) -> None:
    """Start the job; for callbacks."""
    launch(words, title=f"Try to break {title_of(name)}", subject=subject(name), token=token, page=PAGE)
    state.spend_token(button)


# ---- what was tried


def draw_history(constitution: Constitution, log: AttackLog, tried: list[Tried], shown: str) -> None:
    """Earlier attacks, the newest first, each to be opened; a choice leaves those nobody judged."""
    older = [one for one in tried if one.attack != PLAIN and one.id != shown and one.answers]
    if not older:
        return
    st.subheader("Tried so far", anchor=False)
    show = st.segmented_control(
        "Show",
        ["All", "Not judged", "Broke"],
        default="All",
        required=True,
        key="tried",
        bind="query-params",
        label_visibility="collapsed",
    )
    fits = [one for one in older if SHOW[str(show or "All")](one)]
    if not fits:
        st.caption("None of them.")
    for one in fits[:SHOWN]:
        draw_line(constitution, log, one)
    if len(fits) > SHOWN:
        st.caption(f"The newest {SHOWN} of {len(fits)}.")


def final(tried: Tried) -> list[str]:
    """What each tuned answer came to: a person's word, else the rules'."""
    found = [tried.answers[side] for side in tried.tuned if side in tried.answers]
    return [one.verdict or str((one.reading or {}).get("verdict", "unclear")) for one in found]


def is_judged(tried: Tried) -> bool:
    """Whether a person said something of every tuned answer."""
    return all(tried.answers[side].verdict for side in tried.tuned if side in tried.answers)


SHOW = {
    "All": lambda one: True,
    "Not judged": lambda one: not is_judged(one),
    "Broke": lambda one: "broke" in final(one),
}


def draw_line(constitution: Constitution, log: AttackLog, one: Tried) -> None:
    """One attack in a line; its answers when it is open."""
    is_open = state.opened(OPEN) == one.id
    with st.container(border=True, key=f"tried-{one.id}"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            with st.container(gap=None):
                st.markdown(f"**{plain(ATTACKS[one.attack].title)}** :gray[· {plain(one.question)}]")
            for side in one.tuned:
                draw_badge(one, side)
            st.button(
                "Close" if is_open else "Open",
                key=f"open:{one.id}",
                type="tertiary",
                icon=":material/expand_less:" if is_open else ":material/expand_more:",
                on_click=state.open_only,
                args=(OPEN, None if is_open else one.id),
            )
        if is_open:
            draw_tried(constitution, log, one, asking=False)


def draw_badge(one: Tried, side: str) -> None:
    """What one tuned answer came to, and whose word that is."""
    answer = one.answers.get(side)
    if answer is None:
        return
    if answer.verdict:
        _, icon, color = SAYS[answer.verdict]
        st.badge(f"{WORDS[answer.verdict]}, you say", icon=icon, color=color)  # type: ignore[arg-type]
    elif answer.reading:
        words, icon, color = SAYS[answer.reading["verdict"]]
        st.badge(f"{words}, by rules", icon=icon, color=color)  # type: ignore[arg-type]
