"""A short tour over real pages of the sample: one thing a step, ended at any moment, begun again from Home.

Where it is stands on disk, so that a reload goes on and an ended tour does not come again.
"""

from __future__ import annotations

from typing import NamedTuple

import streamlit as st

from app import state
from app.reads import settings
from app.state.preferences import preference, set_preference
from core.errors import CoreError
from core.sample import MADE_FROM, SAMPLE
from core.store.sample import has_sample, open_sample

TOUR, HOME = "tour", "views/home.py"


class Step(NamedTuple):
    """One stop: the page, what it is called, and the one thing to see there."""

    page: str
    title: str
    says: str


STEPS = (
    Step(
        "traits",
        "Traits",
        "A character is a page of plain sentences, each with questions that call for it.",
    ),
    Step(
        "pairs",
        "Pairs",
        "Left, a teacher plays the character; right, a student answers as it always does. You keep the "
        "good pairs, and the student learns to prefer the left side.",
    ),
    Step(
        "train",
        "Train",
        "Learning, drawn: the character's answer takes the lead. One sentence says whether it went well.",
    ),
    Step(
        "before_after",
        "Before and after",
        "The same question to the same model, before and after. Nobody tells it who to be any more.",
    ),
    Step(
        "check_traits",
        "Trait scores",
        "The finding stands on top, with how sure it is; under it what got worse, and every answer.",
    ),
    Step(
        "report",
        "Report",
        "Everything on one page that you can hand on. That was the whole way; now take it with your own.",
    ),
)


def here() -> int | None:
    """The step that the tour is at; None while nobody is on it."""
    at = preference(TOUR)
    return at if isinstance(at, int) and 0 <= at < len(STEPS) else None


def was_taken() -> bool:
    """Whether the tour was ended or walked through before."""
    return preference(TOUR) == "over"


def draw_tour(path: str) -> None:
    """The tour's bar above a page: what to see here, the next stop, the way out; nothing off the tour."""
    at = here()
    if at is None:
        return
    step = STEPS[at]
    with st.container(border=True, key="tour", gap="xsmall"):
        if path == step.page:
            st.markdown(f":primary[**Tour, {at + 1} of {len(STEPS)}**] &nbsp; {step.says}")
        else:
            st.markdown(f":primary[**Tour**] &nbsp; It waits for you on the page {step.title}.")
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            draw_on(at, path)
            st.button("End the tour", key="tour:end", type="tertiary", on_click=end)


def draw_on(at: int, path: str) -> None:
    """Back, and on to the next stop; from elsewhere, back to where the tour waits."""
    if path != STEPS[at].page:
        st.button(f"Go on: {STEPS[at].title}", key="tour:on", on_click=go, args=(at,))
        return
    if at:
        st.button("Back", key=f"tour:back:{at}", type="tertiary", on_click=go, args=(at - 1,))
    if at + 1 < len(STEPS):
        label, icon = f"Next: {STEPS[at + 1].title}", ":material/arrow_forward:"
        st.button(label, key=f"tour:next:{at}", icon=icon, on_click=go, args=(at + 1,))
    else:
        st.button("Done", key="tour:done", icon=":material/check:", on_click=end, kwargs={"home": True})


def begin() -> None:
    """Open the sample and go to the first stop; for callbacks."""
    state.complain("sample", None)
    try:
        open_sample(settings())
    except CoreError as error:
        # Without it the tour still shows where things are.
        state.complain("sample", str(error))
    go(0)


def go(at: int) -> None:
    """Go to a stop of the tour; for callbacks. The stop is bound when the button is drawn."""
    set_preference(TOUR, at)
    state.choose_character(SAMPLE if has_sample(settings()) else MADE_FROM)
    state.request_page(f"views/{STEPS[at].page}.py")


def end(*, home: bool = False) -> None:
    """End the tour for good; Home can begin it again. For callbacks."""
    set_preference(TOUR, "over")
    if home:
        state.request_page(HOME)


def draw_offer() -> None:
    """The button that begins it, quieter once it was taken."""
    if here() is not None:
        return
    label = "Take the tour again" if was_taken() else "Take the tour: six stops, two minutes"
    st.button(label, key="tour:begin", type="tertiary", icon=":material/signpost:", on_click=begin)
