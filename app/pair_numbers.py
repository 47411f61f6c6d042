"""How many pairs there are, how many stay, how far the review is and who decided."""

from __future__ import annotations

import streamlit as st

from app.widgets import plain
from core.store.pair_index import View


def draw_numbers(view: View) -> None:
    """Four numbers that change a decision; of the whole run, whatever the filter."""
    totals = view.totals
    cells = (
        ("Pairs", f"{totals.pairs:,}"),
        ("Kept", f"{totals.kept:,}"),
        ("Dropped", f"{totals.pairs - totals.kept:,}"),
        ("Length, chosen ÷ rejected", "–" if totals.ratio is None else f"{totals.ratio:.2f}"),
    )
    with st.container(horizontal=True):
        for label, value in cells:
            st.metric(label, value, border=True, width="stretch")


def draw_progress(view: View) -> None:
    """How many pairs people decided about, and who they are."""
    totals = view.totals
    people = [f"{plain(who or 'you')} {count:,}" for who, count in totals.reviewers.items()]
    who = ""
    if people:
        named = f"{len(people)} reviewers: " if len(people) > 1 else ""
        who = f", {named}{', '.join(people[:5])}"
    told = f"{totals.decided:,} of {totals.pairs:,} decided{who}"
    waiting = f" · {totals.waiting:,} more are planned and have no answer yet" if totals.waiting else ""
    st.progress(totals.decided / max(1, totals.pairs), text=told + waiting)
    if is_reviewed(view):
        st.caption("Every pair is decided. The training file is written under the pairs.")


def is_reviewed(view: View) -> bool:
    """Whether people have decided about every pair there is."""
    return 0 < view.totals.pairs <= view.totals.decided
