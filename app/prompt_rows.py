"""A trait's prompts as the Prompts page shows them, and the ways to change one."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import streamlit as st

from app import state
from app.links import link_to
from app.next_round import undo_added
from app.reads import library
from app.state.address import in_address
from app.widgets import plain, plain_text
from app.wording import counted
from core.constitution import Constitution, Trait
from core.errors import CoreError
from core.expansion import Mix
from core.records import prompt_id
from core.stages.expansion_report import Dropped, dropped_path, dropped_prompts

PAGE = "prompts"
A_PAGE = 15
EXAMPLES = 8


def draw_trait(
    constitution: Constitution, number: int, trait: Trait, written: tuple[str, ...], more: dict[str, Any]
) -> None:
    """One trait: its sentence and mix; its prompts when it is open. `more` is the button for more."""
    is_open = state.opened("prompts") == trait.id
    with st.container(border=True, key=f"prompts-{trait.id}"):
        with st.container(horizontal=True, vertical_alignment="center"):
            with st.container(gap=None):
                st.markdown(f"**{number}**&ensp;{plain(trait.trait)}")
                st.caption(mix_line(Mix.counted([*trait.questions, *written])))
            st.button(
                counted(len(trait.questions) + len(written), "prompt"),
                key=f"open:{trait.id}",
                type="tertiary",
                icon=":material/expand_less:" if is_open else ":material/expand_more:",
                on_click=state.open_only,
                args=("prompts", None if is_open else trait.id),
            )
        if is_open:
            draw_hand_written(trait)
            draw_written(constitution, trait, written)
            st.button(key=f"more:{trait.id}", type="tertiary", icon=":material/add:", **more)


def mix_line(mix: Mix) -> str:
    """The achieved mix in words."""
    return f"{mix.short} short · {mix.medium} medium · {mix.long} long"


def draw_hand_written(trait: Trait) -> None:
    """The questions of the character file, which are edited where they belong."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption("Written by hand", width="content")
        link_to("views/traits.py", "Edit them under Traits", icon=":material/edit_note:")
    for question in trait.questions:
        plain_text(question)


def draw_written(constitution: Constitution, trait: Trait, written: tuple[str, ...]) -> None:
    """The prompts that a model wrote, a page at a time."""
    if not written:
        st.caption("None written by a model yet.")
        return
    st.caption("Written by a model")
    pages = -(-len(written) // A_PAGE)
    slot = st.container()
    page = st.pagination(pages, key=f"page:{constitution.name}:{trait.id}") if pages > 1 else 1
    with slot:
        for text in written[(page - 1) * A_PAGE : page * A_PAGE]:
            draw_prompt(constitution, trait, text)


def draw_prompt(constitution: Constitution, trait: Trait, text: str) -> None:
    """One prompt: as text with its quiet actions, or as an editor."""
    key = f"{trait.id}:{prompt_id(text)}"
    if state.opened("prompt") == key:
        field = state.seeded(f"prompt:{constitution.name}:{key}", text)
        st.text_area(
            "Prompt",
            key=field,
            label_visibility="collapsed",
            on_change=save,
            args=(constitution, trait.id, text, field),
        )
        st.button("Done", key=f"close:{key}", on_click=state.open_only, args=("prompt", None))
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        with st.container():
            plain_text(text)
        st.button(
            "Edit",
            key=f"edit:{key}",
            type="tertiary",
            icon=":material/edit:",
            on_click=state.open_only,
            args=("prompt", key),
        )
        st.button(
            "Drop",
            key=f"drop:{key}",
            type="tertiary",
            icon=":material/close:",
            on_click=drop,
            args=(constitution, trait.id, text),
        )


def draw_unmatched(constitution: Constitution, sentences: list[str]) -> None:
    """Prompts whose trait is gone or was reworded elsewhere: give them to a trait or leave them."""
    for number, sentence in enumerate(sentences):
        with st.container(border=True, key=f"unmatched-{number}"):
            st.caption("These prompts belong to a sentence that no trait says any more:")
            plain_text(sentence)
            with st.container(horizontal=True, vertical_alignment="bottom"):
                key = f"adopt:{constitution.name}:{prompt_id(sentence)}"
                st.selectbox(
                    "Give them to",
                    [trait.id for trait in constitution.traits],
                    format_func=lambda id: constitution.trait_by_id(id).trait,
                    key=key,
                )
                args = (constitution, sentence, key)
                st.button(
                    "Give them", key=f"give:{number}", icon=":material/forward:", on_click=adopt, args=args
                )


# ---- what was dropped


@st.cache_data(max_entries=8, show_spinner=False)
def _dropped(name: str, stamp: tuple[str, float]) -> list[Dropped]:
    return dropped_prompts(library().shelf, name)


def dropped_of(name: str) -> list[Dropped]:
    """Every prompt of a character that was written and not kept."""
    path = dropped_path(library().shelf, name)
    return _dropped(name, (str(path), path.stat().st_mtime)) if path.exists() else []


def draw_dropped(dropped: list[Dropped]) -> None:
    """What was not kept, behind a toggle, reason by reason."""
    if not dropped:
        return
    key = in_address("show-dropped", False)
    if not st.toggle(f"Show the {len(dropped):,} that were not kept", key=key):
        return
    reasons: dict[str, list[Dropped]] = defaultdict(list)
    for candidate in dropped:
        reasons[candidate.reason].append(candidate)
    for reason, candidates in sorted(reasons.items(), key=lambda item: -len(item[1])):
        with st.expander(f"{len(candidates):,} × {plain(reason)}", key=f"dropped-{reason}"):
            for candidate in reversed(candidates[-EXAMPLES:]):
                plain_text(candidate.text or "(nothing)")
            if len(candidates) > EXAMPLES:
                st.caption(f"The newest {EXAMPLES} of {len(candidates):,}.")


# ---- callbacks


def save(constitution: Constitution, trait_id: str, old: str, field: str) -> None:
    """Save a changed prompt; an emptied one is dropped."""
    new = (state.widget(field) or "").strip()
    if not new:
        drop(constitution, trait_id, old)
    elif new != old:
        _edit(constitution, trait_id, old, new, "changed a prompt")


def drop(constitution: Constitution, trait_id: str, text: str) -> None:
    """Drop a prompt; undo brings it back."""
    if _edit(constitution, trait_id, text, None, "dropped a prompt"):
        state.say_once("Prompt dropped. Undo brings it back.", ":material/undo:")


def _edit(constitution: Constitution, trait_id: str, old: str, new: str | None, label: str) -> bool:
    state.complain(PAGE, None)
    try:
        edit = library().edit_additional(constitution, trait_id, old, new)
    except CoreError as error:
        state.complain(PAGE, str(error))
        return False
    state.remember_for_undo(f"prompts:{constitution.name}", {"edit": edit}, label)
    state.open_only("prompt", None)
    return True


def undo(constitution: Constitution) -> None:
    """Take the last change of a prompt back."""
    before = state.pop_undo(f"prompts:{constitution.name}")
    if before is None:
        return
    state.complain(PAGE, None)
    try:
        if "edit" in before[0]:
            library().undo_additional(constitution, before[0]["edit"])
        else:
            undo_added(constitution.name, before[0])
        state.say_once(f"Undone: {before[1]}", ":material/undo:")
    except CoreError as error:
        state.complain(PAGE, str(error))


def adopt(constitution: Constitution, sentence: str, key: str) -> None:
    """Give prompts without a trait to one."""
    state.complain(PAGE, None)
    try:
        library().adopt_additional(constitution, sentence, state.widget(key))
    except CoreError as error:
        state.complain(PAGE, str(error))
