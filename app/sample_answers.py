"""The sample's before and after: stored answers side by side, since its weights are not shipped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

import streamlit as st

from app.reads import library, settings
from app.trial_button import draw_try_it
from app.widgets import answer_text, command, plain
from core.diff import Span
from core.stages.trial import read_trial

WHICH = "sample-question"


def draw_stored_answers(name: str) -> None:
    """A question to choose, its answers before and after, and the way to a live one. Raises CoreError."""
    result = read_trial(settings(), library().load(name).constitution) or {}
    asked = {
        str(prompt): list(group)
        for prompt, group in groupby(result.get("answers") or [], key=lambda one: one.get("prompt"))
    }
    st.caption(
        ":material/inventory_2: Stored answers: the sample comes without its weights, so it cannot be "
        "asked anything new. Choose one of the questions it was asked."
    )
    if asked:
        question = st.selectbox("Question", list(asked), key=WHICH, bind="query-params")
        for one in asked[str(question)]:
            draw_answer(one)
    with st.columns([1.2, 2])[0]:
        draw_try_it(name, "before")
    command(["chat", "--model", str(result.get("model") or "local/smollm2-135m")])


def draw_answer(one: Mapping[str, Any]) -> None:
    """Two answers to one question with the same seed."""
    with st.container(border=True):
        sides: Sequence[tuple[str, str]] = (("Before", "base"), ("After", "tuned"))
        for column, (title, side) in zip(st.columns(2, gap="medium"), sides, strict=True):
            with column, st.container(gap="xxsmall"):
                st.caption(plain(title))
                answer_text([Span(str(one.get(side, "")), False)])
