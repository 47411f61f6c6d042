"""Which pairs are shown: search, state, trait and, folded, everything else; each choice with its count."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from app.pair_address import clear_filter, field
from app.widgets import plain
from core.constitution import Constitution
from core.pair_filter import NO_TRAIT, SHOWN, PairFilter
from core.store.pair_index import View

SHOW_WORDS = {
    "all": "All",
    "kept": "Kept",
    "dropped": "Dropped",
    "undecided": "Undecided",
    "decided": "Decided",
    "edited": "Changed",
    "flagged": "Flagged",
}
NOBODY = "somebody without a name"
MORE = ("flag", "reason", "reviewer", "least", "most")


def draw_filters(view: View, wanted: PairFilter, constitution: Constitution) -> None:
    """The filter row. What is chosen is in the address, so it outlives a reload and can be sent."""
    left, right = st.columns([2.2, 1.2], vertical_alignment="bottom")
    with left:
        st.text_input(
            "Search",
            placeholder="Search prompts and answers",
            icon=":material/search:",
            **field("search", wanted.search),
        )
    with right:
        draw_trait(view, wanted, constitution)
    with st.container(horizontal=True, vertical_alignment="center"):
        draw_show(view, wanted)
        draw_more(view, wanted)
        if not wanted.is_empty:
            st.button(
                "Clear",
                key="pairs:clear",
                type="tertiary",
                icon=":material/filter_alt_off:",
                on_click=clear_filter,
            )


def draw_trait(view: View, wanted: PairFilter, constitution: Constitution) -> None:
    """The trait, with how many pairs each would show."""
    counts = view.counts.traits
    traits = ["", *[trait.id for trait in constitution.traits], NO_TRAIT]
    listed = [*traits, *[trait for trait in counts if trait not in traits]]
    if wanted.trait not in listed:
        listed.append(wanted.trait)
    st.selectbox(
        "Trait",
        listed,
        format_func=lambda trait: told(trait, counts) if trait else "All traits",
        **field("trait", wanted.trait),
    )


def draw_show(view: View, wanted: PairFilter) -> None:
    """The chips: kept, dropped, undecided …"""
    counts = view.counts.shows
    st.segmented_control(
        "Show",
        SHOWN,
        format_func=lambda show: f"{SHOW_WORDS[show]} {counts[show]:,}",
        required=True,
        label_visibility="collapsed",
        **field("show", wanted.show, "all"),
    )


def draw_more(view: View, wanted: PairFilter) -> None:
    """Flag, reason, reviewer and length, behind one button that says how many are set."""
    number = sum(getattr(wanted, name) not in (None, "") for name in MORE)
    label = f"More filters · {number} set" if number else "More filters"
    with st.popover(label, icon=":material/tune:", key="pairs:more"):
        choice("Flag", "flag", wanted.flag, view.counts.flags, "Any")
        choice("Why dropped", "reason", wanted.reason, view.counts.reasons, "Any reason")
        draw_reviewer(view, wanted)
        draw_lengths(wanted)


def choice(label: str, name: str, value: str, counts: Mapping[str, int], empty: str) -> None:
    """One choice among those that some pair has, each with its count."""
    listed = ["", *counts]
    if value not in listed:
        listed.append(value)
    st.selectbox(
        label, listed, format_func=lambda one: told(one, counts) if one else empty, **field(name, value)
    )


def draw_reviewer(view: View, wanted: PairFilter) -> None:
    """Who decided."""
    counts = view.counts.reviewers
    listed = [None, *counts]
    if wanted.reviewer not in listed:
        listed.append(wanted.reviewer)
    st.selectbox(
        "Decided by",
        listed,
        format_func=lambda one: "Anybody or nobody" if one is None else told(one or NOBODY, counts, one),
        **field("reviewer", wanted.reviewer, None),
    )


def draw_lengths(wanted: PairFilter) -> None:
    """Words in chosen for each word in rejected, from and to."""
    with st.container(horizontal=True):
        for label, name, value in (("from", "least", wanted.least), ("to", "most", wanted.most)):
            st.number_input(
                f"Length, chosen ÷ rejected, {label}",
                0.0,
                None,
                step=0.1,
                placeholder="any",
                width=190,
                **field(name, value, None),
            )


def told(text: str, counts: Mapping[str, int], key: str | None = None) -> str:
    """A choice with how many pairs it would show."""
    return f"{text} · {counts.get(text if key is None else key, 0):,}"


def draw_reasons(view: View) -> None:
    """Where pairs were lost, reason by reason."""
    reasons = view.totals.reasons
    if not reasons:
        return
    count = sum(reasons.values())
    were = "was" if count == 1 else "were"
    with st.expander(f"Why {count:,} {were} dropped", icon=":material/filter_alt:"):
        for reason, count in reasons.items():
            st.markdown(f"{count:,} × {plain(reason)}")
