"""Overview: a character at a glance, what was made from what, what is stale and why, and the next step."""

from __future__ import annotations

import streamlit as st

from app import state
from app.lineage_words import Card, Step, cards, next_step_of, shown_causes, why_stale
from app.links import link_to
from app.overview_offer import PAGE, draw_offer, draw_running, running
from app.reads import library, settings
from app.sidebar import title_of
from app.widgets import answer_text, command, next_step, page_head, plain, standing_complaint
from core.constitution import Constitution
from core.diff import word_spans
from core.errors import CoreError
from core.lineage import Lineage
from core.stages.lineage import lineage_of

# Five of them fit beside the sidebar of an ordinary screen.
CARD_WIDTH = 150


def page() -> None:
    """The whole page for the chosen character."""
    name = state.character()
    if name is None:
        page_head("Overview", "What was made from what.")
        st.info("Choose a character first.")
        return
    try:
        found = lineage_of(settings(), name)
        character = library().load(name).constitution
    except CoreError as error:
        page_head(plain(title_of(name)), "What was made from what.")
        st.error(plain(str(error)), icon=":material/error:")
        return
    page_head(
        plain(title_of(name)), plain(character.summary) or "No summary yet.", term="constitution stale"
    )
    standing_complaint(PAGE)
    draw(name, character, found)
    command(["lineage", name])


def draw(name: str, character: Constitution, found: Lineage) -> None:
    """The picture; then why on the left, and what to do on the right."""
    draw_chain(name, found)
    left, right = st.columns([1.7, 1], gap="large")
    with left:
        draw_why(found)
    with right:
        draw_next(name, found)
    draw_traits(character, found)


# ---- the picture


def draw_chain(name: str, found: Lineage) -> None:
    """The chain as cards in a row, which wraps where it is narrow."""
    with st.container(horizontal=True, gap="small", key="lineage-chain"):
        for card in cards(found):
            draw_card(name, card)


def draw_card(name: str, card: Card) -> None:
    """One link of the chain, and the way to its page."""
    with st.container(border=True, width=CARD_WIDTH, height="stretch", gap="xsmall"):
        link_to(card.page, f"**{card.title}**", icon=card.icon, character=name)
        st.caption(plain(card.line))
        st.markdown(card.mark)


# ---- why


def draw_why(found: Lineage) -> None:
    """What is stale, and why, in sentences."""
    told = why_stale(found)
    if not told:
        if found.data or found.adapters:
            st.subheader("Everything fits together", anchor=False)
            st.caption("What you see was made from the character as it is now.")
        return
    st.subheader("What is stale, and why", anchor=False)
    causes, more = shown_causes(told)
    for cause, things in causes:
        with st.container(gap="xxsmall"):
            st.markdown(f":orange[:material/history:] **{plain(cause)}**")
            st.caption(plain(f"Made before that: {things}."))
    if more:
        st.caption(f"And {more} more changes.")
    draw_wording(found)
    st.caption("Nothing is lost: what was made before stays, and still works as it did.")


def draw_wording(found: Lineage) -> None:
    """How reworded traits read before, with what is new marked; folded."""
    changes = [one for one in (found.pairs.changes if found.pairs else ()) if one.what == "trait"]
    if not changes:
        return
    with st.expander("What was changed", icon=":material/difference:"):
        for one in changes:
            st.caption(plain(one.sentence))
            answer_text(word_spans(one.after or one.before, one.before if one.after else ""))


def draw_traits(character: Constitution, found: Lineage) -> None:
    """The character's sentences, those marked that changed since the pairs were made."""
    st.subheader("Who it is", anchor=False)
    changed = {}
    if found.pairs is not None:
        changed = {one.trait: one.how for one in found.pairs.changes if one.what == "trait"}
    for number, trait in enumerate(character.traits, 1):
        mark = f"  :orange[:material/history:] {changed[trait.id]}" if trait.id in changed else ""
        st.markdown(f"{number}\\. {plain(trait.trait)}{mark}")


# ---- next


def draw_next(name: str, found: Lineage) -> None:
    """What runs, or the one next step."""
    if running(name):
        st.subheader("Under way", anchor=False)
        st.fragment(draw_running, run_every=1.0)(name)
        return
    step = next_step_of(found)
    if step.page:
        draw_step(step)
    else:
        draw_offer(name)


def draw_step(step: Step) -> None:
    """A next step that another page does."""
    next_step(step.label, step.page, step.caption)


page()
