"""The price tag as a page shows it: five steps with time and price each, a total, what is behind them."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from app.glossary import spoken
from app.train_live import draw_steps
from app.train_steps import Standing, Step
from app.widgets import plain
from core.price_tag import PriceTag, Sum, minutes, usd_words
from core.whole import STEP_OF, STEPS, TITLES
from core.whole import Step as StepName


def draw_tag(tag: PriceTag, done: frozenset[str] = frozenset()) -> None:
    """The steps, one under the other with their numbers in one line, and what they add up to."""
    for number, step in enumerate(tag.steps, 1):
        draw_line(f"{number}. {STEPS[step]}", tag.of(step), step_note(tag, step, done))
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown("**In all**", width="stretch")
        st.markdown(f"**{plain(line_words(tag.total))}**", width="content")


def draw_line(title: str, found: Sum, note: str) -> None:
    """One step: its name, and time and price at the other end."""
    with st.container(gap="xxsmall"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(plain(title), width="stretch")
            st.markdown(plain(line_words(found)), width="content")
        st.caption(plain(note))


def line_words(found: Sum) -> str:
    """Time and price of a step."""
    return f"{minutes(found.seconds)} · {usd_words(found)}"


def step_note(tag: PriceTag, step: StepName, done: frozenset[str]) -> str:
    """What a step does, and how many requests that is."""
    stages = [cost.stage for cost in tag.costs if cost.step == step]
    said = [TITLES[stage] for stage in stages]
    words = ", ".join([said[0], *(one[:1].lower() + one[1:] for one in said[1:])])
    requests = tag.of(step).requests.likely
    asked = f" · about {requests:,.0f} requests" if requests else ""
    there = " · done" if stages and all(stage in done for stage in stages) else ""
    return f"{words}{asked}{there}"


def draw_behind(tag: PriceTag) -> None:
    """What every number is based on; folded."""
    with st.expander("What these numbers are based on", icon=":material/info:"):
        for cost in tag.costs:
            st.markdown(f"**{plain(TITLES[cost.stage])}**: {plain(cost.basis)}")
        total = tag.total
        st.caption(
            plain(
                spoken(
                    f"In all about {total.tokens_in.likely:,.0f} tokens are sent, and between "
                    f"{total.tokens_out.low:,.0f} and {total.tokens_out.high:,.0f} may come back. The low "
                    "end takes short answers, the high end every answer as long as it may be."
                )
            )
        )


def draw_standing(stages: Sequence[str], stage: str, *, ended: bool, ok: bool) -> None:
    """The stages of a way that runs or has stopped, one line each; none of them ever moves."""
    at = stages.index(stage) if stage in stages else (len(stages) if ok else 0)
    now: Standing = "stopped" if ended and not ok else "now"

    def standing(place: int) -> Standing:
        return "done" if place < at else (now if place == at else "open")

    draw_steps([Step(standing(place), TITLES[one]) for place, one in enumerate(stages)])


def steps_of(stages: Sequence[str]) -> list[str]:
    """The steps of some stages, in words."""
    return list(dict.fromkeys(STEPS[STEP_OF[stage]] for stage in stages))
