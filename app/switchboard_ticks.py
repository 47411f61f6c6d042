"""The list of a character's sentences with a tick for each side, and the quick choices above it."""

from __future__ import annotations

import re

import streamlit as st

from app import state
from app.pair_launch import MODEL_HELP
from app.state.address import in_address
from app.switchboard_choice import MODEL, Choice, leave_out, preset, same_on_both, take_model, tick
from app.widgets import plain
from app.wording import counted
from core.constitution import Constitution, Exchange
from core.store.switchboard import SIDES
from core.switchboard import NO_EXCHANGES, Ticks, everything, exchange_id, without

LONGEST_LINE = 150
WHOLE = "switchboard:whole"


def draw_ticks(choice: Choice) -> None:
    """Quick choices, then every sentence and every exchange, readable, with what is on."""
    draw_presets(choice)
    whole = bool(state.widget(WHOLE))
    with st.container(border=True, gap="xsmall", key="switchboard-list"):
        st.caption(how_many(choice.constitution))
        for trait in choice.constitution.traits:
            draw_line(choice, trait.id, trait.trait if whole else beginning(trait.trait))
        if choice.constitution.exchanges:
            st.caption("Exchanges, shown to the teacher before your question")
        for exchange in choice.constitution.exchanges:
            draw_line(choice, exchange_id(exchange), exchange_line(exchange, whole=whole))


def how_many(constitution: Constitution) -> str:
    """How much there is to switch: what is further down is out of sight."""
    exchanges = len(constitution.exchanges)
    told = f", then {counted(exchanges, 'exchange')}" if exchanges else ""
    return f"{counted(len(constitution.traits), 'sentence')}{told}; the answers stand below them"


def draw_presets(choice: Choice) -> None:
    """The comparisons that people make most, and how the list is shown."""
    everyone = everything(choice.constitution)
    quick = {
        "All / none": (everyone, Ticks(), "A hears everything, B nothing"),
        "With / without exchanges": (
            everyone,
            without(choice.constitution, NO_EXCHANGES),
            "A hears everything, B the sentences alone",
        ),
    }
    key = f"leave-out:{choice.constitution.name}"
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        for label, (a, b, told) in quick.items():
            st.button(label, key=f"preset:{label}", help=told, on_click=preset, args=(choice, a, b))
        st.button(
            "A on both sides",
            key="preset:same",
            help="B gets the ticks of A",
            on_click=same_on_both,
            args=(choice,),
        )
        st.selectbox(
            "All / all but one",
            [trait.id for trait in choice.constitution.traits],
            index=None,
            key=key,
            format_func=lambda id: shortened(choice.constitution.trait_by_id(id).trait, 60),
            placeholder="All / all but one sentence …",
            label_visibility="collapsed",
            width=270,
            on_change=leave_out,
            args=(choice, key),
        )
        st.toggle("Whole sentences", key=in_address(WHOLE, False), persist_state="session")


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
            )
        with st.container():
            words = plain(sentence)
            st.markdown(words if on else f":gray[{words}]")


def beginning(sentence: str) -> str:
    """A trait's first sentence, which is what it is known by."""
    first = re.split(r"(?<=[.!?])\s", sentence, maxsplit=1)[0]
    return shortened(first) if first == sentence else f"{shortened(first)} …"


def exchange_line(exchange: Exchange, *, whole: bool = False) -> str:
    """An exchange in one line."""
    text = f"“{exchange.user}” → “{exchange.assistant}”"
    return text if whole else shortened(text, 130)


def shortened(text: str, longest: int = LONGEST_LINE) -> str:
    """A text that fits a line or two."""
    return text if len(text) <= longest else f"{text[: longest - 1].rstrip()} …"


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
