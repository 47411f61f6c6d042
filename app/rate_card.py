"""One pair to rate: the keys on top, where they stay put, then the question and its two answers."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import streamlit as st

from app import state
from app.widgets import answer_text, plain
from app.wording import counted
from core.diff import Span
from core.errors import CoreError
from core.evaluation.ratings import QUESTIONS, SKIPPED, UNDONE, Card, Choice, Vote, vote_on
from core.stages.evals.gate import votes_of
from core.stages.evals.ratings import cast_vote, keep_rated
from core.store.runs import Run

PAGE = "rate"
# In the order of the keys on a keyboard's cross, as a row: left, up, down, right.
KEYS: tuple[tuple[Choice, str, str | None, str], ...] = (
    ("left", "Left is better", None, "Left"),
    ("both good", "Both good", ":material/thumb_up:", "Up"),
    ("both bad", "Both bad", ":material/thumb_down:", "Down"),
    ("right", "Right is better", None, "Right"),
)


@dataclass(frozen=True, slots=True)
class Sitting:
    """Who rates what in which run, and how many of their rows there were when the page was drawn."""

    run: Run
    rater: str
    question: str
    rows: int

    @classmethod
    def of(cls, run: Run, rater: str, question: str, votes: Sequence[Vote]) -> Sitting:
        """The sitting as these rows of the run have it."""
        return cls(
            run, rater, question, sum((one.rater, one.question) == (rater, question) for one in votes)
        )

    def is_past(self) -> bool:
        """Whether a row has come since: a key pressed twice would otherwise change the vote before."""
        with suppress(CoreError):
            return Sitting.of(self.run, self.rater, self.question, votes_of(self.run)) != self
        # What is wrong with the file, keeping the vote will say.
        return False


def draw_card(at: Sitting, card: Card, mine: Sequence[Vote]) -> None:
    """The pair, its keys, and the way back."""
    with st.container(border=True):
        st.caption(QUESTIONS[at.question].text)
        with st.container(horizontal=True, vertical_alignment="center"):
            for choice, label, icon, key in KEYS:
                vote_button(at, card, choice, label, icon, key)
            ways_out(at, card, mine)
        st.markdown(f"**{plain(card.duel.asked)}**")
        sides(card)
    st.caption("The keys work as long as you are not typing in a field.")


def vote_button(at: Sitting, card: Card, choice: Choice, label: str, icon: str | None, key: str) -> None:
    """One of the four answers to the question, with its key on it."""
    st.button(
        label,
        key=f"vote:{choice}",
        icon=icon,
        shortcut=key,
        on_click=press,
        args=(at, vote_on(card, at.question, at.rater, choice)),
    )


def ways_out(at: Sitting, card: Card, mine: Sequence[Vote]) -> None:
    """Skip this pair, or take the last vote back; also after a reload."""
    st.button(
        "Skip",
        key="vote:skip",
        icon=":material/skip_next:",
        type="tertiary",
        shortcut="S",
        on_click=press,
        args=(at, vote_on(card, at.question, at.rater, SKIPPED)),
        help="It comes back at the end if you like.",
    )
    undo_button(at, mine)


def undo_button(at: Sitting, mine: Sequence[Vote]) -> None:
    """Take the last vote back."""
    st.button(
        "Undo",
        key="vote:undo",
        icon=":material/undo:",
        type="tertiary",
        shortcut="U",
        disabled=not mine,
        on_click=take_back,
        args=(at, mine[-1:]),
    )


def sides(card: Card) -> None:
    """The two answers, nothing said of who gave them."""
    for column, title, text in zip(st.columns(2, gap="medium"), ("Left", "Right"), card.sides, strict=True):
        with column, st.container(gap="xxsmall"):
            st.caption(title)
            answer_text([Span(text, False)])


def draw_done(at: Sitting, mine: Sequence[Vote]) -> None:
    """The end of the deck, and the pairs that were skipped."""
    skipped = [vote for vote in mine if vote.choice == SKIPPED]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(":green[:material/check_circle:] You have seen every pair. Thank you.", width="content")
        if skipped:
            st.button(
                f"Rate the {counted(len(skipped), 'pair')} that you skipped",
                key="vote:skipped",
                icon=":material/replay:",
                on_click=take_back,
                args=(at, skipped),
            )
        undo_button(at, mine)


# ---- callbacks


def press(at: Sitting, vote: Vote) -> None:
    """Keep a vote, unless it is of a page that is past; for callbacks."""
    if not at.is_past():
        keep(at.run, vote)


def keep(run: Run, vote: Vote) -> None:
    """Keep a vote and what the votes say now. A failure stays on the page."""
    state.complain(PAGE, None)
    try:
        cast_vote(run, vote)
        keep_rated(run, vote.question)
    except CoreError as error:
        state.complain(PAGE, str(error))


def take_back(at: Sitting, votes: Sequence[Vote]) -> None:
    """Append that these votes are undone, unless the page is past; for callbacks."""
    if at.is_past():
        return
    for vote in votes:
        keep(at.run, undone(vote))
    if len(votes) == 1:
        state.say_once("Vote taken back.", ":material/undo:")


def undone(vote: Vote) -> Vote:
    """The row that takes a vote back."""
    row = vote.as_dict() | {"choice": UNDONE, "at": 0.0}
    return Vote(**row)
