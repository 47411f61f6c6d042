"""Answers side by side, streamed together: before and after, the switchboard, the attacks.

The main script draws; `side_by_side` reads. A click, a closed tab or another page ends the drawing at its
next line, and with it every answer under way; what had come by then is handed on, marked as stopped.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.side_by_side import Make, at_once
from app.state import play
from app.widgets import answer_text, plain, plain_text
from core.diff import Span, word_spans
from core.switchboard import changed_share

HEIGHT = 290
STOPPED = "stopped"
# Where more than this differs, marks hide the text and show nothing.
MOST_MARKED = 0.7
NOTHING = "(It said nothing.)"


@dataclass(frozen=True, slots=True)
class Column:
    """One side. With `make` its answer is asked for now; without, `text` is what it said.

    `broken` says why that is not whole. `opens` are words that were put into its mouth.
    """

    side: str
    title: str
    about: str
    text: str | None = None
    broken: str = ""
    make: Make | None = None
    opens: str = ""


# Side, what it said, why that is not whole ("" where it is).
OnEnd = Callable[[str, str, str], None]


def draw_columns(
    columns: Sequence[Column], on_end: OnEnd, *, height: int | str = HEIGHT, marks: bool = False
) -> None:
    """All sides in one row: those that are known at once, the others as they are made.

    With `marks`, the words of two known answers that the other does not have are underlined, unless
    that would be nearly all of them.
    """
    slots = {
        column.side: frame(place, column, height)
        for place, column in zip(st.columns(len(columns), gap="medium"), columns, strict=True)
    }
    marks = marks and differing(columns) <= MOST_MARKED
    for column in columns:
        if column.text is not None:
            draw_known(slots[column.side], column, other_of(column, columns) if marks else None)
        elif column.make is None:
            slots[column.side].caption(plain(column.broken) or "Not asked.")
    makers = {column.side: column.make for column in columns if column.text is None and column.make}
    if makers:
        stream(makers, slots, {column.side: column.opens for column in columns}, on_end)


def differing(columns: Sequence[Column]) -> float:
    """The share of words that differ between the first two answers, 0 while one is not there."""
    texts = [column.text for column in columns[:2] if column.text]
    return changed_share(*texts) if len(texts) == 2 else 0.0


def frame(place: DeltaGenerator, column: Column, height: int | str) -> DeltaGenerator:
    """A frame of one height for an answer, so that nothing below moves while it grows."""
    with place:
        st.markdown(f"**{plain(column.title)}** :gray[· {plain(column.about)}]")
        with st.container(height=height, border=True):  # type: ignore[arg-type]
            return st.empty()


def other_of(column: Column, columns: Sequence[Column]) -> str | None:
    """What an answer is compared with: the first side, or the second for that one; None if unknown."""
    first = columns[0] if column is not columns[0] else columns[1] if len(columns) > 1 else None
    return first.text if first else None


def draw_known(slot: DeltaGenerator, column: Column, other: str | None = None) -> None:
    """An answer that is there, and why it is not whole."""
    text = column.text or ""
    with slot.container():
        if text:
            draw_spans(column.opens, word_spans(text, other) if other else [Span(text, False)])
        elif not column.broken:
            answer_text([Span(NOTHING, False)])
        if column.broken == STOPPED:
            st.caption(":material/stop_circle: Stopped here.")
        elif column.broken:
            st.error(plain(column.broken), icon=":material/error:")


def draw_spans(opens: str, spans: Sequence[Span]) -> None:
    """Model text as text, after the words that were put into its mouth."""
    if opens:
        st.caption("Its mouth was opened with:")
        plain_text(opens)
    answer_text(spans)


def stream(
    makers: Mapping[str, Make], slots: Mapping[str, DeltaGenerator], opens: Mapping[str, str], on_end: OnEnd
) -> None:
    """Draw the answers as they come, and hand each on when it ends, however that is."""
    texts, left, ended = dict.fromkeys(makers, ""), list(makers), play.begin_stream()
    for side in makers:
        slots[side].caption("Thinking …")
    try:
        with contextlib.closing(at_once(makers)) as news:
            for came in news:
                # Nothing new: the same is drawn once more, so that Streamlit sees whether to go on.
                side = came.side or left[0]
                texts[side] += came.piece
                if came.is_end:
                    left.remove(side)
                    on_end(side, texts[side], came.trouble)
                draw_growing(slots[side], texts[side], came.trouble, opens.get(side, ""), came.is_end)
    finally:
        try:
            for side in left:
                on_end(side, texts[side], STOPPED)
        finally:
            ended.set()


def draw_growing(slot: DeltaGenerator, text: str, trouble: str, opens: str, is_end: bool) -> None:
    """An answer as far as it has come."""
    if not text and not is_end:
        slot.caption("Thinking …")
        return
    draw_known(slot, Column("", "", "", text, trouble, opens=opens))
