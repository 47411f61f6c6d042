"""Step 3 of a new character: drafts to read, traits to keep, and the character that grows of them."""

from __future__ import annotations

import streamlit as st

from app import state
from app.draft_actions import shelf, write_drafts
from app.draft_card import draw_draft, draw_put_aside
from app.draft_job import draw_job
from app.draft_mix import draw_mix
from app.widgets import plain
from app.writer import Writer, choose_writer
from core.drafting.briefs import ANGLES, MOST_DRAFTS
from core.drafting.replies import Draft
from core.stages.drafting import DraftJob, asked_in, draft_calls, drafts_in, failures_in, next_round
from core.store.drafting import Drafting
from core.store.replies import Replies

EMPTY = "Describe the character first; its drafts will be here, to read and to keep trait by trait."


def draw_keep(one: Drafting) -> None:
    """The drafts on the left, what was kept on the right."""
    left, right = st.columns([2.2, 1.2], gap="large")
    replies = shelf().replies(one.id) if one.id else None
    drafts = drafts_in(one, replies) if replies else []
    with right:
        draw_mix(one)
    with left:
        if replies is None or not (one.description.strip() or any(one.answers.values())):
            st.caption(EMPTY)
            return
        _draw_writing(one, replies, count=len(drafts) - 1)
        _draw_drafts(one, drafts)


def draft_id(draft: Draft) -> str:
    """What a draft is called on disk: its answer's key; the one from one's own words has none."""
    return draft.key or "own"


def _draw_drafts(one: Drafting, drafts: list[Draft]) -> None:
    kept = {kept.trait.id for kept in one.kept}
    for draft in drafts:
        if draft_id(draft) not in one.put_aside:
            draw_draft(one, draft, draft_id(draft), kept)
    aside = [draft for draft in drafts if draft_id(draft) in one.put_aside]
    if aside:
        draw_put_aside(one, [(draft, draft_id(draft)) for draft in aside])


def _draw_writing(one: Drafting, replies: Replies, count: int) -> None:
    """Who writes drafts, how many, at what price; the job; and what failed."""
    chosen = choose_writer("drafts")
    if not draw_job(one.id) and chosen.model is not None and not chosen.trouble:
        _draw_write_button(one, chosen, replies, again=count > 0)
    for label, why in failures_in(replies, "draft"):
        st.error(plain(f"{label}: {why}"), icon=":material/error:")


def _draw_write_button(one: Drafting, chosen: Writer, replies: Replies, *, again: bool) -> None:
    assert chosen.model is not None and chosen.engine is not None
    with st.container(horizontal=True, vertical_alignment="center"):
        drafts = st.segmented_control(
            "How many drafts",
            list(range(2, MOST_DRAFTS + 1)),
            default=min(max(one.drafts, 2), MOST_DRAFTS),
            key=f"how-many:{one.id}",
            required=True,
            label_visibility="collapsed",
        )
        count = int(drafts or 3)
        asked = asked_in(replies).questions
        job = DraftJob(chosen.model, count)
        round = next_round(one, asked, job, replies, chosen.engine)
        job = DraftJob(chosen.model, count, round)
        calls = draft_calls(one, asked, job, prefill=chosen.engine.can_prefill)
        st.button(
            f"Write {count} more drafts" if again else f"Write {count} drafts",
            key=f"write:{one.id}",
            icon=":material/stylus:",
            disabled=not one.description.strip(),
            on_click=write_drafts,
            args=(one.id, chosen.typed, count, round, state.click_token(f"drafts:{one.id}")),
        )
    angles = ", ".join(angle.title.lower() for angle in ANGLES[:count])
    st.caption(plain(f"{chosen.price(calls, replies)} Each from another angle: {angles}."))
