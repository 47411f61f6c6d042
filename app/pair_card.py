"""One pair at a time: prompt, teacher and student side by side, and the decision with its keys."""

from __future__ import annotations

from typing import Any

import streamlit as st

from app import state
from app.pair_address import show_pair
from app.pair_decide import (
    Drawn,
    close_editor,
    drop,
    editing,
    keep_typing,
    keys_on,
    open_editor,
    reason_key,
    save_edit,
    settle,
    switch_keys,
    typed,
    typed_key,
)
from app.pair_parts import draw_reason, draw_undo, shortcut
from app.pair_reads import Pairs
from app.pair_sides import draw_sides, draw_why
from app.react import draw_react
from app.state.address import in_address
from app.state.person import person
from app.state.review import list_round, shown_now
from app.widgets import plain, whole
from core.pair_edits import Decision, can_be, keeping
from core.records import content_hash
from core.store.lines import Row
from core.store.pair_index import View

LONGEST_EDITED = 100_000
SIDES = ("teacher", "student")
VERDICTS = {"keep": "Kept", "swap": "Swapped", "edit": "Edited"}
HELP = """\
← → previous, next  
1 keep · 2 swap sides · 3 drop  
E edit the chosen answer · U undo  
N next pair that nobody decided

Keys rest while you type, and a key that comes before a pair can have been read is not counted."""


def draw_pair(name: str, pairs: Pairs, view: View, wished: str) -> str:
    """The pair of the address, or the first; returns its id. Buttons come first, so that they stay put."""
    place = view.position(wished) if wished else 0
    if place is None:
        # It has left the filter or never was in it: what stands where it would be comes next.
        place = view.place_after(wished)
    n = view.at(place)
    row = pairs.index.row(n)
    if row is None:
        st.caption("The files of this run are being written anew; the pair is back in a moment.")
        return wished
    around = view.ids(max(0, place - 1), place + 2)
    before = around[0] if place else row["id"]
    after = around[-1] if place < len(view) - 1 else row["id"]
    # Whoever takes something back and decides again decides anew.
    mark = content_hash([row["id"], view.revision, list_round()])[:8]
    drawn = Drawn(pairs.run, row["id"], after, f"{row['id']}-{mark}")
    with st.container(border=True, key="pair"):
        draw_arrows(drawn, view, place, before)
        draw_verdicts(drawn, row)
        draw_state(row)
        st.markdown(f"**{plain(row['text'][:4000])}**")
        if editing(row["id"]) and can_be_typed(row):
            draw_editor(drawn, row)
        draw_sides(row, pairs.rules)
        draw_why(name, pairs, row, n)
        draw_reaction(name, pairs, row)
    shown_now(row["id"])
    return row["id"]


def draw_arrows(drawn: Drawn, view: View, place: int, before: str) -> None:
    """Previous, next, next undecided, where we are, and what the keys do."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Previous",
            icon=":material/arrow_back:",
            shortcut=shortcut("Left"),
            type="tertiary",
            key=f"previous:{drawn.pair}",
            on_click=show_pair,
            args=(before,),
        )
        st.button(
            "Next",
            icon=":material/arrow_forward:",
            icon_position="right",
            shortcut=shortcut("Right"),
            type="tertiary",
            key=f"next:{drawn.pair}",
            on_click=show_pair,
            args=(drawn.following,),
        )
        st.button(
            "Next undecided",
            icon=":material/skip_next:",
            shortcut=shortcut("N"),
            type="tertiary",
            key=f"undecided:{drawn.pair}",
            on_click=show_undecided,
            args=(view, place),
        )
        st.caption(f"{place + 1:,} of {len(view):,}", width="content")
        with (
            st.container(horizontal=True, horizontal_alignment="right", key="keys"),
            st.popover("Keys", icon=":material/keyboard:", type="tertiary"),
        ):
            st.markdown(HELP)
            key = state.seeded("review-keys", keys_on())
            st.toggle("Keys decide", key=key, on_change=switch_keys, args=(key,))


def show_undecided(view: View, place: int) -> None:
    """Go to the next pair that nobody decided; for callbacks."""
    found = view.next_undecided(place)
    ids = [] if found is None else view.ids(found, found + 1)
    if ids:
        show_pair(ids[0])
    elif found is None:
        state.say_once("Every pair of this filter is decided.", ":material/done_all:")


def draw_verdicts(drawn: Drawn, row: Row) -> None:
    """Keep, swap, drop with a reason, edit, undo; every button shows its key."""
    pair, whole, swapped = drawn.pair, can_be("swap", row), row["decision"] == "swap"
    swap = Decision(pair, "undecided" if swapped else "swap", reviewer=person())
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.button(
            "Keep",
            icon=":material/check:",
            shortcut=shortcut("1"),
            key=f"keep:{pair}",
            disabled=not whole,
            on_click=settle,
            args=(drawn, keeping(row, person())),
        )
        st.button(
            "Swap",
            icon=":material/swap_horiz:",
            shortcut=shortcut("2"),
            key=f"swap:{pair}",
            disabled=not whole,
            help="Puts them back as they were." if swapped else "The student's answer is the better one.",
            on_click=settle,
            args=(drawn, swap),
        )
        st.button(
            "Drop",
            icon=":material/close:",
            shortcut=shortcut("3"),
            key=f"drop:{pair}",
            on_click=drop,
            args=(drawn,),
        )
        st.button(
            "Edit",
            icon=":material/edit:",
            shortcut=shortcut("E"),
            key=f"edit:{pair}",
            disabled=not (whole and can_be_typed(row)),
            help="Write a better answer; the one before becomes the rejected one.",
            on_click=open_editor,
            args=(pair,),
        )
        draw_reason(reason_key(pair))
        draw_undo(drawn.run, f"undo:{pair}")


def can_be_typed(row: Row) -> bool:
    """Whether the chosen answer is short enough for a field; millions of letters hold a browser up."""
    return len(row["chosen"] or "") <= LONGEST_EDITED


def draw_state(row: Row) -> None:
    """Trait, kept or dropped and why, who decided, what the checks say: words, icon and colour."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(plain(row["trait"] or "everyday"), width="content")
        if row["dropped"]:
            reason = f": {row['reason']}" if row["reason"] else ""
            st.badge(f"Dropped · {plain(row['dropped'] + reason)}", icon=":material/close:", color="red")
        else:
            word = VERDICTS.get(row["decision"] or "", "Kept by the checks")
            st.badge(word, icon=":material/check:", color="green")
        if row["decision"]:
            st.caption(f"by {plain(row['reviewer'] or 'you')}", width="content")
        for flag in row["flags"]:
            if flag != row["dropped"]:
                st.badge(plain(flag), icon=":material/flag:", color="orange")


def draw_editor(drawn: Drawn, row: Row) -> None:
    """The chosen answer as text to change. What is typed is kept on disk until it is saved."""
    key = typed_key(drawn.pair)
    st.text_area(
        "The chosen answer, as it should be",
        key=state.seeded(key, whole(typed().text(key) or row["chosen"])),
        height=220,
        on_change=keep_typing,
        args=(drawn.pair,),
    )
    rejects = f"rejects:{drawn.pair}"
    st.segmented_control(
        "It is better than",
        SIDES,
        format_func={"teacher": "the teacher's answer", "student": "the student's answer"}.get,
        required=True,
        key=in_address(rejects, SIDES[0], options=SIDES, name=f"better-than-{drawn.pair}"),
    )
    with st.container(horizontal=True):
        st.button(
            "Save the answer",
            key=f"save:{drawn.pair}",
            type="primary",
            icon=":material/check:",
            on_click=save_edit,
            args=(drawn, rejects),
        )
        st.button(
            "Leave it as it was",
            key=f"leave:{drawn.pair}",
            type="tertiary",
            on_click=close_editor,
            args=(drawn.pair,),
        )


def draw_reaction(name: str, pairs: Pairs, row: dict[str, Any]) -> None:
    """What this answer teaches about the character; folded until somebody wants it."""
    box = st.expander(
        "React to this answer", icon=":material/rate_review:", key="pair-react", on_change="rerun"
    )
    if box.open:
        with box:
            draw_react(name, pairs.run, row)
