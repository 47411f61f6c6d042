"""What happens when something is brought in: kept as proposals at once, ticked, edited, made. Callbacks."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from app import state
from app.reads import library, settings
from app.sidebar import title_of
from app.state.typed import forget_typed
from app.widgets import plain
from core.cards import Proposals, proposed, read_card
from core.cards.reading import biography, is_card
from core.constitution import check_name, slug_for
from core.errors import CoreError
from core.interchange import read_any
from core.store.proposals import ProposalShelf

PAGE = "bring_in"
PARAMETER = "bring"
PASTED = "pasted"


def shelf() -> ProposalShelf:
    """The characters on their way in."""
    return ProposalShelf(settings())


def chosen() -> str | None:
    """The one that the address names."""
    return st.query_params.get(PARAMETER)


def take_file(data: bytes, filename: str) -> None:
    """Read an uploaded file: a card is proposed, a character file of ours or OCT's is saved at once."""
    state.complain(PAGE, None)
    try:
        if is_card(data, filename):
            _propose(proposed(read_card(data, filename), filename))
            return
        imported = read_any(data, filename)
        saved = library().save(imported.constitution, base_revision=None, note=f"imported from {filename}")
        if any(imported.additional.values()):
            library().add_additional(saved.constitution, imported.additional)
    except CoreError as error:
        state.complain(PAGE, str(error))
        return
    _open(imported.constitution.name)


def take_text() -> None:
    """Read what was pasted; callback of the button beside the box."""
    state.complain(PAGE, None)
    text = str(state.widget(PASTED) or "")
    try:
        data = text.encode("utf-8", "replace")
        is_json = text.lstrip().startswith("{")
        card = read_card(data, "pasted.json") if is_json else biography(text, "character")
        _propose(proposed(card, "pasted text"))
        forget_typed(PASTED, PAGE)
    except CoreError as error:
        state.complain(PAGE, str(error))


def _propose(found: Proposals) -> None:
    st.query_params[PARAMETER] = shelf().keep(found)


def tick(id: str, item: int, key: str) -> None:
    """Keep a tick."""
    _change(id, lambda now: now.changed(item, keep=bool(state.widget(key))))


def reword(id: str, item: int, key: str, field: str = "text") -> None:
    """Keep an edited text; whoever edits a proposal wants it, so it is ticked."""
    text = str(state.widget(key) or "").strip()
    _change(id, lambda now: now.changed(item, **{field: text}, keep=bool(text)))


def tick_all(id: str, kind: str, keep: bool) -> None:
    """Tick or untick every trait or exchange."""
    _change(
        id,
        lambda now: replace(
            now, items=tuple(replace(one, keep=keep) if one.kind == kind else one for one in now.items)
        ),
    )


def set_head(id: str, field: str, key: str) -> None:
    """Keep the name or the summary."""
    text = str(state.widget(key) or "").strip()
    value = slug_for(text) if field == "name" else text
    _change(id, lambda now: replace(now, **{field: value}))


def _change(id: str, edit) -> None:  # type: ignore[no-untyped-def]
    state.complain(PAGE, None)
    try:
        shelf().change(id, edit)
    except CoreError as error:
        state.complain(PAGE, str(error))


def make(id: str) -> None:
    """Make the character of what is ticked and open it."""
    state.complain(PAGE, None)
    try:
        found = shelf().load(id)
        if problems := check_name(found.name):
            state.complain(PAGE, "; ".join(map(str, problems)))
            return
        library().save(found.constitution(), base_revision=None, note=f"brought in from {found.origin}")
        shelf().discard(id)
    except CoreError as error:
        state.complain(PAGE, str(error))
        return
    st.query_params.pop(PARAMETER, None)
    _open(found.name)


def put_aside(id: str) -> None:
    """Forget one that was brought in."""
    try:
        shelf().discard(id)
    except CoreError as error:
        state.complain(PAGE, str(error))
    st.query_params.pop(PARAMETER, None)


def open_one(id: str | None) -> None:
    """Show one that waits, or the page's beginning."""
    state.complain(PAGE, None)
    if id is None:
        st.query_params.pop(PARAMETER, None)
    else:
        st.query_params[PARAMETER] = id


def _open(name: str) -> None:
    state.say_once(f"{plain(title_of(name))} is here.")
    state.choose_character(name)
    state.request_page("views/traits.py")
