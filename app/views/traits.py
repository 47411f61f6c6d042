"""Traits: the character in prose. A sentence becomes an editor when it is opened."""

from __future__ import annotations

from functools import partial
from typing import Any

import streamlit as st

from app import state
from app.character_page import character_page, check_column
from app.draft_actions import shelf
from app.editor import Open, change
from app.suggestions import draw_suggestions
from app.widgets import plain, plain_text
from core import editing
from core.constitution import new_trait_id
from core.drafting.own_words import pieces


def save_field(opened: Open, field: str, key: str) -> None:
    """Save a text of the whole character."""
    edit = partial(editing.set_field, name=field, text=state.widget(key) or "")
    change(opened, f"changed {field}", edit, key)


def save_trait(opened: Open, trait_id: str, field: str, key: str) -> None:
    """Save a trait's sentence or clarification."""
    text = state.widget(key) or ""
    edit = partial(editing.set_trait, trait_id=trait_id, name=field, text=text)
    change(opened, "changed a trait", edit, key)


def save_question(opened: Open, trait_id: str, index: int, key: str) -> None:
    """Save one question; an emptied one goes, and the box for a new one is free again once it is saved."""
    text = state.widget(key) or ""
    edit = partial(editing.set_question, trait_id=trait_id, index=index, text=text)
    if change(opened, "changed a question", edit, key) and index >= _count_questions(opened, trait_id):
        state.clear(key)


def _count_questions(opened: Open, trait_id: str) -> int:
    return len(opened.value["traits"][editing.position(opened.value, trait_id)].get("questions", []))


def add_trait(opened: Open) -> None:
    """Add an empty trait and open it."""
    made: list[str] = []

    def edit(value: editing.Value) -> editing.Value:
        made.append(new_trait_id("trait", {trait["id"] for trait in value["traits"]}))
        return editing.add_trait(value, made[-1])

    if change(opened, "added a trait", edit):
        state.open_only("trait", made[-1])


def move(opened: Open, trait_id: str, step: int) -> None:
    """Move a trait up or down."""
    change(opened, "moved a trait", partial(editing.move_trait, trait_id=trait_id, step=step))


def remove(opened: Open, trait_id: str) -> None:
    """Remove a trait; undo brings it back."""
    if change(opened, "removed a trait", partial(editing.remove_trait, trait_id=trait_id)):
        state.open_only("trait", None)
        state.say_once("Trait removed. Undo brings it back.", ":material/undo:")


def draw_trait(opened: Open, number: int, trait: dict[str, Any]) -> None:
    """One trait: as prose, or as an editor when it is open."""
    is_open = state.opened("trait") == trait["id"]
    with st.container(border=True, key=f"trait-{trait['id']}"):
        if is_open:
            draw_editor(opened, number, trait)
        else:
            draw_prose(number, trait)


def draw_prose(number: int, trait: dict[str, Any]) -> None:
    """A closed trait: its sentence, its clarification, and how many questions test it."""
    questions = len(trait.get("questions", []))
    with st.container(horizontal=True, vertical_alignment="center", wrap=False):
        with st.container():
            st.markdown(
                f"**{number}**&ensp;{plain(trait['trait']) or '*An empty trait: open it and write.*'}"
            )
            if trait.get("clarification"):
                st.caption(plain(trait["clarification"]))
        st.button(
            f"{questions} questions",
            key=f"open:{trait['id']}",
            type="tertiary",
            icon=":material/edit:",
            help="Edit the trait and the questions that test it",
            on_click=state.open_only,
            args=("trait", trait["id"]),
        )


def draw_editor(opened: Open, number: int, trait: dict[str, Any]) -> None:
    """An open trait: sentence, clarification, questions, and the quiet actions."""
    trait_id, name = trait["id"], opened.name
    key = state.seeded(f"trait:{name}:{trait_id}", trait["trait"])
    st.text_area(
        f"Trait {number}",
        key=key,
        height="content",
        placeholder="I …, in the first person, as one plain statement.",
        on_change=save_trait,
        args=(opened, trait_id, "trait", key),
    )
    key = state.seeded(f"clarification:{name}:{trait_id}", trait.get("clarification", ""))
    st.text_area(
        "Clarification",
        key=key,
        height="content",
        placeholder="Optional: where the line is, or what it does not mean.",
        on_change=save_trait,
        args=(opened, trait_id, "clarification", key),
    )
    draw_questions(opened, trait)
    draw_actions(opened, trait_id)
    draw_suggestions(opened, trait_id)


def draw_questions(opened: Open, trait: dict[str, Any]) -> None:
    """The questions that let the trait show, and room for one more."""
    st.caption(
        "Questions a user might ask that let this trait show. They never ask about the trait itself."
    )
    questions = trait.get("questions", [])
    for index, question in enumerate([*questions, ""]):
        key = state.seeded(f"question:{opened.name}:{trait['id']}:{index}", question)
        st.text_area(
            f"Question {index + 1}",
            key=key,
            height="content",
            label_visibility="collapsed",
            placeholder="Add a question",
            on_change=save_question,
            args=(opened, trait["id"], index, key),
        )


def draw_actions(opened: Open, trait_id: str) -> None:
    """Move, remove, close."""
    with st.container(horizontal=True):
        st.button("Done", key=f"close:{trait_id}", on_click=state.open_only, args=("trait", None))
        for label, icon, step in (("Up", "arrow_upward", -1), ("Down", "arrow_downward", 1)):
            st.button(
                label,
                key=f"{label}:{trait_id}",
                type="tertiary",
                icon=f":material/{icon}:",
                on_click=move,
                args=(opened, trait_id, step),
            )
        st.button(
            "Remove",
            key=f"remove:{trait_id}",
            type="tertiary",
            icon=":material/delete:",
            on_click=remove,
            args=(opened, trait_id),
        )


def draw_described(opened: Open) -> None:
    """The whole description that the character was made from, where there is one with more in it."""
    described = shelf().described(opened.name).strip()
    if len(pieces(described)) > 1:
        with st.expander("As you described it", icon=":material/notes:", key="described"):
            plain_text(described)


def draw(opened: Open) -> None:
    """The page under its head: the sentence, the traits, and the check beside them."""
    left, right = st.columns([2.6, 1], gap="large")
    with left:
        key = state.seeded(f"summary:{opened.name}", opened.value.get("summary", ""))
        st.text_area(
            "In one sentence",
            key=key,
            height="content",
            on_change=save_field,
            args=(opened, "summary", key),
        )
        draw_described(opened)
        for number, trait in enumerate(opened.value["traits"], 1):
            draw_trait(opened, number, trait)
        st.button("Add a trait", type="tertiary", icon=":material/add:", on_click=add_trait, args=(opened,))
        with st.expander("More", icon=":material/tune:"):
            key = state.seeded(f"assistant:{opened.name}", opened.value.get("assistant_name", ""))
            st.text_input(
                "What the assistant calls itself",
                key=key,
                placeholder="Left empty: the name of the model's family",
                on_change=save_field,
                args=(opened, "assistant_name", key),
            )
    with right:
        check_column(opened)


character_page("Who it is, one plain statement at a time.", draw, term="constitution trait")
