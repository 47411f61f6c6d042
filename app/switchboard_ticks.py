"""The list of a character's sentences with a tick for each side, and the quick choices above it."""

from __future__ import annotations

import streamlit as st

from app import state
from app.pair_launch import MODEL_HELP
from app.switchboard_choice import MODEL, Choice, leave_out, preset, take_model, tick
from app.widgets import plain
from core.constitution import Exchange
from core.store.switchboard import SIDES
from core.switchboard import NO_EXCHANGES, Ticks, everything, exchange_id, without

LONGEST_LINE = 150


def draw_ticks(choice: Choice) -> None:
    """Quick choices, then every sentence and every exchange, readable, with what is on."""
    draw_presets(choice)
    with st.container(border=True, gap="small", key="switchboard-list"):
        st.caption("Sentences")
        for trait in choice.constitution.traits:
            draw_line(choice, trait.id, trait.trait)
        if choice.constitution.exchanges:
            st.caption("Exchanges, shown to the teacher before your question")
        for exchange in choice.constitution.exchanges:
            draw_line(choice, exchange_id(exchange), exchange_line(exchange))
    draw_model(choice)


def draw_presets(choice: Choice) -> None:
    """The comparisons that people make most."""
    whole = everything(choice.constitution)
    quick = {
        "All / none": (whole, Ticks()),
        "With / without exchanges": (whole, without(choice.constitution, NO_EXCHANGES)),
        "A on both sides": (choice.a, choice.a),
    }
    with st.container(horizontal=True, gap="small"):
        for label, (a, b) in quick.items():
            st.button(label, key=f"preset:{label}", on_click=preset, args=(choice, a, b))
    key = f"leave-out:{choice.constitution.name}"
    st.selectbox(
        "All / all but one",
        [trait.id for trait in choice.constitution.traits],
        index=None,
        key=key,
        format_func=lambda id: shortened(choice.constitution.trait_by_id(id).trait),
        placeholder="All / all but one sentence …",
        label_visibility="collapsed",
        on_change=leave_out,
        args=(choice, key),
    )


def draw_line(choice: Choice, id: str, sentence: str) -> None:
    """One sentence with its two ticks; greyed where it is off on both sides."""
    on = any(choice.of(side).has(id) for side in SIDES)
    with st.container(horizontal=True, vertical_alignment="top", gap="small"):
        for side in SIDES:
            key = f"tick:{choice.constitution.name}:{side}:{id}"
            st.checkbox(
                side.upper(),
                key=state.seeded(key, choice.of(side).has(id)),
                width="content",
                on_change=tick,
                args=(choice, side, id, key),
                help=None,
            )
        with st.container():
            words = plain(sentence)
            st.markdown(words if on else f":gray[{words}]")


def exchange_line(exchange: Exchange) -> str:
    """An exchange in one line."""
    return shortened(f"“{exchange.user}” → “{exchange.assistant}”")


def shortened(text: str) -> str:
    """A text that fits a line or two."""
    return text if len(text) <= LONGEST_LINE else f"{text[: LONGEST_LINE - 1].rstrip()} …"


def draw_model(choice: Choice) -> None:
    """Who plays the character."""
    st.text_input(
        "Teacher",
        key=state.seeded(MODEL, choice.model),
        help=MODEL_HELP,
        on_change=take_model,
        args=(choice, MODEL),
    )
    st.caption("Plays the character. The embedded model is free and small; a large one plays it best.")
