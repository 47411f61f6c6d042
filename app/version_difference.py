"""The right half of the Versions page: one version, what differs, and what can be done with it."""

from __future__ import annotations

import streamlit as st

from app import state
from app.editor import Open
from app.sidebar import title_of
from app.state.address import in_address
from app.state.versions import against, compare_with
from app.version_actions import branch_off, call, restore
from app.version_answers import answers_of_both
from app.version_words import NOTES, option, title_of_version, when
from app.widgets import answer_text, difference, plain
from core.changes import Piece, changes, in_one_line
from core.constitution import slug_for
from core.diff import word_spans
from core.editing import Value
from core.store.history import MAX_NAME, MAX_REMARK, State, Version

MOST_PIECES = 40


def draw_version(opened: Open, states: list[State], shown: State) -> None:
    """One version: its name, the way back to it, and what differs."""
    version = shown.version
    st.subheader(plain(title_of_version(version)), anchor=False)
    parts = [
        when(version.saved_at) if version.name else "",
        NOTES.get(version.note, version.note),
        version.who,
    ]
    st.caption(plain(" · ".join(part for part in parts if part)) or "saved while writing")
    draw_name(opened.name, version)
    if shown.value is None:
        st.markdown("This state was damaged when it was found. It is kept as it is, and cannot be read.")
        return
    is_now = shown.value == opened.value
    draw_ways(opened, shown, shown.value, is_now)
    draw_difference(opened, states, shown, is_now)


def draw_name(name: str, version: Version) -> None:
    """Name and note, saved as they are written."""
    name_key = state.seeded(f"version-name:{name}:{version.id}", version.name)
    remark_key = state.seeded(f"version-note:{name}:{version.id}", version.remark)
    args = (name, version, name_key, remark_key)
    st.text_input(
        "Name",
        key=name_key,
        max_chars=MAX_NAME,
        placeholder="A version with a name is kept for good",
        on_change=call,
        args=args,
    )
    st.text_area(
        "Note",
        key=remark_key,
        max_chars=MAX_REMARK,
        height=68,
        placeholder="What it was for, what was tried",
        on_change=call,
        args=args,
    )


def draw_ways(opened: Open, shown: State, value: Value, is_now: bool) -> None:
    """Back to it, or off from it."""
    version = shown.version
    with st.container(horizontal=True, vertical_alignment="center"):
        if is_now:
            st.markdown(":material/check_circle: This is how it is now.", width="content")
        else:
            st.button(
                "Go back to this version",
                key=f"restore:{version.id}",
                type="primary",
                icon=":material/history:",
                help="Saved as the newest version; the present one stays in the list",
                on_click=restore,
                args=(opened, version, value),
            )
        with st.popover(
            "New character from here", icon=":material/call_split:", type="tertiary", width="content"
        ):
            draw_branch(opened.name, version)


def draw_branch(name: str, version: Version) -> None:
    """A name for a new character that begins from here."""
    key = f"branch-name:{version.id}"
    typed = st.text_input(
        "Name of the new character",
        key=in_address(key, "", name="branch"),
        placeholder=f"for example: grumpier {name}",
    )
    slug = slug_for(typed) if typed else ""
    st.caption(
        f"It will be called {plain(slug)}." if slug and slug != typed else "Its own character from here on."
    )
    st.button(
        "Make it",
        key=f"branch:{version.id}",
        icon=":material/add:",
        disabled=not slug,
        on_click=branch_off,
        args=(name, version, key),
    )


# ---- what differs


def draw_difference(opened: Open, states: list[State], shown: State, is_now: bool) -> None:
    """Every text that differs between this version and the one it is compared with."""
    other = draw_choice(opened, states, shown, is_now)
    value = opened.value if other is None else other.value
    if value is None or shown.value is None:
        st.markdown("The other version was damaged and cannot be compared.")
        return
    backwards = other is not None and other.version.saved_at < shown.version.saved_at
    pieces = changes(value, shown.value) if backwards else changes(shown.value, value)
    st.markdown(
        plain(f"{way_of(other, backwards)}: {in_one_line(pieces)}." if pieces else "No difference.")
    )
    for piece in pieces[:MOST_PIECES]:
        draw_piece(piece)
    if len(pieces) > MOST_PIECES:
        st.caption(f"And {len(pieces) - MOST_PIECES} more.")
    if pieces:
        draw_answers(shown.value, value)


def way_of(other: State | None, backwards: bool) -> str:
    """From which version to which a difference is told: always from the earlier one to the later."""
    if other is None:
        return "From this version until now"
    return "From that version to this one" if backwards else "From this version until then"


def before(states: list[State], shown: State) -> str:
    """The id of the last state before this one that says something else, "" for none."""
    older = states[states.index(shown) + 1 :]
    return next((state_.version.id for state_ in older if state_.value != shown.value), "")


def draw_choice(opened: Open, states: list[State], shown: State, is_now: bool) -> State | None:
    """The version to compare with; None is the character as it is now.

    The present state is compared with the one before it, until somebody chooses.
    """
    others = {state_.version.id: state_ for state_ in states if state_.version.id != shown.version.id}
    chosen = against() if against() in others else before(states, shown) if is_now else ""
    key = state.seeded(f"against:{opened.name}:{shown.version.id}", chosen)
    st.selectbox(
        "Compared with",
        ["", *others],
        key=key,
        format_func=lambda id: (
            option(others[id].version) if id else f"{title_of(opened.name)} as it is now"
        ),
        on_change=lambda: compare_with(str(state.widget(key) or "")),
    )
    return others.get(chosen)


def draw_piece(piece: Piece) -> None:
    """One text that differs, where it stands, word by word."""
    with st.container(key=f"piece-{piece.where}-{piece.deed}".replace(" ", "-"), gap="xsmall"):
        st.caption(f"**{plain(piece.where)}** · {piece.deed}")
        if piece.kind == "order":
            return
        difference(piece.before, piece.after)


def draw_answers(one: Value, other: Value) -> None:
    """The same prompts under both versions, where both have been asked."""
    met = answers_of_both(one, other)
    if met is None:
        st.caption(
            "Where both versions have answered the same prompts, their answers stand here side by side."
        )
        return
    st.markdown(f"**The same prompts, both versions** · {met.count} answered by both, {plain(met.teacher)}")
    for both in met.shown:
        st.caption(plain(both.prompt))
        for column, (label, text, against_) in zip(
            st.columns(2),
            (("This version", both.one, both.other), ("The other", both.other, both.one)),
            strict=True,
        ):
            with column, st.container(border=True, height="stretch"):
                st.caption(label)
                answer_text(word_spans(text, against_))
