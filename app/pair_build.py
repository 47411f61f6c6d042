"""While the list of a large run is made for the first time: a job makes it, the page says how far it is."""

from __future__ import annotations

import streamlit as st

from app.commands import verb_words
from app.launch import active_job, launch
from app.pair_launch import Engines
from app.pair_reads import INLINE_BYTES, Pairs
from app.sidebar import title_of
from core.records import content_hash

PAGE = "pairs"


def catching_up(pairs: Pairs, *, running: bool) -> bool:
    """Whether something is on disk that the list lacks; a job that answers draws it anyway."""
    return not pairs.state.is_done and not running


def draw_catching_up(name: str, pairs: Pairs, engines: Engines) -> None:
    """How far the list is; a large rest is left to a job, a small one to the next redraw."""
    subject = f"pairs-index:{name}"
    if pairs.is_much and active_job(subject) is None:
        begin(name, pairs, engines, subject)
    follow(pairs, subject)


def begin(name: str, pairs: Pairs, engines: Engines, subject: str) -> None:
    """Have a job take in the rest. Its token names what there is to do: two tabs start one job."""
    flags = {"constitution": name, "teacher": engines.teacher, "student": engines.student}
    state = pairs.state
    launch(
        verb_words("pairs-index", None, flags),
        title=f"List of {title_of(name)}'s pairs",
        subject=subject,
        token=content_hash([str(pairs.index.path), state.ready, state.planned, state.unread]),
        page=PAGE,
    )


@st.fragment(run_every=1.0)
def follow(pairs: Pairs, subject: str) -> None:
    """How far it is, once a second; when it is done the whole page is drawn once more.

    The page helps the job along where that is quick, and does it alone where there is no job.
    """
    quick = active_job(subject) is None or pairs.index.backlog() <= INLINE_BYTES
    now = pairs.index.refresh(0.2, words_only=not quick)
    if now.is_done:
        st.rerun()
    planned = max(now.planned, 1)
    st.progress(
        min(1.0, now.ready / planned),
        text=f"Making the list: {now.ready:,} of {now.planned:,} pairs so far. You can begin with those.",
    )
