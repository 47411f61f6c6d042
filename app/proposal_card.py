"""A proposed change as a difference, with the two things that can be done about it."""

from __future__ import annotations

from functools import partial

import streamlit as st

from app import state
from app.editor import Open, change
from app.job_card import draw_ended_badly
from app.launch import active_job
from app.reads import settings
from app.widgets import answer_text, job_progress, plain, plain_text
from app.writer import shown_model
from core.diff import Span, word_spans
from core.drafting.proposals import FROM_WORDS, Proposal, apply, standing
from core.editing import position
from core.errors import CoreError
from core.store.suggestions import Settled, Suggestion, Suggestions

KINDS = {
    "change": "A change of this trait",
    "new": "A new trait",
    "questions": "Questions that let it show",
    "exchange": "A new example exchange",
}
LABELS = {
    "change": "suggested a rewrite",
    "new": "added a proposed trait",
    "questions": "added questions",
    "exchange": "added an example",
}
ACCEPT = {
    "change": "Use this wording",
    "new": "Add this trait",
    "questions": "Add these questions",
    "exchange": "Add this example",
}
STANDING = {
    "older wording": "Made on an older wording of this trait: it would replace what you wrote since.",
    "trait gone": "Its trait is not in the character any more.",
}


def draw_waiting(subject: str, was_running: bool, page: str, sorry: str) -> None:
    """A job that words proposals: how far it is; drawn anew with the page once it ends."""
    job = active_job(subject)
    if job is not None:
        job_progress(job, page)
    elif was_running:
        st.rerun()
    else:
        draw_ended_badly(subject, page, sorry)


def waiting(opened: Open, found: list[Suggestion]) -> list[Suggestion]:
    """The suggestions to show: those not decided, and an accepted one that was undone."""
    return [one for one in found if _is_open(opened, one)]


def _is_open(opened: Open, one: Suggestion) -> bool:
    if one.settled == "discarded" or standing(opened.value, one.proposal) == "there already":
        return False
    if one.settled == "open":
        return True
    # Accepted, and yet the old wording stands: it was undone.
    return one.proposal.kind == "change" and standing(opened.value, one.proposal) == "fits"


def draw_proposal(opened: Open, one: Suggestion, where: str) -> None:
    """One proposal: what it is and by whom, the difference, and the buttons."""
    proposal = one.proposal
    with st.container(key=f"proposal-{where}-{proposal.id}", gap="small"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{_title(opened, proposal, where)}**", width="content")
            _draw_by(proposal)
        if proposal.why:
            st.caption(f"For: {plain(_short(proposal.why))}")
        how = standing(opened.value, proposal)
        if how in STANDING:
            st.caption(f":orange[:material/history:] {STANDING[how]}")
        _draw_difference(opened, proposal)
        _draw_buttons(opened, proposal, where, usable=how != "trait gone")


def _title(opened: Open, proposal: Proposal, where: str) -> str:
    if proposal.kind != "change" or where == "trait":
        return KINDS[proposal.kind]
    try:
        return f"A change of trait {position(opened.value, proposal.trait_id) + 1}"
    except KeyError:
        return "A change of a trait"


def _draw_by(proposal: Proposal) -> None:
    """Who worded it, in words and an icon."""
    own = proposal.by == FROM_WORDS
    icon = ":material/edit:" if own else ":material/stylus:"
    st.badge(plain(f"from {shown_model(proposal.by)}"), icon=icon, color="gray")


def _draw_difference(opened: Open, proposal: Proposal) -> None:
    if proposal.kind == "change":
        now = _wording(opened, proposal)
        st.caption("Now")
        answer_text(word_spans(now, proposal.text))
        st.caption("Proposed")
        answer_text(word_spans(proposal.text, now))
        return
    if proposal.kind == "exchange":
        st.caption("Somebody writes")
        answer_text([Span(proposal.was, False)])
        st.caption("The character answers")
    if proposal.text:
        answer_text([Span(proposal.text, proposal.kind == "new")])
    if proposal.kind == "questions":
        for question in proposal.questions:
            plain_text(f"+ {question}")


def _wording(opened: Open, proposal: Proposal) -> str:
    """The trait as it stands now; what the proposal was made on where it is gone."""
    try:
        return str(opened.value["traits"][position(opened.value, proposal.trait_id)]["trait"])
    except KeyError:
        return proposal.was


def _draw_buttons(opened: Open, proposal: Proposal, where: str, *, usable: bool) -> None:
    with st.container(horizontal=True):
        st.button(
            ACCEPT[proposal.kind],
            key=f"accept:{where}:{proposal.id}",
            icon=":material/check:",
            disabled=not usable,
            on_click=accept,
            args=(opened, proposal),
        )
        st.button(
            "Put aside",
            key=f"put-aside:{where}:{proposal.id}",
            icon=":material/close:",
            type="tertiary",
            on_click=put_aside,
            args=(opened.name, proposal),
        )


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= 120 else flat[:119] + "…"


# ---- callbacks


def accept(opened: Open, proposal: Proposal) -> None:
    """Put a proposal into the character, with undo; for callbacks. A conflict waits as any other edit."""
    if change(opened, LABELS[proposal.kind], partial(apply, proposal=proposal), f"proposal:{proposal.id}"):
        _settle(opened.name, proposal, "accepted")
        state.say_once("Taken over. Undo on the Traits page takes it back.")


def put_aside(name: str, proposal: Proposal) -> None:
    """Put a proposal aside; it can be brought back. For callbacks."""
    if _settle(name, proposal, "discarded"):
        state.say_once("Put aside.", ":material/close:")


def bring_back(name: str, proposal: Proposal) -> None:
    """Show a proposal again that was put aside; for callbacks."""
    _settle(name, proposal, "open")


def _settle(name: str, proposal: Proposal, how: Settled) -> bool:
    try:
        Suggestions(settings(), name).settle(proposal.id, how)
    except CoreError as error:
        state.fail(name, f"proposal:{proposal.id}", str(error))
        return False
    return True


def draw_put_aside(opened: Open, found: list[Suggestion], where: str) -> None:
    """How to bring back what was put aside; nothing while nothing was."""
    gone = [one for one in found if one.settled == "discarded"]
    if not gone:
        return
    with st.popover(f"Put aside ({len(gone)})", type="tertiary", key=f"aside-{where}"):
        for one in gone[:20]:
            text = one.proposal.text or "; ".join(one.proposal.questions)
            plain_text(_short(text))
            st.button(
                "Bring back",
                key=f"bring-back:{where}:{one.proposal.id}",
                type="tertiary",
                on_click=bring_back,
                args=(opened.name, one.proposal),
            )
