"""One pair at a time: prompt, teacher and student side by side, and the decision with its keys."""

from __future__ import annotations

from typing import Any

import streamlit as st

from app import state
from app.widgets import answer_text, plain
from core.diff import Span, differing_share, word_spans
from core.errors import CoreError
from core.store.decisions import Decision, Verdict, decide
from core.store.runs import Run

# From here on marks would cover nearly everything and tell nothing.
MOSTLY_DIFFERENT = 0.6
REASONS = ("not in character", "not helpful", "wrong", "too much", "unpleasant")


def draw_pair(run: Run, rows: list[dict[str, Any]]) -> None:
    """The pair at the remembered place. Buttons come first, so that they stay put from pair to pair."""
    place = place_of(run, rows)
    row = rows[place]
    with st.container(border=True):
        arrows(run, row, place, len(rows))
        following = rows[min(place + 1, len(rows) - 1)]["id"]
        verdict_buttons(run, row, following)
        st.markdown(f"**{plain(row['text'])}**")
        sides(row)


def place_of(run: Run, rows: list[dict[str, Any]]) -> int:
    """Where the remembered pair stands among the rows shown.

    After a decision that is the pair that came next, found by its id: the decided one may have left
    the filter, and everything behind it has moved up.
    """
    wished = state.next_pair(run.id)
    ids = [row["id"] for row in rows]
    if wished in ids:
        state.go_to(f"pair:{run.id}", ids.index(wished))
    state.set_next_pair(run.id, None)
    return min(state.place(f"pair:{run.id}"), len(rows) - 1)


def arrows(run: Run, row: dict[str, Any], place: int, total: int) -> None:
    """Previous, next, where we are, and what the checks and people said."""
    name = f"pair:{run.id}"
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Previous",
            icon=":material/arrow_back:",
            shortcut="Left",
            type="tertiary",
            disabled=place == 0,
            on_click=state.go_to,
            args=(name, place - 1),
        )
        st.button(
            "Next",
            icon=":material/arrow_forward:",
            icon_position="right",
            shortcut="Right",
            type="tertiary",
            disabled=place >= total - 1,
            on_click=state.go_to,
            args=(name, place + 1),
        )
        st.caption(f"{place + 1} of {total} · {row['trait'] or 'everyday'}", width="content")
        with st.container(horizontal=True, horizontal_alignment="right"):
            badges(row)


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
    """Teacher left, student right, words that the other lacks marked where that tells something."""
    chosen, rejected = row["chosen"] or "", row["rejected"] or ""
    ours, theirs = word_spans(chosen, rejected), word_spans(rejected, chosen)
    wished = state.flag("mark-words", differing_share(ours) < MOSTLY_DIFFERENT)
    left, right = st.columns(2, gap="large")
    with left:
        side("Teacher · chosen", ours if wished else [Span(chosen, False)])
    with right:
        side("Student · rejected", theirs if wished else [Span(rejected, False)])
    st.toggle(
        "Mark words that differ",
        key=state.seeded("mark", wished),
        on_change=remember_marking,
        help="Off by itself where nearly every word differs.",
    )


def remember_marking() -> None:
    """Keep the person's wish about marks; for callbacks."""
    state.set_flag("mark-words", bool(state.widget("mark")))


def side(label: str, spans: list[Span]) -> None:
    """One answer under its label."""
    st.caption(label)
    if not any(span.text for span in spans):
        st.caption("No answer yet.")
        return
    answer_text(spans)


def settle(run: Run, pair: str, verdict: Verdict, reason: str, following: str | None) -> None:
    """Keep a decision and go on to the next pair; for callbacks."""
    try:
        decide(run.folder, Decision(pair, verdict, reason))
    except CoreError as error:
        state.complain("pairs", str(error))
        return
    state.set_next_pair(run.id, following or pair)
    if following is not None:
        state.remember_decision(run.id, pair)


def undo(run: Run) -> None:
    """Take the last decision of this tab back; for callbacks."""
    pair = state.pop_decision(run.id)
    if pair is None:
        state.say_once("Nothing to take back in this tab.", ":material/info:")
        return
    settle(run, pair, "undecided", "", None)
    state.say_once("Decision taken back.", ":material/undo:")


def verdict_buttons(run: Run, row: dict[str, Any], following: str) -> None:
    """Keep, drop with a reason, undo; every button shows its key."""
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
            # Never greyed out: a key pressed while the page is still being drawn would go unheard.
            on_click=undo,
            args=(run,),
        )


def drop(run: Run, pair: str, reason_key: str, following: str) -> None:
    """Drop a pair with the reason beside the button; for callbacks."""
    settle(run, pair, "drop", state.widget(reason_key) or "", following)
