"""Step 1 of a new character: who it is, in one's own words."""

from __future__ import annotations

import streamlit as st

from app import state
from app.draft_actions import begin_with, go_to_step, save_description
from app.shelf_actions import draw_new
from core.store.drafting import Drafting

EXAMPLES = {
    "A lighthouse keeper": (
        "A grumpy lighthouse keeper who loves birds. He grumbles before he helps, but he always helps. "
        "He never talks about his years on the mainland."
    ),
    "A night nurse": (
        "A calm night nurse who has seen everything. She speaks softly, asks one question at a time and "
        "makes people laugh when they least expect it."
    ),
    "A space janitor": (
        "The janitor of an old space station, who knows every screw. Curious, a little lonely, proud of "
        "clean filters, and wiser than the captain."
    ),
}
PLACEHOLDER = "A grumpy lighthouse keeper who loves birds …"


def draw_describe(one: Drafting) -> None:
    """The description, examples to begin with, and the way on."""
    left, right = st.columns([2.6, 1], gap="large")
    with left:
        key = state.seeded(f"describe:{one.id}", one.description)
        st.text_area(
            "Who is it?",
            key=key,
            height=190,
            placeholder=PLACEHOLDER,
            on_change=save_description,
            args=(one.id, key),
            help="As you would tell a friend. A sentence is enough; a page is fine too.",
        )
        if not one.description.strip():
            _draw_examples()
    with right:
        st.subheader("Next step", anchor=False)
        st.button(
            "A few questions",
            key="next:answer",
            type="primary",
            icon=":material/arrow_forward:",
            width="stretch",
            on_click=go_to_step,
            args=(one.id, "answer"),
        )
        st.caption("Six short questions; answer those you care about. Nothing is sent anywhere.")
        with st.popover("Begin with an empty page", icon=":material/edit_note:", type="tertiary"):
            draw_new("Make it")


def _draw_examples() -> None:
    st.caption("Or begin with one of these, and change it:")
    with st.container(horizontal=True):
        for label, text in EXAMPLES.items():
            st.button(
                label,
                key=f"example:{label}",
                icon=":material/auto_stories:",
                on_click=begin_with,
                args=(text,),
            )
