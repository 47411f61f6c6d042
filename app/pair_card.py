"""One pair at a time: prompt, teacher and student side by side, and the decision with its keys."""

from __future__ import annotations

from typing import Any

import streamlit as st

from app import state
from app.widgets import answer_text, plain
from core.diff import Span, word_spans
from core.errors import CoreError
from core.store.decisions import Decision, Verdict, decide
from core.store.runs import Run

REASONS = ("not in character", "not helpful", "wrong", "too much", "unpleasant")


def draw_pair(run: Run, rows: list[dict[str, Any]]) -> None:
    """The pair at the remembered place, with previous and next."""
    place = min(state.place(f"pair:{run.id}"), len(rows) - 1)
    row = rows[place]
    with st.container(border=True):
        heading(row, place, len(rows))
        sides(row)
        verdict_buttons(run, row, place, len(rows))
    arrows(run, place, len(rows))


def heading(row: dict[str, Any], place: int, total: int) -> None:
    """The prompt, its trait, and what the checks say."""
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.caption(
            f"{place + 1} of {total}" + (f" · trait: {row['trait']}" if row["trait"] else " · everyday")
        )
        with st.container(horizontal=True, width="content"):
            badges(row)
    st.markdown(f"**{plain(row['text'])}**")


def badges(row: dict[str, Any]) -> None:
    """Kept or dropped and why, in words, icon and colour."""
    if row["dropped"]:
        reason = f": {row['reason']}" if row["reason"] else ""
        st.badge(f"Dropped · {plain(row['dropped'] + reason)}", icon=":material/close:", color="red")
    else:
        by_hand = " by you" if row["decision"] == "keep" else ""
        st.badge(f"Kept{by_hand}", icon=":material/check:", color="green")
    for flag in row["flags"]:
        if flag != row["dropped"]:
            st.badge(plain(flag), icon=":material/flag:", color="orange")


def sides(row: dict[str, Any]) -> None:
    """Teacher left, student right, words that the other lacks marked."""
    marked = state.flag("mark-words", True)
    chosen, rejected = row["chosen"] or "", row["rejected"] or ""
    left, right = st.columns(2, gap="large")
    with left:
        side("Teacher · chosen", chosen, rejected, marked)
    with right:
        side("Student · rejected", rejected, chosen, marked)


def side(label: str, text: str, other: str, marked: bool) -> None:
    """One answer under its label."""
    st.caption(label)
    if not text:
        st.caption("No answer yet.")
        return
    answer_text(word_spans(text, other) if marked and other else [Span(text, False)])


def settle(run: Run, pair: str, verdict: Verdict, reason: str, place: int | None) -> None:
    """Keep a decision and go on to the next pair; for callbacks."""
    try:
        decide(run.folder, Decision(pair, verdict, reason))
    except CoreError as error:
        state.complain("pairs", str(error))
        return
    if place is not None:
        state.go_to(f"pair:{run.id}", place)
        state.set_flag(f"last:{run.id}", True)
        state.remember_decision(run.id, pair)


def undo(run: Run) -> None:
    """Take the last decision of this tab back; for callbacks."""
    pair = state.pop_decision(run.id)
    if pair:
        settle(run, pair, "undecided", "", None)
        state.say_once("Decision taken back.", ":material/undo:")


def verdict_buttons(run: Run, row: dict[str, Any], place: int, total: int) -> None:
    """Keep, drop with a reason, undo; every button shows its key."""
    following = min(place + 1, total - 1)
    reason_key = f"reason:{row['id']}"
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.button(
            "Keep",
            icon=":material/check:",
            shortcut="1",
            disabled=not (row["chosen"] and row["rejected"]),
            on_click=settle,
            args=(run, row["id"], "keep", "", following),
        )
        st.button(
            "Drop",
            icon=":material/close:",
            shortcut="3",
            on_click=drop,
            args=(run, row["id"], reason_key, following),
        )
        st.selectbox(
            "Why dropped",
            REASONS,
            index=None,
            key=reason_key,
            placeholder="Reason, if you like",
            label_visibility="collapsed",
            accept_new_options=True,
            width=230,
        )
        st.button(
            "Undo",
            icon=":material/undo:",
            type="tertiary",
            shortcut="U",
            disabled=not state.has_decision(run.id),
            on_click=undo,
            args=(run,),
        )


def drop(run: Run, pair: str, reason_key: str, following: int) -> None:
    """Drop a pair with the reason beside the button; for callbacks."""
    settle(run, pair, "drop", state.widget(reason_key) or "", following)


def arrows(run: Run, place: int, total: int) -> None:
    """Previous, next, and whether differing words are marked."""
    name = f"pair:{run.id}"
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Previous",
            icon=":material/arrow_back:",
            shortcut="Left",
            disabled=place == 0,
            on_click=state.go_to,
            args=(name, place - 1),
        )
        st.button(
            "Next",
            icon=":material/arrow_forward:",
            icon_position="right",
            shortcut="Right",
            disabled=place >= total - 1,
            on_click=state.go_to,
            args=(name, place + 1),
        )
        marked = st.toggle("Mark words that differ", value=state.flag("mark-words", True), key="mark")
        if marked != state.flag("mark-words", True):
            state.set_flag("mark-words", marked)
            st.rerun()
