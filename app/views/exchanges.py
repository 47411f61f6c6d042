"""Exchanges: short conversations that show the character at work, edited in place."""

from __future__ import annotations

from functools import partial

import streamlit as st

from app import state
from app.character_page import character_page, check_column
from app.editor import Open, change
from app.state.presses import is_meant
from core import editing


def save(opened: Open, index: int, side: str, key: str) -> None:
    """Save one side of an exchange."""
    text = state.widget(key) or ""
    edit = partial(editing.set_exchange, index=index, side=side, text=text)
    change(opened, "changed an exchange", edit, key)


def add(opened: Open) -> None:
    """Add an empty exchange."""
    change(opened, "added an exchange", editing.add_exchange)


def move(opened: Open, index: int, step: int) -> None:
    """Move an exchange up or down."""
    edit = partial(editing.move_exchange, index=index, step=step)
    if is_meant(f"move:{index}:{step}"):
        change(opened, "moved an exchange", edit)


def remove(opened: Open, index: int) -> None:
    """Remove an exchange; undo brings it back."""
    edit = partial(editing.remove_exchange, index=index)
    if is_meant(f"remove:{index}") and change(opened, "removed an exchange", edit):
        state.say_once("Exchange removed. Undo brings it back.", ":material/undo:")


def bubble(opened: Open, index: int, side: str, text: str) -> None:
    """One turn: who speaks, and the words, ready to be changed."""
    icon, label = (
        (":material/person:", "Somebody writes")
        if side == "user"
        else (":material/theater_comedy:", "The character answers")
    )
    key = state.seeded(f"exchange:{opened.name}:{index}:{side}", text)
    with st.chat_message(side, avatar=icon):
        st.text_area(
            label,
            key=key,
            height="content",
            placeholder="An everyday question"
            if side == "user"
            else "Two or three sentences, all in voice",
            on_change=save,
            args=(opened, index, side, key),
        )


def draw_exchange(opened: Open, index: int) -> None:
    """One exchange with its quiet actions."""
    exchange = opened.value["exchanges"][index]
    with st.container(border=True):
        bubble(opened, index, "user", exchange.get("user", ""))
        bubble(opened, index, "assistant", exchange.get("assistant", ""))
        with st.container(horizontal=True):
            for label, icon, step in (("Up", "arrow_upward", -1), ("Down", "arrow_downward", 1)):
                st.button(
                    label,
                    key=f"{label}:exchange:{index}",
                    type="tertiary",
                    icon=f":material/{icon}:",
                    on_click=move,
                    args=(opened, index, step),
                )
            st.button(
                "Remove",
                key=f"remove:exchange:{index}",
                type="tertiary",
                icon=":material/delete:",
                on_click=remove,
                args=(opened, index),
            )


def draw(opened: Open) -> None:
    """The exchanges, and the check beside them."""
    left, right = st.columns([2.6, 1], gap="large")
    with left:
        st.markdown(
            "Two to five are enough. The teacher reads them before every question, and for a small model "
            "they matter more than anything else on these pages: it copies the voice it hears."
        )
        for index in range(len(opened.value.get("exchanges", []))):
            draw_exchange(opened, index)
        st.button("Add an exchange", type="tertiary", icon=":material/add:", on_click=add, args=(opened,))
    with right:
        check_column(opened, "exchanges")


character_page("How it sounds, by example.", draw, term="exchange teacher")
