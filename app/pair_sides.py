"""The two answers of a pair, what differs, what should not be there, and why chosen wins in numbers."""

from __future__ import annotations

from itertools import pairwise

import streamlit as st

from app import state
from app.pair_reads import Pairs
from app.state.preferences import preference, set_preference
from app.widgets import MARK, dressed_text, plain
from core.diff import Span, differing_share, word_spans
from core.pair_evidence import Leak, Sides, leaks, reasons
from core.pairs import PairRules
from core.store.lines import Row

# From here on marks would cover nearly everything and tell nothing.
MOSTLY_DIFFERENT = 0.6
LONGEST_SHOWN = 20_000
MARK_WORDS = "mark_words"
WHOSE = {"teacher": "Teacher", "student": "Student", "person": "Written by hand"}
LEAK = "background:rgba(214,69,65,.16);border-bottom:2px solid rgba(196,52,48,.85);border-radius:.15em"


def draw_sides(row: Row, rules: PairRules) -> None:
    """Chosen left, rejected right; words that the other lacks marked where that tells something."""
    texts = [(row[name] or "")[:LONGEST_SHOWN] for name in ("chosen", "rejected")]
    spans = [word_spans(texts[0], texts[1]), word_spans(texts[1], texts[0])]
    marked = preference(MARK_WORDS, differing_share(spans[0]) < MOSTLY_DIFFERENT)
    found = leaks(texts[0], row["text"], rules)
    left, right = st.columns(2, gap="large")
    for column, side, number in ((left, "chosen", 0), (right, "rejected", 1)):
        with column:
            st.caption(f"{WHOSE[row['origin'][side]]} · {side}")
            pieces = spans[number] if marked else [Span(texts[number], False)]
            draw_answer(pieces, found if number == 0 else [])
            draw_rest(row, side)
    draw_leaks(texts[0], found)
    draw_before(row)
    st.toggle(
        "Mark words that differ",
        key=state.seeded("mark", marked),
        on_change=remember_marking,
        help="Off by itself where nearly every word differs.",
    )


def remember_marking() -> None:
    """Keep the person's wish about marks; for callbacks."""
    set_preference(MARK_WORDS, bool(state.widget("mark")))


def draw_answer(spans: list[Span], found: list[Leak]) -> None:
    """Model text as text. Everything is escaped and direction marks stay inside: nothing in it can act."""
    if not any(span.text for span in spans):
        st.caption("No answer yet.")
        return
    dressed_text([dressed(text, differs, leak) for text, differs, leak in cut(spans, found)])


def dressed(text: str, differs: bool, leak: Leak | None) -> tuple[str, str, str]:
    """One stretch of text with its mark; a leak says why when one points at it."""
    style = ";".join(part for part in (MARK if differs else "", LEAK if leak else "") if part)
    return visible(text), style, leak.why if leak else ""


HIDDEN = {number: f"⟨U+{number:04X}⟩" for number in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))}
HIDDEN |= {number: f"⟨{number:02X}⟩" for number in range(32) if number not in (9, 10, 13)}
HIDDEN |= {0x7F: "⟨7F⟩", 0x200E: "⟨U+200E⟩", 0x200F: "⟨U+200F⟩"}


def visible(text: str) -> str:
    """A text whose control characters and direction overrides are seen and do nothing."""
    return text.translate(HIDDEN)


def cut(spans: list[Span], found: list[Leak]) -> list[tuple[str, bool, Leak | None]]:
    """The spans cut where a leak begins or ends."""
    pieces: list[tuple[str, bool, Leak | None]] = []
    at = 0
    for span in spans:
        end = at + len(span.text)
        edges = sorted({at, end, *[edge for leak in found for edge in leak[:2] if at < edge < end]})
        for start, stop in pairwise(edges):
            leak = next((leak for leak in found if leak.start <= start < leak.end), None)
            pieces.append((span.text[start - at : stop - at], span.differs, leak))
        at = end
    return pieces


def draw_rest(row: Row, side: str) -> None:
    """That an answer goes on, and the whole of it as a file: a page never holds all of a very long one."""
    text = row[side] or ""
    if len(text) <= LONGEST_SHOWN:
        return
    st.caption(f"The first {LONGEST_SHOWN:,} of {len(text):,} characters.")
    st.download_button(
        "All of it as a file",
        lambda: text.encode("utf-8", "replace"),
        f"{row['id']}-{side}.txt",
        key=f"whole:{row['id']}:{side}",
        type="tertiary",
        icon=":material/download:",
        on_click="ignore",
    )


def draw_leaks(text: str, found: list[Leak]) -> None:
    """What is marked red, in words."""
    for leak in found[:5]:
        words = " ".join(visible(text[leak.start : leak.end]).split())[:80]
        st.caption(f":red[:material/warning:] “{plain(words)}” {leak.why}.")


def draw_before(row: Row) -> None:
    """What a changed pair was before."""
    before = row.get("before")
    if before:
        with st.expander("As the models answered", icon=":material/history:"):
            for side in ("chosen", "rejected"):
                st.caption(f"{'Teacher' if side == 'chosen' else 'Student'}")
                draw_answer([Span((before[side] or "")[:LONGEST_SHOWN], False)], [])


def draw_why(name: str, pairs: Pairs, row: Row, n: int) -> None:
    """Why chosen wins, in numbers."""
    if not row["chosen"] or not row["rejected"]:
        return
    sides = Sides(row["chosen"][:LONGEST_SHOWN], row["rejected"][:LONGEST_SHOWN])
    facts = reasons(sides, name, pairs.learned(n))
    with st.container(horizontal=True, gap="medium"):
        for fact in facts:
            st.caption(f"{fact.label} **{plain(fact.value)}**", help=plain(fact.means), width="content")
