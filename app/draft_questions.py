"""Step 2 of a new character: a few questions, and up to three that a model asks about this very one."""

from __future__ import annotations

import streamlit as st

from app import state
from app.draft_actions import ask_about_it, go_to_step, save_answer, shelf
from app.draft_job import draw_job
from app.widgets import plain
from app.writer import Writer, choose_writer
from core.drafting.answers_read import NO_QUESTION
from core.drafting.clarifying import FIXED, ONE_ONLY, Answer, Clarifying
from core.stages.drafting import DraftJob, asked_in, asking_calls, asking_round, failures_in
from core.store.drafting import Drafting
from core.store.replies import Replies

UNASKED = "Describe the character first; then a model can ask about it."


def draw_questions(one: Drafting) -> None:
    """The questions on the left, the way on and the model's questions on the right."""
    left, right = st.columns([2.6, 1], gap="large")
    replies = shelf().replies(one.id) if one.id else None
    asked = asked_in(replies) if replies else None
    with left:
        if asked and asked.questions:
            st.subheader("About this very character", anchor=False)
            for question in asked.questions:
                _draw_question(one, question)
            st.subheader("About any character", anchor=False)
        for question in FIXED:
            _draw_question(one, question)
    with right:
        st.subheader("Next step", anchor=False)
        st.button(
            "See the drafts",
            key="next:keep",
            type="primary",
            icon=":material/arrow_forward:",
            width="stretch",
            on_click=go_to_step,
            args=(one.id, "keep"),
        )
        answered = sum(1 for answer in one.answers.values() if answer)
        st.caption(f"{answered} answered. A first draft from your own words is ready at once, free.")
        _draw_asking(one, replies)
        for text, reason in asked.unusable if asked else ():
            if reason != NO_QUESTION or not asked or not asked.questions:
                st.caption(f"Not used, {plain(reason)}: {plain(text[:160])}")


def _draw_question(one: Drafting, question: Clarifying) -> None:
    """A question: choices to click, and room for one's own words."""
    answer = one.answers.get(question.id, Answer())
    choices_key = f"choices:{one.id}:{question.id}"
    own_key = f"own:{one.id}:{question.id}"
    with st.container(border=True, key=f"question-{question.id}"):
        st.markdown(f"**{plain(question.ask)}**")
        offered = list(dict.fromkeys([*question.choices, *answer.choices]))
        args = (one.id, question.id, choices_key, own_key)
        if offered:
            single = question.id in ONE_ONLY
            chosen = (answer.choices[0] if answer.choices else None) if single else list(answer.choices)
            st.pills(
                question.ask,
                offered,
                selection_mode="single" if single else "multi",
                key=state.seeded(choices_key, chosen),
                format_func=plain,
                label_visibility="collapsed",
                on_change=save_answer,
                args=args,
            )
        st.text_input(
            f"{question.ask} In your own words",
            key=state.seeded(own_key, answer.own),
            placeholder=question.hint or "Or in your own words",
            label_visibility="collapsed",
            on_change=save_answer,
            args=args,
        )


def _draw_asking(one: Drafting, replies: Replies | None) -> None:
    """The way to questions about this very description, with its price; or why there is none."""
    st.subheader("Questions about this one", anchor=False)
    chosen = choose_writer("questions")
    if replies is None or not one.description.strip():
        st.caption(UNASKED)
        return
    if draw_job(one.id):
        return
    if chosen.is_capable:
        _draw_ask_button(one, chosen, replies)
    for _, why in failures_in(replies, "questions"):
        st.error(plain(why), icon=":material/error:")


def _draw_ask_button(one: Drafting, chosen: Writer, replies: Replies) -> None:
    assert chosen.model is not None
    round = asking_round(replies)
    calls = asking_calls(one, DraftJob(chosen.model, seed=round))
    st.button(
        "Ask for three more" if round else "Ask for three",
        key=f"ask:{one.id}",
        icon=":material/question_mark:",
        on_click=ask_about_it,
        args=(one.id, chosen.typed, round, state.click_token(f"ask:{one.id}")),
    )
    st.caption(plain(chosen.price(calls, replies)))
