"""The answers behind a bar: the question, both answers side by side, how each was scored."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from app import state
from app.check_kinds import About
from app.check_reads import Kept, rows_of
from app.check_rows import ORDERS, Exchange, Said, Wish, compared_of, exchanges_of, groups_of, is_judged
from app.check_words import group_words, sentence_of, titles_of, who
from app.launch_quote import sentence_case
from app.state.address import in_address
from app.widgets import answer_text, plain
from app.wording import counted
from core.constitution import Constitution
from core.diff import Span

ALL = ""
A_PAGE = 4
LONGEST = 1_500


def group_key(about: About) -> str:
    """The widget that says which group's answers are shown."""
    return f"check:{about.kind}:group"


def speaker_key(about: About) -> str:
    """The widget that says whose answers stand on the right."""
    return f"check:{about.kind}:speaker"


def show_group(about: About, group: str, speaker: str | None) -> None:
    """Show the answers behind a bar; for callbacks."""
    state.fill(group_key(about), group)
    if speaker:
        state.fill(speaker_key(about), speaker)
    state.go_to(f"check:{about.kind}", A_PAGE)


def draw_answers(about: About, kept: Kept, constitution: Constitution) -> None:
    """The answers of a group; the sentence of the constitution above them where it is a trait."""
    rows = rows_of(kept)
    if not rows:
        return
    st.subheader("The answers behind it", anchor=False)
    titles = titles_of(constitution, kept.result.details)
    wish = draw_filters(about, rows, titles)
    sentence = sentence_of(constitution, wish.group or "")
    if sentence:
        st.markdown(f":material/format_quote: *{plain(sentence)}*")
    found = exchanges_of(rows, wish, (about.scored, about.weak))
    draw_exchanges(about, found, titles)


def draw_filters(about: About, rows: Sequence[dict], titles: dict[str, str]) -> Wish:
    """Which answers: about what, of whom, in which order."""
    groups = groups_of(rows)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        group = draw_group(about, groups, titles)
        speaker = draw_speaker(about, rows)
        order = st.selectbox(
            "Order",
            ORDERS,
            key=in_address(f"check:{about.kind}:order", ORDERS[0], options=ORDERS, name="order"),
            format_func=str.capitalize,
            width=180,
        )
    return Wish(group or None, speaker, order or "as asked")


def draw_group(about: About, groups: Sequence[str], titles: dict[str, str]) -> str:
    """What the answers are about; the address names it, so that a link opens the same."""
    options = [ALL, *groups]
    chosen = st.selectbox(
        "About",
        options,
        key=in_address(group_key(about), ALL, options=options, name="about"),
        format_func=lambda one: group_words(one, about.kind, titles).capitalize() if one else "Everything",
        width=300,
        help="Or click a bar of the chart.",
    )
    return str(chosen or ALL)


def draw_speaker(about: About, rows: Sequence[dict]) -> str | None:
    """Who stands on the right; nothing to choose where there is one."""
    labels = compared_of(rows)
    if len(labels) < 2:
        return labels[0] if labels else None
    return st.selectbox(
        "Against" if is_judged(rows) else "Beside it",
        labels,
        key=in_address(speaker_key(about), labels[0], options=labels, name="beside"),
        format_func=who,
        width=280,
    )


def draw_exchanges(about: About, found: Sequence[Exchange], titles: dict[str, str]) -> None:
    """The first few, and more on request."""
    place = f"check:{about.kind}"
    shown = max(A_PAGE, state.place(place, A_PAGE))
    if not found:
        st.caption("No answers of this kind.")
        return
    st.caption(f"{min(shown, len(found))} of {counted(len(found), 'answer')}")
    for one in found[:shown]:
        draw_exchange(about, one, titles)
    if len(found) > shown:
        st.button(
            "Show more",
            key=f"{place}:more",
            type="tertiary",
            icon=":material/expand_more:",
            on_click=state.go_to,
            args=(place, shown + 3 * A_PAGE),
        )


def draw_exchange(about: About, one: Exchange, titles: dict[str, str]) -> None:
    """One question: what it is about, and its answers beside each other."""
    with st.container(border=True, gap="small"):
        with st.container(gap=None):
            st.markdown(f"**{in_lines(one.asked[:LONGEST])}**")
            known = [group for group in dict.fromkeys((one.about, one.trait)) if group]
            told = [group_words(group, about.kind, titles) for group in known]
            told += [f"the talk began with: {one.began}"] if one.began else []
            if told:
                st.caption(plain(sentence_case(" · ".join(told))))
        if one.left is None:
            draw_said(one.right)
            return
        for column, said in zip(st.columns(2, gap="medium"), (one.left, one.right), strict=True):
            with column:
                draw_said(said)


def in_lines(text: str) -> str:
    """A question with its line breaks, escaped."""
    return "  \n".join(plain(line.strip()) for line in text.splitlines() if line.strip()) or "…"


def draw_said(said: Said | None) -> None:
    """Who said it and how it was scored, then the words, as text."""
    if said is None:
        st.caption("No answer here.")
        return
    with st.container(gap="xxsmall"):
        parts = [who(said.who), said.mark] + (["cut off at the limit"] if said.cut else [])
        st.caption(plain(" · ".join(part for part in parts if part)))
        answer_text([Span(said.text[:LONGEST] or "(nothing)", False)])
