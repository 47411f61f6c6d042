"""The settings of a measurement and its button: whom to compare, how much to ask, what it takes, go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click
import streamlit as st

from app import state
from app.check_choice import (
    BUDGET,
    CONTROL,
    CONTROLS,
    EMBEDDED,
    JUDGE,
    MODEL,
    STRENGTH,
    STRENGTHS,
    TUNED,
    Choice,
    adapters_key,
    chosen,
    options_of,
    own_flags,
    own_key,
)
from app.check_kinds import About
from app.check_reads import adapters_of
from app.check_size import Size, size_of
from app.check_words import CONTROL_WORDS
from app.launch import active_job, launch
from app.launch_options import cost_money
from app.sidebar import title_of
from app.widgets import plain
from core.errors import CoreError
from core.prices import money

STAGE_WORDS = {
    "dpo": "trained on pairs",
    "sft": "trained on its own words",
    "merged": "both, merged",
    "trial": "from the trial",
}
MODEL_HELP = (
    "provider/model as it was before training, for example openrouter/meta-llama/llama-3.1-8b-instruct, or "
    "an address such as http://127.0.0.1:9000/v1#my-model."
)
TUNED_HELP = "Where the trained model is served under a name of its own: at Together, on a vLLM server."
# What a flag of one kind asks, as a field says it; the command's own help stands behind the mark.
LABELS = {
    "N": "How many",
    "limit": "How many questions",
    "samples": "Answers to each",
    "turns": "Turns",
    "condition": "Asked to take what it",
    "traits": "Words",
    "rubric": "Judged as",
    "max-tokens": "Longest answer, tokens",
}
STANDARD = "Standard"


def draw_setup(about: About, name: str, *, again: bool) -> None:
    """The settings and the button; folded where there is a result already."""
    if again:
        with st.expander("Measure again, or otherwise", icon=":material/replay:"):
            draw_fields(about, name)
            draw_go(about, name, primary=False)
        return
    draw_fields(about, name)
    draw_go(about, name, primary=True)


def draw_fields(about: About, name: str) -> None:
    """Every setting that the kind's command has."""
    known = options_of(about.kind)
    if about.needs == "adapter":
        draw_compared(about, name, known)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        for flag in own_flags(about.kind):
            draw_own(about.kind, flag, known[f"--{flag}"])
    if "--judge" in known:
        draw_judge(about)


def draw_compared(about: About, name: str, known: dict[str, click.Option]) -> None:
    """What training made, how strong, and who stands beside it."""
    model = str(state.widget(MODEL) or EMBEDDED)
    there = adapters_of(name, model.removeprefix("local/"))
    with st.container(horizontal=True, vertical_alignment="top", gap="large"):
        if len(there) > 1:
            draw_adapters(name, there)
        if there and "--strength" in known:
            draw_strengths()
        if "--control" in known:
            draw_controls()
    draw_models(bool(there))


def draw_adapters(name: str, there: Sequence[str]) -> None:
    """Which of the character's adapters; the one furthest along unless somebody chooses."""
    st.pills(
        "Trained",
        there,
        selection_mode="multi",
        default=there[:1],
        key=adapters_key(name),
        format_func=lambda one: STAGE_WORDS.get(str(one).partition("/")[0], str(one)),
        persist_state="session",
        help="Several compare the stages of training.",
    )


def draw_strengths() -> None:
    """How strong the adapter is worn; several make a sweep."""
    st.pills(
        "Strength",
        STRENGTHS,
        selection_mode="multi",
        default=(1.0,),
        key=STRENGTH,
        format_func=lambda one: f"{one:g}",
        persist_state="session",
        help="1 is as it was trained. Several show where the character begins and where language breaks.",
    )


def draw_controls() -> None:
    """Who stands beside the tuned model."""
    st.pills(
        "Compared with",
        CONTROLS,
        selection_mode="multi",
        default=CONTROLS,
        key=CONTROL,
        format_func=lambda one: CONTROL_WORDS[str(one)],
        persist_state="session",
        help="Without these nobody could tell training from a good instruction, or from chance.",
    )


def draw_models(folded: bool) -> None:
    """Models that are served elsewhere; folded where the embedded one was trained."""
    label = "Another model" if folded else "A model that is served elsewhere"
    with st.expander(label, icon=":material/dns:"):
        draw_model_fields()


def draw_model_fields() -> None:
    """The model before training and the one after it, by name."""
    with st.container(horizontal=True):
        st.text_input(
            "Before training", key=MODEL, placeholder=EMBEDDED, help=MODEL_HELP, persist_state="session"
        )
        st.text_input(
            "After training", key=TUNED, placeholder="None", help=TUNED_HELP, persist_state="session"
        )


def draw_own(kind: str, flag: str, option: click.Option) -> None:
    """A field for a flag that only this kind has, of the shape that its values have."""
    label, key, about = LABELS.get(flag, flag.capitalize()), own_key(kind, flag), option.help
    if isinstance(option.type, click.Choice):
        draw_choices(label, key, option, about)
    elif isinstance(option.type, click.types.IntParamType | click.IntRange):
        low = getattr(option.type, "min", None) or 1
        high = getattr(option.type, "max", None) or 100_000
        default = option.default if isinstance(option.default, int) else None
        st.number_input(
            label,
            low,
            high,
            default,
            key=key,
            help=about,
            width=190,
            placeholder=STANDARD,
            persist_state="session",
        )
    else:
        st.text_input(label, key=key, help=about, width=360, persist_state="session", placeholder=STANDARD)


def draw_choices(label: str, key: str, option: click.Option, about: str | None) -> None:
    """Pills for a flag that takes one of a few words, or several of them."""
    assert isinstance(option.type, click.Choice)
    words = [str(one) for one in option.type.choices]
    default: Any = option.default
    if option.multiple:
        default = list(default or words)
        st.pills(
            label,
            words,
            selection_mode="multi",
            default=default,
            key=key,
            help=about,
            persist_state="session",
        )
    else:
        st.segmented_control(label, words, default=default, key=key, help=about, persist_state="session")


def draw_judge(about: About) -> None:
    """Who judges; nobody unless somebody chooses, where the measure can do without."""
    st.selectbox(
        "Judge",
        [None, EMBEDDED],
        key=JUDGE,
        format_func=judge_words,
        accept_new_options=True,
        width=420,
        persist_state="session",
        help="A large model of another family than the teacher judges best. Type provider/model. Without a "
        "judge a classifier scores, free and here.",
    )


def judge_words(model: str | None) -> str:
    """A judge as the field shows it."""
    if not model:
        return "None"
    return "smollm2-135m, on this computer" if model == EMBEDDED else model


# ---- what it takes, and the button


def draw_go(about: About, name: str, *, primary: bool) -> None:
    """The size, the limit, and the one button."""
    choice = chosen(about, name)
    if active_job(about.subject(name)) is not None:
        st.caption("It is being measured now. What another one takes is counted when it has ended.")
        return
    size = size_of(choice)
    draw_size(size, choice)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        draw_budget(choice, size)
        button = f"{about.page}:go"
        st.button(
            about.does,
            key=button,
            type="primary" if primary else "secondary",
            icon=":material/play_arrow:",
            disabled=bool(size.trouble),
            on_click=start,
            args=(about, name, state.click_token(button), button),
        )


def draw_size(size: Size, choice: Choice) -> None:
    """What it takes, in a line; each speaker's share under it; what stands in its way."""
    if size.trouble:
        st.error(plain(size.trouble), icon=":material/error:")
        if choice.judge or not choice.is_embedded():
            st.page_link("views/settings.py", label="Engines and keys", icon=":material/key:")
        return
    st.markdown(f"**{plain(size.headline())}**")
    lines = [*size.details(), size.limit_words(state.widget(BUDGET))]
    st.caption("  \n".join(plain(line) for line in lines if line))


def draw_budget(choice: Choice, size: Size) -> None:
    """The spending limit, where money is involved, and one click to a sensible one."""
    if not paid(choice):
        return
    st.number_input(
        "Stop at",
        min_value=0.01,
        value=None,
        step=0.5,
        format="%.2f",
        key=BUDGET,
        placeholder="No limit",
        icon=":material/attach_money:",
        width=160,
        persist_state="session",
    )
    sensible = size.sensible_limit()
    if sensible is not None and state.widget(BUDGET) is None:
        st.button(
            plain(f"Limit to {money(sensible)}"),
            key="check:sensible-limit",
            type="tertiary",
            icon=":material/savings:",
            on_click=state.fill,
            args=(BUDGET, sensible),
        )


def paid(choice: Choice) -> bool:
    """Whether somebody who is asked costs money, or may."""
    try:
        return cost_money(choice.models())
    except CoreError:
        return False


def start(about: About, name: str, token: str, button: str) -> None:
    """Start the measurement; for callbacks. What was typed since the button was drawn counts."""
    launch(
        chosen(about, name).words(),
        title=f"{about.title} of {title_of(name)}",
        subject=about.subject(name),
        token=token,
        page=about.page,
    )
    state.spend_token(button)
