"""Before and after: one question, the student as it was beside what it learned, and how strong that is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import streamlit as st

from app import state
from app.answer_columns import draw_columns
from app.break_answers import column_of, draw_verdicts
from app.break_choice import EMBEDDED
from app.links import link_to
from app.next_round import WHERE
from app.reads import library, settings
from app.sample_answers import draw_stored_answers
from app.sidebar import title_of
from app.state import play
from app.trial_button import draw_try_it
from app.tuned_choice import adapters_of, draw_proof, draw_strength, draw_which, mark_of
from app.widgets import command, next_step, page_head, plain, standing_complaint
from core.attacks import PLAIN
from core.constitution import Constitution
from core.errors import CoreError
from core.sample import SAMPLE, is_sample
from core.store.attack_log import BASE, AttackLog, Tried, attack_log

PAGE = "compare"
STRENGTH, WHICH, ASKED = "compare:strength", "compare:which", "compare:question"
CHIPS = (
    "How do I boil an egg?",
    "Who are you?",
    "What is 17 times 23?",
    "Write me a letter to my bank.",
)
Side = tuple[str, dict[str, Any]]


def page() -> None:
    """The whole page for the chosen character."""
    name = state.character()
    page_head(
        "Before and after",
        f"One question, asked of the student as it was and of the one that learned "
        f"{title_of(name or 'the character')}. Neither is told who to be.",
        term="student adapter strength",
    )
    if name is None:
        st.info("Choose a character first.")
        return
    standing_complaint(PAGE)
    standing_complaint(WHERE)
    try:
        constitution, adapters = library().load(name).constitution, adapters_of(name)
        if adapters:
            compare(constitution, adapters)
        elif is_sample(name):
            draw_stored_answers(name)
        else:
            empty(name)
    except CoreError as error:
        st.error(plain(str(error)), icon=":material/error:")


def empty(name: str) -> None:
    """What will be here, and the ways to it."""
    st.markdown(
        f"Here you will hear **{plain(title_of(name))}** beside the plain student, side by side. "
        "First a student has to learn it."
    )
    with st.columns([1.2, 2])[0]:
        if not draw_try_it(name, "before"):
            next_step("Train a student", "views/train.py", "A few dozen pairs and some minutes are enough.")
    link_to(
        "views/before_after.py",
        "Or see the finished sample before and after",
        icon=":material/inventory_2:",
        character=SAMPLE,
    )
    command(["chat", "--model", EMBEDDED, "--adapter", name])


def compare(constitution: Constitution, adapters: list[str]) -> None:
    """The question, how strong, and the two answers."""
    name = constitution.name
    adapter = draw_which(adapters, WHICH)
    if not draw_proof(adapter):
        return
    log = attack_log(settings(), name)
    play.settle()
    asked = next((one for one in log.all() if one.page == PAGE), None)
    questions, slider = st.container(), st.container()
    with slider:
        strength = draw_strength(STRENGTH, on_change=hear_again, args=(name, asked.id if asked else None))
    now = side_of(adapter, strength)
    with questions:
        draw_question(name, now)
    if asked is None:
        st.caption("Ask something: both answers appear here, side by side, as they are made.")
    else:
        draw_answers(constitution, log, replace(asked, sides={BASE: {}, now[0]: now[1]}))
    words = ["chat", "--model", EMBEDDED, "--adapter", adapter, "--strength", f"{strength:g}"]
    command(words)


def side_of(adapter: str, strength: float) -> Side:
    """The tuned side as answers are kept under: another strength and a new training are other sides."""
    return f"{adapter}@{strength:g}#{mark_of(adapter)}", {"adapter": adapter, "strength": strength}


def draw_question(name: str, now: Side) -> None:
    """The question box, ready questions, and the button that stops."""
    with st.form("compare", border=False, enter_to_submit=True):
        with st.container(horizontal=True, vertical_alignment="bottom"):
            st.text_input("Your question", key=ASKED, placeholder="Ask anything", icon=":material/chat:")
            st.form_submit_button(
                "Ask", type="primary", icon=":material/send:", on_click=ask, args=(name, now, "")
            )
        with st.container(horizontal=True, gap="xsmall"):
            for chip in CHIPS:
                st.form_submit_button(chip, key=f"chip:{chip}", on_click=ask, args=(name, now, chip))
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        asking = play.waiting(PAGE, name) is not None
        st.button("Stop", icon=":material/stop_circle:", disabled=not asking, on_click=stop, args=(name,))
        link_to("views/break_me.py", "Try to break it", icon=":material/gavel:", character=name)


def draw_answers(constitution: Constitution, log: AttackLog, asked: Tried) -> None:
    """Both answers; what is not there is asked for if this tab wants it."""
    name = constitution.name
    asking = play.waiting(PAGE, name) == asked.id
    st.markdown(f":material/person: {plain(asked.question)}")
    columns = [column_of(asked, side, asking=asking) for side in asked.sides]
    named = [replace(columns[0], title="Before"), replace(columns[1], title="After")]
    draw_columns(named, lambda side, text, broken: log.answer(asked.id, side, text, broken))
    if asking:
        play.wait_for(PAGE, name, None)
        st.rerun()
    draw_verdicts(constitution, log, asked)
    if any(side not in asked.answers for side in asked.sides):
        args = (PAGE, name, asked.id)
        st.button("Answer it now", icon=":material/play_arrow:", on_click=play.wait_for, args=args)


# ---- callbacks


def ask(name: str, now: Side, text: str) -> None:
    """Ask a ready question, or what stands in the box."""
    state.complain(PAGE, None)
    question = text or (state.widget(ASKED) or "").strip()
    if not question:
        return
    if text:
        state.fill(ASKED, text)
    try:
        log = attack_log(settings(), name)
        sides = {BASE: {}, now[0]: now[1]}
        seed = len(log.all()) + 1
        id = log.begin(PLAIN, question, seed=seed, model=EMBEDDED, sides=sides, page=PAGE)
        play.wait_for(PAGE, name, id)
    except CoreError as error:
        state.complain(PAGE, str(error))


def hear_again(name: str, id: str | None) -> None:
    """Another strength: the same question is asked of that side alone."""
    play.wait_for(PAGE, name, id)


def stop(name: str) -> None:
    """Stop both answers; what has come is kept."""
    play.wait_for(PAGE, name, None)


page()
