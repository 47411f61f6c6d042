"""Make and import characters: forms of the Characters page and their callbacks."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from app import state
from app.reads import library
from app.sidebar import title_of
from core.constitution import check_name, slug_for
from core.errors import CoreError
from core.interchange import read_any

PAGE = "characters"
LARGEST_UPLOAD_MB = 5


def open_character_page(name: str) -> None:
    """Choose a character and go to its traits; for callbacks."""
    state.choose_character(name)
    state.request_page("views/traits.py")


def draw_new(label: str, copy_of: str | None = None) -> None:
    """A name and the button that makes the character."""
    key = f"new-name:{copy_of or ''}"
    name = st.text_input("Name", key=key, placeholder="for example: grumpy gardener", max_chars=64)
    slug = slug_for(name) if name else ""
    if slug and slug != name:
        st.caption(f"It will be called {slug}.")
    st.button(
        label,
        key=f"make:{copy_of or ''}",
        icon=":material/add:",
        disabled=not slug,
        on_click=make,
        args=(slug, copy_of),
    )


def make(name: str, copy_of: str | None) -> None:
    """Make a character, new or a copy, and open it; for callbacks."""
    state.complain(PAGE, None)
    try:
        problems = check_name(name)
        if problems:
            state.complain(PAGE, "; ".join(str(problem) for problem in problems))
            return
        library().create(name, copy_of=copy_of)
    except CoreError as error:
        state.complain(PAGE, str(error))
        return
    open_character_page(name)


def draw_import() -> None:
    """A file and the button that reads it."""
    st.caption(
        "A character file of ours (.json), or OpenCharacterTraining's hand-written array (.txt) or "
        "few-shot file (.jsonl). Every problem is named; nothing is imported by half."
    )
    uploaded = st.file_uploader(
        "File", type=["json", "jsonl", "txt"], key="import-file", max_upload_size=LARGEST_UPLOAD_MB
    )
    if uploaded is not None:
        name = st.text_input("Its name here", key="import-name", placeholder="Left empty: the file's name")
        st.button(
            "Import",
            key="import",
            icon=":material/upload_file:",
            on_click=bring_in,
            args=(uploaded.getvalue(), uploaded.name, slug_for(name) if name else ""),
        )


def bring_in(data: bytes, filename: str, name: str = "") -> None:
    """Read an uploaded file and save it as a character of one's own; for callbacks."""
    state.complain(PAGE, None)
    shelf = library()
    try:
        imported = read_any(data, filename)
        if name:
            imported = replace(imported, constitution=replace(imported.constitution, name=name))
        saved = shelf.save(imported.constitution, base_revision=None, note=f"imported from {filename}")
        if imported.additional:
            shelf.add_additional(saved.constitution, imported.additional)
    except CoreError as error:
        state.complain(PAGE, str(error))
        return
    state.say_once(f"{title_of(imported.constitution.name)} imported.")
    open_character_page(imported.constitution.name)
