"""Fifty pairs at a time: tick some, or take all that fit, and decide about them at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import streamlit as st

from app import state
from app.pair_address import list_page, put, show_pair
from app.pair_decide import decide_all
from app.pair_parts import draw_reason, draw_undo, shortcut
from app.pair_reads import Pairs
from app.pair_sides import visible
from app.state.person import person
from app.state.review import list_round
from core.pair_edits import Verdict
from core.pair_filter import PairFilter
from core.records import content_hash
from core.stages.reviewing import Review, Saying
from core.store.pair_index import LARGEST_PAGE, Preview, View

CELL = 140


def draw_list(pairs: Pairs, view: View, wanted: PairFilter) -> None:
    """A page of pairs with what can be done to many of them."""
    pages = max(1, -(-len(view) // LARGEST_PAGE))
    number = min(list_page(), pages)
    rows = view.page(number - 1)
    ticked = state.widget(table_key(view, wanted, number)) or {}
    places = [place for place in (ticked.get("selection") or {}).get("rows", []) if place < len(rows)]
    draw_bulk(pairs, view, [rows[place].id for place in places], wanted)
    st.dataframe(
        [cells(row) for row in rows],
        hide_index=True,
        height=38 + 35 * min(len(rows), 16),
        key=table_key(view, wanted, number),
        on_select="rerun",
        selection_mode="multi-row",
        column_config={
            # Together as wide as the page beside an open sidebar: nothing is cut at its edge.
            "Prompt": st.column_config.TextColumn(width=190),
            "State": st.column_config.TextColumn(width=150),
            "Chosen": st.column_config.TextColumn(width=170),
            "Rejected": st.column_config.TextColumn(width=170),
            "Flags": st.column_config.TextColumn(width=70),
            "Length": st.column_config.NumberColumn(width=65, help="Words in chosen for each in rejected."),
            "Trait": st.column_config.TextColumn(width=75),
        },
        alt="Pairs: prompt, chosen and rejected answer, how each stands.",
    )
    draw_pages(number, pages, len(view))


def table_key(view: View, wanted: PairFilter, number: int) -> str:
    """Ticks belong to the very pairs that were ticked: another page, filter or order has none."""
    ids = content_hash(view.ids((number - 1) * LARGEST_PAGE, number * LARGEST_PAGE))[:12]
    return f"pairs:table:{ids}:{list_round()}"


def cells(row: Preview) -> dict[str, str | float | None]:
    """One line of the list."""
    return {
        "Prompt": short(row.text),
        "State": f"Dropped: {row.dropped}" if row.dropped else stands(row),
        "Chosen": short(row.chosen),
        "Rejected": short(row.rejected),
        "Flags": ", ".join(flag for flag in row.flags if flag != row.dropped),
        "Length": row.ratio,
        "Trait": row.trait or "everyday",
    }


def short(text: str) -> str:
    """The beginning of a text, with nothing hidden in it."""
    line = visible(text)
    return line if len(line) <= CELL else line[: CELL - 1] + "…"


def stands(row: Preview) -> str:
    """How a pair that is kept came to be so."""
    said = {"keep": "Kept", "swap": "Swapped", "edit": "Edited"}.get(row.decision or "")
    return f"{said} by {row.reviewer or 'you'}" if said else "Kept by the checks"


def draw_bulk(pairs: Pairs, view: View, ticked: Sequence[str], wanted: PairFilter) -> None:
    """What can be done to the ticked ones, or to all that fit."""
    some = bool(ticked)
    count = len(ticked) if some else len(view)
    which = f"{count:,} ticked" if some else f"all {count:,}"
    drawn = [list(ticked), asdict(wanted), view.revision, list_round()]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        for label, verdict, icon in (
            ("Keep", "keep", "check"),
            ("Drop", "drop", "close"),
            ("Make undecided:", "undecided", "remove_done"),
        ):
            st.button(
                f"{label} {which}",
                key=f"bulk:{verdict}",
                icon=f":material/{icon}:",
                type="secondary" if verdict != "undecided" else "tertiary",
                on_click=decide_many_of,
                args=(pairs, view, tuple(ticked), verdict, drawn),
            )
        draw_reason("bulk:reason")
        draw_undo(pairs.run, "bulk:undo")
        if len(ticked) == 1:
            st.button(
                "Open it",
                key="bulk:open",
                type="tertiary",
                icon=":material/open_in_full:",
                on_click=show_pair,
                args=(ticked[0],),
            )
    st.caption(
        "Tick pairs on the left edge; without a tick the buttons mean all that fit the filter. Undo takes "
        "the whole of it back."
    )


def decide_many_of(
    pairs: Pairs, view: View, ticked: Sequence[str], verdict: Verdict, drawn: Sequence[Any]
) -> None:
    """Decide about the pairs that the button was drawn with; for callbacks."""
    reason = (state.widget("bulk:reason") or "") if verdict == "drop" else ""
    places = [view.position(pair) for pair in ticked]
    numbers = [view.at(place) for place in places if place is not None] if ticked else view.places.tolist()
    saying = Saying(verdict, reason, person())
    # Two people who press alike act twice, and so does one who presses under another filter.
    batch = f"bulk-{content_hash([*drawn, asdict(saying)])[:12]}"
    decide_all(Review(pairs.run, pairs.index), view, numbers, saying, batch)


def draw_pages(number: int, pages: int, total: int) -> None:
    """Where we are, and the pages before and behind."""
    first = (number - 1) * LARGEST_PAGE
    with st.container(horizontal=True, vertical_alignment="center"):
        for label, icon, key, target in (
            ("Page before", "arrow_back", "Left", max(1, number - 1)),
            ("Page after", "arrow_forward", "Right", min(pages, number + 1)),
            ("Last page", "last_page", "", pages),
        ):
            st.button(
                label,
                key=f"page:{label}",
                icon=f":material/{icon}:",
                type="tertiary",
                shortcut=shortcut(key) if key else None,
                on_click=put,
                kwargs={"page": target if target > 1 else None},
            )
        shown = f"{first + 1:,} to {min(first + LARGEST_PAGE, total):,} of {total:,}"
        st.caption(f"{shown} · page {number:,} of {pages:,}", width="content")
