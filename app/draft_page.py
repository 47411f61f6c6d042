"""The New character page: which one is in the making, its three steps, and what waits."""

from __future__ import annotations

import time

import streamlit as st

from app import state
from app.draft_actions import (
    PAGE,
    bring_back,
    discard,
    draft_words,
    go_to_step,
    open_drafting,
    remove,
    shelf,
)
from app.draft_describe import draw_describe
from app.draft_keep import draw_keep
from app.draft_questions import draw_questions
from app.state import drafting as tab
from app.widgets import command, page_head, plain, plain_text, standing_complaint
from app.writer import writer
from core.errors import CoreError
from core.store.drafting import Drafting

STEPS = {"describe": "1 Describe", "answer": "2 A few questions", "keep": "3 Read and keep"}
CAPTION = "Say who it is in your own words, answer a few questions, and keep the traits you like."


def page() -> None:
    """The whole page."""
    one = _opened()
    page_head("New character", CAPTION)
    standing_complaint(PAGE)
    _draw_steps(one)
    if one.step == "answer":
        draw_questions(one)
    elif one.step == "keep":
        draw_keep(one)
    else:
        draw_describe(one)
    _draw_others(one)
    command(_words(one))


def _opened() -> Drafting:
    """The drafting in the address; an empty one, not on disk yet, where there is none."""
    id = tab.chosen()
    if not id:
        return Drafting("")
    try:
        one = shelf().load(id)
    except CoreError as error:
        tab.choose("")
        state.complain(PAGE, str(error))
        return Drafting("")
    tab.show_in_address(id)
    return one


def _draw_steps(one: Drafting) -> None:
    """Where we are, and when it was saved; any step may be opened at any time."""
    with st.container(horizontal=True, vertical_alignment="center"):
        key = state.seeded(f"draft-step:{one.id}", one.step)
        st.segmented_control(
            "Step",
            list(STEPS),
            key=key,
            format_func=lambda step: STEPS[step],
            label_visibility="collapsed",
            required=True,
            on_change=_step_chosen,
            args=(one.id, key),
        )
        st.caption(_saved(one), width="content")
        if one.id and not one.is_empty:
            _draw_discard(one)


def _step_chosen(id: str, key: str) -> None:
    go_to_step(id, str(state.widget(key) or "describe"))


def _draw_discard(one: Drafting) -> None:
    st.button(
        "Discard",
        key=f"discard:{one.id}",
        icon=":material/delete:",
        type="tertiary",
        help="Everything typed here goes aside; it can be brought back.",
        on_click=discard,
        args=(one.id,),
    )


def _saved(one: Drafting) -> str:
    if not one.id:
        return "Everything you type is saved as you go."
    return f"Saved {time.strftime('%H:%M', time.localtime(one.changed_at))}"


def _draw_others(one: Drafting) -> None:
    """What else was begun, and what was discarded."""
    waiting = [each for each in shelf().unfinished() if each.id != one.id]
    gone = shelf().discarded()
    if not (waiting or gone or one.id):
        return
    st.subheader("Unfinished", anchor=False)
    if not waiting:
        st.caption("No other character is in the making.")
    for each in waiting:
        _draw_unfinished(each)
    with st.container(horizontal=True):
        if one.id:
            st.button(
                "Begin another one",
                icon=":material/add:",
                type="tertiary",
                on_click=open_drafting,
                args=("",),
            )
        if gone:
            _draw_discarded(gone)


def _draw_unfinished(each: Drafting) -> None:
    kept = f" · {len(each.kept)} traits kept" if each.kept else ""
    when = time.strftime("%d %b, %H:%M", time.localtime(each.changed_at))
    with st.container(horizontal=True, vertical_alignment="center", key=f"unfinished-{each.id}"):
        with st.container(gap=None):
            st.markdown(plain(title_of_drafting(each)))
            st.caption(f"{when}{kept}")
        st.button(
            "Go on",
            key=f"go-on:{each.id}",
            icon=":material/arrow_forward:",
            type="tertiary",
            on_click=open_drafting,
            args=(each.id,),
        )
        _draw_discard(each)


def title_of_drafting(each: Drafting) -> str:
    """Its name, else how its description begins."""
    text = each.name or " ".join(each.description.split()) or "Without a description"
    return text if len(text) <= 90 else text[:89] + "…"


def _draw_discarded(gone: list[Drafting]) -> None:
    with st.popover(f"Discarded ({len(gone)})", icon=":material/delete:", type="tertiary"):
        for each in gone:
            with st.container(horizontal=True, vertical_alignment="center"):
                plain_text(title_of_drafting(each))
                for label, action in (("Bring back", bring_back), ("Delete for good", remove)):
                    st.button(
                        label, key=f"{label}:{each.id}", type="tertiary", on_click=action, args=(each.id,)
                    )


def _words(one: Drafting) -> list[list[str]]:
    model = writer().typed
    if not one.id:
        return [["constitution", "draft", "a grumpy lighthouse keeper who loves birds", "--model", model]]
    return [
        ["constitution", "draft", "--drafting", one.id, "--from-words"],
        draft_words(one.id, model, one.drafts, 0),
    ]
