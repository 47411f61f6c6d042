"""A draft as a card: every trait with its box, where it comes from, and what could not be used."""

from __future__ import annotations

import streamlit as st

from app import state
from app.draft_actions import keep_all, put_aside, show_again, toggle_exchange, toggle_trait
from app.widgets import plain, plain_text
from app.wording import counted
from app.writer import shown_model
from core.drafting.replies import Draft, Proposed
from core.records import content_hash
from core.store.drafting import Drafting

OWN = (
    "Made by rule from what you wrote, without a model. Your words stand under each trait; edit them later."
)
INDENT = "&emsp;&ensp;&thinsp;"
NOTHING = "Nothing could be made of it yet. Write a sentence or two more under Describe."


def draw_draft(one: Drafting, draft: Draft, id: str, kept: set[str]) -> None:
    """One draft: what it is, its traits and examples to keep, and the rest with reasons."""
    with st.container(border=True, key=f"draft-{id[:16]}"):
        with st.container(horizontal=True, vertical_alignment="center"):
            with st.container(gap=None):
                st.subheader(plain(draft.angle), anchor=False)
                st.caption(plain(f"By {shown_model(draft.by)}") if draft.by else OWN)
            _draw_buttons(one, draft, id)
        if draft.summary and draft.by:
            st.markdown(f"*{plain(draft.summary)}*")
        if not draft.traits:
            st.caption(NOTHING if not draft.by else "It holds no trait that can be used.")
        shown = _questions_shown(one, draft, id)
        for trait in draft.traits:
            _draw_trait(one, draft, id, trait, kept, with_questions=shown)
        for turns in draft.exchanges:
            _draw_exchange(one, id, turns)
        _draw_unusable(draft, id)


def _draw_buttons(one: Drafting, draft: Draft, id: str) -> None:
    st.button(
        "Keep all",
        key=f"keep-all:{id}",
        icon=":material/done_all:",
        type="tertiary",
        disabled=not draft.traits,
        on_click=keep_all,
        args=(one.id, draft),
    )
    st.button(
        "Put aside",
        key=f"aside:{id}",
        icon=":material/visibility_off:",
        type="tertiary",
        help="Folds this draft away; traits that you kept stay kept.",
        on_click=put_aside,
        args=(one.id, id),
    )


def _questions_shown(one: Drafting, draft: Draft, id: str) -> bool:
    if not any(trait.questions for trait in draft.traits):
        return False
    return st.toggle(
        "Show the questions",
        key=f"questions-shown:{one.id}:{id}",
        persist_state="session",
        help="Five everyday messages come with each trait, through which it can show.",
    )


def _draw_trait(
    one: Drafting, draft: Draft, id: str, trait: Proposed, kept: set[str], *, with_questions: bool
) -> None:
    key = state.seeded(f"keep:{one.id}:{id}:{trait.id}", trait.id in kept)
    below = [f"from “{plain(trait.source)}”"] if trait.source else []
    if with_questions:
        below += [f"– {plain(question)}" for question in trait.questions]
    with st.container(gap=None):
        st.checkbox(
            plain(trait.trait), key=key, on_change=toggle_trait, args=(one.id, trait, draft.angle, key)
        )
        if below:
            st.caption("  \n".join(f"{INDENT}{line}" for line in below))


def _draw_exchange(one: Drafting, id: str, turns: tuple[str, str]) -> None:
    """An example of how it speaks, with its box."""
    user, answer = turns
    key = state.seeded(f"example:{one.id}:{id}:{content_hash(list(turns))[:12]}", turns in one.exchanges)
    with st.container(gap=None):
        st.checkbox(
            f"Example: {plain(' '.join(user.split()))}",
            key=key,
            on_change=toggle_exchange,
            args=(one.id, turns, key),
        )
        st.caption(f"{INDENT}{plain(' '.join(answer.split()))}")


def _draw_unusable(draft: Draft, id: str) -> None:
    """What was written and cannot be used, each with its reason."""
    if not draft.unusable:
        return
    label = f"{counted(len(draft.unusable), 'line')} not used, and why"
    with st.expander(label, icon=":material/rule:", key=f"unusable-{id[:16]}"):
        for text, reason in draft.unusable:
            plain_text(text)
            st.caption(
                plain(f"It {reason}." if _is_predicate(reason) else reason[:1].upper() + reason[1:] + ".")
            )


def _is_predicate(reason: str) -> bool:
    return reason.split(" ", 1)[0] in ("is", "says", "holds", "speaks", "was")


def draw_put_aside(one: Drafting, drafts: list[tuple[Draft, str]]) -> None:
    """The drafts that were folded away, with the way back."""
    for draft, id in drafts:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(f"{plain(draft.angle)} is put aside.", width="content")
            st.button(
                "Show again",
                key=f"show:{id}",
                type="tertiary",
                on_click=show_again,
                args=(one.id, id),
            )
