"""What was kept so far, its name, and the button that makes it a character."""

from __future__ import annotations

import streamlit as st

from app import state
from app.draft_actions import let_go, make, move, name_of, names, save_name, use_name
from app.widgets import plain
from app.wording import counted
from core.slugs import free_name
from core.store.drafting import Drafting, Kept
from core.titles import title_of

GOOD = (6, 12)


def draw_mix(one: Drafting) -> None:
    """The growing character: name, the button, and the kept traits in order."""
    taken = names()
    name = name_of(one, taken)
    st.subheader("Your character so far", anchor=False)
    _draw_name(one, name, taken)
    st.button(
        "Make the character",
        key=f"make-character:{one.id}",
        type="primary" if one.kept else "secondary",
        icon=":material/person_add:",
        width="stretch",
        disabled=not one.kept or name in taken,
        on_click=make,
        args=(one.id,),
    )
    st.caption(_told(one))
    for place, kept in enumerate(one.kept):
        _draw_kept(one, place, kept)


def _draw_name(one: Drafting, name: str, taken: set[str]) -> None:
    key = state.seeded(f"draft-name:{one.id}", one.name)
    st.text_input(
        "Name",
        key=key,
        placeholder=title_of(name, one.description),
        max_chars=64,
        on_change=save_name,
        args=(one.id, key),
    )
    if name not in taken:
        st.caption(f"Its file will be called {plain(name)}.")
        return
    free = free_name(name, taken)
    st.warning(f"There is a character called {plain(name)} already.", icon=":material/error:")
    st.button(
        f"Call it {plain(free)}",
        key=f"free-name:{one.id}",
        type="tertiary",
        on_click=use_name,
        args=(one.id, free),
    )


def _told(one: Drafting) -> str:
    if not one.kept:
        return "Tick the traits that you like, in any draft. They gather here."
    examples = f" and {counted(len(one.exchanges), 'example')}" if one.exchanges else ""
    line = f"{counted(len(one.kept), 'trait')}{examples} kept."
    if len(one.kept) < GOOD[0]:
        return f"{line} About ten give a character more than one note; you can add more later."
    if len(one.kept) > GOOD[1]:
        return f"{line} About ten are remembered; more drown each other out."
    if not one.exchanges:
        return f"{line} An example or two would let even a small model catch the voice."
    return f"{line} It opens on the Traits page, where every word can be changed."


def _draw_kept(one: Drafting, place: int, kept: Kept) -> None:
    id = kept.trait.id
    with st.container(border=True, key=f"kept-{id}", gap="xxsmall"):
        st.markdown(f"**{place + 1}**&ensp;{plain(kept.trait.trait)}")
        st.caption(plain(kept.draft))
        with st.container(horizontal=True, vertical_alignment="center"):
            for label, icon, step in (("Up", "arrow_upward", -1), ("Down", "arrow_downward", 1)):
                st.button(
                    label,
                    key=f"{label}:{id}",
                    icon=f":material/{icon}:",
                    type="tertiary",
                    on_click=move,
                    args=(one.id, kept.trait, step),
                )
            st.button(
                "Let go",
                key=f"let-go:{id}",
                icon=":material/close:",
                type="tertiary",
                on_click=let_go,
                args=(one.id, kept.trait),
            )
