"""Deleting asks nothing, since it can be undone; only deleting for good wants the name typed."""

from __future__ import annotations

import streamlit as st

from app import state
from app.reads import library
from app.rights import is_admin, refused
from app.sidebar import title_of
from app.state.trash import deleted_last, forget_deleted, remember_deleted
from app.version_words import when
from app.widgets import plain
from core.constitution import slug_for
from core.errors import CoreError
from core.store.library import TrashItem

PAGE = "characters"
MOST_SHOWN = 30
NAME_KEY = "trash-name"


def draw_trash() -> None:
    """Undo for what was just deleted, and all that can be brought back; nothing while it is empty."""
    items = library().trash()
    last = deleted_last()
    if last and last[0] in {item.id for item in items}:
        st.button(
            f"Undo: {title_of(last[1])} deleted",
            key=f"undelete:{last[0]}",
            icon=":material/undo:",
            on_click=bring_back,
            args=(last[0],),
        )
    if items:
        with st.popover(f"Trash ({len(items)})", icon=":material/delete:", type="tertiary"):
            draw_items(items)


def draw_items(items: list[TrashItem]) -> None:
    """Each deleted character: who, when, and the way back; under them the way out for good."""
    for item in items[:MOST_SHOWN]:
        with st.container(horizontal=True, vertical_alignment="center", wrap=False):
            with st.container(gap=None):
                st.markdown(plain(title_of(item.name)))
                st.caption(f"deleted {when(item.deleted_at)}")
            st.button(
                "Bring back",
                key=f"back:{item.id}",
                type="tertiary",
                icon=":material/undo:",
                on_click=bring_back,
                args=(item.id,),
            )
    if len(items) > MOST_SHOWN:
        st.caption(f"And {len(items) - MOST_SHOWN} older ones: character constitution trash lists them.")
    if is_admin():
        draw_for_good(items)


def draw_for_good(items: list[TrashItem]) -> None:
    """A name to type, and the button that then removes what has it, for good."""
    typed = st.text_input(
        "To delete one for good, type its name",
        key=NAME_KEY,
        help="With its prompts and versions. Nothing brings it back.",
    )
    meant = tuple(item.id for item in items if typed and slug_for(typed) == item.name)
    st.button(
        "Delete for good" if len(meant) < 2 else f"Delete all {len(meant)} for good",
        key="delete-for-good",
        icon=":material/delete_forever:",
        disabled=not meant,
        on_click=delete_for_good,
        args=(meant,),
    )


# ---- callbacks


def delete(name: str) -> None:
    """Move a character to the trash."""
    state.complain(PAGE, None)
    try:
        item = library().delete(name)
    except CoreError as error:
        state.complain(PAGE, str(error))
        return
    remember_deleted(item.id, name)
    state.say_once(f"{title_of(name)} is in the trash. Undo brings it back.", ":material/delete:")


def bring_back(item_id: str) -> None:
    """Bring a deleted character back."""
    state.complain(PAGE, None)
    try:
        name = library().restore_from_trash(item_id)
    except CoreError as error:
        state.complain(PAGE, str(error))
        return
    forget_deleted(item_id)
    state.say_once(f"{title_of(name)} is back.")


def delete_for_good(item_ids: tuple[str, ...]) -> None:
    """Remove exactly these for good: the ones whose name was typed."""
    state.complain(PAGE, None)
    if refused(PAGE):
        return
    try:
        for id in item_ids:
            name = library().delete_for_good(id)
            forget_deleted(id)
            state.say_once(f"{title_of(name)} is gone for good.", ":material/delete_forever:")
    except CoreError as error:
        state.complain(PAGE, str(error))
    state.clear(NAME_KEY)
