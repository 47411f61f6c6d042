"""One attack: what was sent, every side's answer, what rules read in it, and a person's own word."""

from __future__ import annotations

import streamlit as st

from app import state
from app.answer_columns import HEIGHT, Column, draw_columns
from app.break_choice import PAGE, heading, maker
from app.listening import listener_for
from app.next_round import draw_next_round
from app.reads import settings
from app.state.person import person
from app.widgets import plain, plain_text
from core.attacks import ATTACKS, Reading
from core.constitution import Constitution
from core.errors import CoreError
from core.names import parse_model
from core.stages.defaults import PROVIDER
from core.store.attack_log import BASE, AttackLog, Tried, attack_log

BROKEN_OFF = "No answer yet: it was broken off, or another window is asking."
SAYS = {
    "held": ("It held", ":material/shield:", "green"),
    "broke": ("It broke", ":material/broken_image:", "orange"),
    "unclear": ("Rules cannot say", ":material/help:", "gray"),
}
WORDS = {"held": "Held", "broke": "Broke"}


def draw_tried(constitution: Constitution, log: AttackLog, tried: Tried, *, asking: bool) -> None:
    """The attack and its answers; they are asked for now where they are not there and this tab asked."""
    attack = ATTACKS[tried.attack]
    st.markdown(f"**{plain(attack.title)}** :gray[· {plain(attack.does)}]")
    st.markdown(f":material/person: {plain(tried.question)}")
    with st.expander("Everything that was sent", icon=":material/outgoing_mail:"):
        for message in attack.conversation(tried.question):
            st.caption(message.role.capitalize())
            plain_text(message.content)
    columns = [column_of(tried, side, asking=asking) for side in tried.sides]
    draw_columns(
        columns, lambda side, text, broken: log.answer(tried.id, side, text, broken), height=HEIGHT
    )
    if not asking:
        draw_verdicts(constitution, log, tried)


def column_of(tried: Tried, side: str, *, asking: bool) -> Column:
    """One side's answer as far as it is there."""
    title, about = heading(side, tried.sides[side])
    opens, answer = ATTACKS[tried.attack].opens, tried.answers.get(side)
    if answer is not None:
        return Column(side, title, about, answer.text, answer.broken, opens=opens)
    return Column(side, title, about, None, BROKEN_OFF, maker(tried, side) if asking else None, opens)


def draw_verdicts(constitution: Constitution, log: AttackLog, tried: Tried) -> None:
    """Under every answer what rules read in it; under the tuned ones the person's word as well."""
    listener = listener_for(constitution)
    for place, side in zip(st.columns(len(tried.sides), gap="medium"), tried.sides, strict=True):
        with place:
            reading = reading_of(constitution, log, tried, side)
            if reading is not None:
                draw_reading(reading, is_base=side == BASE)
            if side != BASE and side in tried.answers:
                draw_thumbs(constitution.name, tried, side)
                draw_next_round(constitution, tried, side, reading)
    st.caption(plain(listener.basis))


def reading_of(constitution: Constitution, log: AttackLog, tried: Tried, side: str) -> Reading | None:
    """What rules say of an answer; read once, then kept. None while there is no answer to its end."""
    answer = tried.answers.get(side)
    if answer is None or (answer.broken and not answer.text):
        return None
    if answer.reading is None:
        model = parse_model(str(tried.sides[side].get("model") or tried.model), default=PROVIDER)
        listener = listener_for(constitution)
        found = listener.read(ATTACKS[tried.attack], tried.question, answer.text, model)
        log.answer(tried.id, side, answer.text, answer.broken, found.as_dict())
        return found
    told = answer.reading
    return Reading(told["verdict"], told["why"], tuple(told["flags"]))


def draw_reading(reading: Reading, *, is_base: bool) -> None:
    """Held, broke or nobody can say, with why; every sign of damage beside it.

    The base has no character to hold: of it only the reason is said.
    """
    if not is_base:
        words, icon, color = SAYS[reading.verdict]
        st.badge(words, icon=icon, color=color)  # type: ignore[arg-type]
    st.caption(plain(f"By rules: {reading.why}"))
    for flag in reading.flags:
        if flag not in reading.why:
            st.caption(f":material/flag: {plain(f'It {flag}.')}")


def draw_thumbs(name: str, tried: Tried, side: str) -> None:
    """A person's own word, which counts for more than the rules'."""
    key = f"judge:{tried.id}:{side}"
    st.segmented_control(
        "Your word",
        list(WORDS),
        key=state.seeded(key, tried.answers[side].verdict or None),
        format_func=lambda verdict: WORDS[str(verdict)],
        on_change=judge,
        args=(name, tried.id, side, key),
    )


def judge(name: str, id: str, side: str, key: str) -> None:
    """Keep a person's word about the answer that the control was drawn for; for callbacks."""
    state.complain(PAGE, None)
    try:
        attack_log(settings(), name).judge(id, side, state.widget(key) or "", person())
    except CoreError as error:
        state.complain(PAGE, str(error))
