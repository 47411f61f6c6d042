"""A failure becomes a prompt of the next round: chosen here, shown on the Prompts page, undone on both."""

from __future__ import annotations

import streamlit as st

from app import state
from app.links import link_to
from app.reads import library, settings
from app.widgets import plain, plain_text
from core.attacks import ATTACKS, Reading
from core.constitution import Constitution
from core.errors import CoreError, RunError
from core.sample import UNCHANGED, is_sample
from core.store.added_prompts import Added, added_prompts
from core.store.attack_log import Tried

EVERYDAY = ""
WHERE = "next-round"


def draw_next_round(constitution: Constitution, tried: Tried, side: str, reading: Reading | None) -> None:
    """The way into the next round, where somebody or something says that the answer broke."""
    verdict = tried.answers[side].verdict or (reading.verdict if reading else "")
    if verdict != "broke":
        return
    attack, text = ATTACKS[tried.attack], ATTACKS[tried.attack].as_prompt(tried.question)
    added = next(
        (one for one in added_prompts(settings(), constitution.name).all() if one.text == text), None
    )
    if added is not None:
        draw_added(constitution.name, added, f"{tried.id}:{side}")
        return
    with st.popover("Add to the next round", icon=":material/playlist_add:", width="content"):
        st.caption("The teacher and the student will be asked this first:")
        plain_text(text)
        if attack.loses:
            st.caption(plain(attack.loses))
        key = f"next:{tried.id}:{side}"
        st.selectbox(
            "To show which sentence",
            [EVERYDAY, *(trait.id for trait in constitution.traits)],
            key=key,
            format_func=lambda id: trait_words(constitution, str(id)),
        )
        st.button(
            "Add it",
            key=f"add:{tried.id}:{side}",
            icon=":material/add:",
            on_click=add,
            args=(constitution.name, text, tried.attack, key),
        )


def trait_words(constitution: Constitution, id: str) -> str:
    """A trait as a line of a list; none is everyday."""
    return constitution.trait_by_id(id).trait if id else "None in particular: everyday"


def draw_added(name: str, added: Added, where: str) -> None:
    """That it is on the list, and the ways to see it and to take it off."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(":material/check: In the next round", width="content")
        link_to("views/prompts.py", "See it", character=name)
        st.button(
            "Take it off",
            key=f"take-off:{where}",
            type="tertiary",
            icon=":material/undo:",
            on_click=drop,
            args=(name, added.text),
        )


# ---- callbacks


def add(name: str, text: str, origin: str, key: str) -> None:
    """Put a prompt on the list; the Prompts page can undo it."""
    state.complain(WHERE, None)
    try:
        if is_sample(name):
            raise RunError(UNCHANGED)
        constitution = library().load(name).constitution
        added = added_prompts(settings(), name).add(constitution, text, state.widget(key) or None, origin)
        state.remember_for_undo(f"prompts:{name}", {"added": added}, "added a prompt from a failed attack")
        state.say_once("Added. The next pairs begin with it.", ":material/playlist_add:")
    except CoreError as error:
        state.complain(WHERE, str(error))


def drop(name: str, text: str) -> None:
    """Take a prompt off the list; the Prompts page can undo it."""
    state.complain(WHERE, None)
    try:
        dropped = added_prompts(settings(), name).drop(text)
        label = "took a prompt off the next round"
        state.remember_for_undo(f"prompts:{name}", {"dropped": dropped}, label)
        state.say_once("Taken off the list. Undo on the Prompts page brings it back.", ":material/undo:")
    except CoreError as error:
        state.complain(WHERE, str(error))


def undo_added(name: str, value: dict[str, Added]) -> None:
    """Take an addition back, or put what was taken off on the list again. Raises CoreError."""
    kept = added_prompts(settings(), name)
    if "added" in value:
        kept.drop(value["added"].text)
    else:
        one = value["dropped"]
        kept.add(library().load(name).constitution, one.text, one.trait, one.origin)


# ---- on the Prompts page


def added_of(name: str) -> tuple[Added, ...]:
    """The prompts that people added. Raises CoreError."""
    return added_prompts(settings(), name).all()


def draw_list(constitution: Constitution, added: tuple[Added, ...]) -> None:
    """Every added prompt, what it is from, and the way to take it off."""
    if not added:
        return
    with st.container(border=True, key="added-prompts"):
        st.markdown(f"**Asked first in the next round** :gray[· {len(added)} added by hand]")
        for one in added:
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                with st.container(gap=None):
                    plain_text(one.text)
                    st.caption(plain(origin_words(constitution, one)))
                st.button(
                    "Take it off",
                    key=f"take-off:{one.id}",
                    type="tertiary",
                    icon=":material/close:",
                    on_click=drop,
                    args=(constitution.name, one.text),
                )


def origin_words(constitution: Constitution, added: Added) -> str:
    """Where an added prompt is from, and what it is to show."""
    if added.origin == "hand":
        source = "Added by hand"
    elif added.origin == "plain":
        source = "From an answer that was out of character"
    else:
        attack = ATTACKS.get(added.origin)
        source = "From a failed attack" + (f": {attack.title}" if attack else "")
    known = {trait.id: trait.trait for trait in constitution.traits}
    return f"{source} · {known.get(added.trait or '', 'everyday')}"
