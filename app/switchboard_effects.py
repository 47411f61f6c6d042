"""What does each sentence do? One question, each sentence left out in turn, held against pure chance."""

from __future__ import annotations

import streamlit as st

from app import state
from app.commands import verb_words
from app.job_card import draw_ended_badly
from app.launch import active_job, launch
from app.launch_options import chosen as launch_options
from app.launch_options import draw_budget, no_limit_without_price
from app.play_job import draw_live, size_words
from app.reads import run_of_character, settings
from app.sidebar import title_of
from app.state.address import in_address, whole
from app.switchboard_choice import PAGE, Choice, now
from app.widgets import answer_text, command, plain
from core.diff import Span, word_spans
from core.errors import CoreError, RunError
from core.evaluation.results import shown_share
from core.names import ModelName, parse_model
from core.stages.defaults import PROVIDER
from core.stages.evals.session import Session, Side
from core.stages.switchboard import EffectsJob, size_effects, told_effects
from core.store.switchboard import Board, Boards, Measured
from core.switchboard import Effect, Effects, Spread, told

ABOUT = (
    "One question, asked of the whole character and of it without each sentence in turn, three times each. "
    "Answers also differ by chance: how much, the whole character shows from seed to seed."
)


INCOMPLETE = "Some answers could not be had; going on asks only for those."
CHANGED = "The character has changed since; sentences that are gone are not shown."
NO_LIST = "voice not measured (no word list)"


def subject(name: str) -> str:
    """What these jobs are about."""
    return f"{PAGE}:{name}"


def draw_effects(choice: Choice, kept: Boards, board: Board) -> None:
    """The question and what it takes; what runs; what was found."""
    name = choice.constitution.name
    st.subheader("What does each sentence do?", anchor=False)
    st.caption(ABOUT)
    running = active_job(subject(name)) is not None
    key = f"effects:question:{name}"
    asked = board.turns[-1].text if board.turns else "What should I do this weekend?"
    question = draw_launch(choice, state.seeded(key, asked), running)
    st.fragment(draw_live, run_every=1.0 if running else None)(subject(name), PAGE, running)
    if not running:
        draw_ended_badly(subject(name), PAGE, INCOMPLETE)
    draw_found(choice, kept)
    command([chat_words(choice), job_words(choice, question)])


def chat_words(choice: Choice) -> list[str]:
    """The command that asks one side."""
    flags = {"question": "…", "model": choice.model, "on": choice.text("a")}
    return verb_words("constitution switchboard", choice.constitution.name, flags)


def job_words(choice: Choice, question: str) -> list[str]:
    """The command that measures."""
    flags = {"question": question, "leave-one-out": True, "model": choice.model}
    models = model_of(choice)
    budget = {"budget": launch_options(models).flags()["budget"]} if models else {}
    return verb_words("constitution switchboard", choice.constitution.name, flags | budget)


def model_of(choice: Choice) -> tuple[ModelName, ...]:
    """The teacher by name; nothing while what is typed is none."""
    try:
        return (parse_model(choice.model, default=PROVIDER),)
    except CoreError:
        return ()


# ---- before


def draw_launch(choice: Choice, key: str, running: bool) -> str:
    """The question, what it takes, the button; the question as it stands."""
    button = f"effects:{choice.constitution.name}"
    with st.container(horizontal=True, vertical_alignment="bottom"):
        question = (
            st.text_input("One question for all of them", key=in_address(key, "", name="effects")) or ""
        ).strip()
        draw_budget(model_of(choice))
        words, trouble = takes(choice, question)
        st.button(
            "Leave one out",
            key=button,
            icon=":material/science:",
            disabled=running or not question or bool(trouble),
            on_click=measure,
            args=(choice, key, state.click_token(button), button),
        )
    st.caption(plain(words)) if words else None
    if trouble:
        st.error(plain(trouble), icon=":material/error:")
    return question


def takes(choice: Choice, question: str) -> tuple[str, str]:
    """(what it takes in words, why it cannot start)."""
    models = model_of(choice)
    if not question or not models:
        return "", "" if models or not question else f"{choice.model} is no model name."
    try:
        side = size(choice, EffectsJob(question, models[0]))
    except CoreError as error:
        return "", str(error)
    return size_words([side]), no_limit_without_price(models) or ""


def size(choice: Choice, job: EffectsJob) -> Side:
    """What is still to be asked. Raises CoreError as the job would."""
    run = run_of_character(choice.constitution.run_id)
    session = Session(choice.constitution, settings(), run)
    # Engines are only named here, never opened to the network, so there is nothing to close.
    return size_effects(job, session)[0]


def measure(drawn: Choice, key: str, token: str, button: str) -> None:
    """Start the job with the question and the teacher of this moment; for callbacks."""
    choice, question = now(drawn), (state.widget(key) or "").strip()
    _, trouble = takes(choice, question)
    if trouble or not question:
        state.complain(PAGE, trouble or "There is no question to ask.")
        return
    name, words = choice.constitution.name, job_words(choice, question)
    title = f"What each sentence of {title_of(name)} does"
    launch(words, title=title, subject=subject(name), token=token, page=PAGE)
    state.spend_token(button)


# ---- after


def draw_found(choice: Choice, kept: Boards) -> None:
    """What was measured, one question at a time."""
    measured = kept.measured()
    if not measured:
        return
    key = f"effects:which:{choice.constitution.name}"
    which = (
        st.selectbox(
            "Measured so far",
            range(len(measured)),
            key=in_address(key, 0, read=whole(0, len(measured) - 1), name="measured"),
            format_func=lambda i: measured[i].question,
        )
        if len(measured) > 1
        else 0
    )
    one = measured[which or 0]
    try:
        found = told_effects(choice.constitution, {id: list(texts) for id, texts in one.answers.items()})
    except RunError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    draw_summary(choice, one, found)
    for effect in found.effects:
        draw_effect(effect, found)


def draw_summary(choice: Choice, one: Measured, found: Effects) -> None:
    """The question, the finding with its yardstick, and what it is worth."""
    st.markdown(f"**“{plain(one.question)}”** :gray[· {plain(one.model)}]")
    st.markdown(plain(told(found)))
    voice = (
        f", voice in {shown_share(found.voice)}"
        if found.voice is not None
        else ", voice not measured (no word list)"
    )
    st.caption(
        plain(
            f"The whole character: {len(found.answers)} answers of {found.words:.0f} words, {voice}. "
            "“Changed” compares answers at the same seed, word by word."
        )
    )
    if one.constitution != choice.constitution.content_hash:
        st.caption(f":material/history: {CHANGED}")
    with st.expander("The whole character’s answers", icon=":material/notes:"):
        for text in found.answers:
            answer_text([Span(text, False)])


def draw_effect(effect: Effect, found: Effects) -> None:
    """One sentence: what leaving it out did, and the answers to look at."""
    with st.container(border=True, gap="small", key=f"effect-{effect.id.removeprefix('~')}"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            mark = "more than chance" if effect.beyond_chance else "within chance"
            icon = ":material/trending_up:" if effect.beyond_chance else ":material/remove:"
            st.badge(mark, icon=icon, color="orange" if effect.beyond_chance else "gray")
            st.caption(plain(figures(effect, found)))
        st.markdown(plain(effect.sentence))
        with st.expander("Answers without it, beside those with it", key=f"answers:{effect.id}"):
            for whole, text in zip(found.answers, effect.answers, strict=False):
                left, right = st.columns(2, gap="medium")
                with left:
                    st.caption("With it")
                    answer_text(word_spans(whole, text))
                with right:
                    st.caption("Without it")
                    answer_text(word_spans(text, whole))


def figures(effect: Effect, found: Effects) -> str:
    """Changed words, length and voice beside what they are without the change."""
    changed = effect.changed
    parts = [
        f"{shown_share(changed.mean)} of words changed ({_between(changed)}; "
        f"chance {shown_share(found.chance.mean)})",
        f"length × {effect.length:.2f}",
    ]
    if effect.voice is not None:
        parts.append(f"voice {shown_share(found.voice or 0)} → {shown_share(effect.voice)}")
    return " · ".join(parts)


def _between(spread: Spread) -> str:
    return f"{100 * spread.low:.0f} to {shown_share(spread.high)}"
