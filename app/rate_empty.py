"""Before there is anything to rate: what is needed, and the button that makes it."""

from __future__ import annotations

import streamlit as st

from app import state
from app.launch import launch
from app.reads import settings
from app.sidebar import title_of
from app.trial_button import draw_try_it
from app.widgets import plain
from core.cli.evals.common import MODEL
from core.errors import CoreError
from core.names import parse_model
from core.stages.evals.speakers import own_adapter

PAGE = "rate"
SUBJECT = "eval-traits:{name}"


def draw_empty(name: str) -> None:
    """What will be here, and the one thing that leads there."""
    who = plain(title_of(name))
    st.markdown(
        f"Here you will read two answers to one question, by the model before training and by **{who}**, "
        "without knowing which is which, and press an arrow key for the better one. Your votes say two "
        "things: what people really prefer, and, from thirty votes on, whether the model that judges "
        "answers can be trusted."
    )
    with st.columns([1.2, 2])[0]:
        if is_trained(name):
            draw_make_answers(name)
        else:
            st.markdown("First a model has to learn the character.")
            draw_try_it(name, PAGE)


def is_trained(name: str) -> bool:
    """Whether the embedded model has learned the character at all."""
    try:
        own_adapter(settings(), parse_model(MODEL), name)
    except CoreError:
        return False
    return True


def draw_make_answers(name: str) -> None:
    """The button that asks both models."""
    button = "rate:make"
    st.button(
        "Make the answers",
        key=button,
        type="primary",
        icon=":material/psychology:",
        width="stretch",
        on_click=make_answers,
        args=(name, state.click_token(button)),
    )
    st.caption(
        "Asks the model before and after training the questions that measure traits. Free, some minutes on "
        "this computer; it goes on when you close this window."
    )


def make_answers(name: str, token: str) -> None:
    """Start measuring traits; for callbacks."""
    words = ["eval", "traits", "--constitution", name, "--control", "base"]
    title = f"Measure the traits of {title_of(name)}"
    launch(words, title=title, subject=SUBJECT.format(name=name), token=token, page=PAGE)
    state.spend_token("rate:make")
