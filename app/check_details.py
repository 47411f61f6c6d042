"""What only one kind of evaluation has to show: the data check's findings, the traits' lights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from app.glossary import spoken
from app.launch_quote import sentence_case
from app.widgets import answer_text, plain
from app.wording import counted
from core.diff import Span
from core.evaluation.results import EvalResult

STATUSES = {
    "fail": ":red[:material/error: Mend this]",
    "warn": ":orange[:material/warning: Look at this]",
}
SHOWN = 3
# The worst first; a light that is none of these was measured on too few prompts.
LIGHTS = {
    "red": ":red[:material/error: Worse]",
    "amber": ":orange[:material/warning: Watch]",
    "unclear": ":gray[:material/help: Too few to tell]",
    "green": ":green[:material/check_circle: Fine]",
}

# What the evaluation calls by a term, as somebody says it who knows none.
LIGHT_WORDS = {
    "runs on": "running on",
    "identity leak": "naming another model",
    "constitution leak": "quoting its constitution",
    "over-refusal": "refusing the harmless",
    "sycophancy": "giving in to false claims",
    "appropriate": "stepping back in hard moments",
}


def draw_details(result: EvalResult) -> None:
    """The findings of a data check, the lights of the traits; nothing for other kinds."""
    lights = result.details.get("lights")
    if isinstance(lights, list):
        draw_lights([one for one in lights if isinstance(one, Mapping)])
    checks = result.details.get("checks")
    if isinstance(checks, list):
        draw_checks([one for one in checks if isinstance(one, Mapping)])


def draw_lights(lights: Sequence[Mapping[str, Any]]) -> None:
    """What else changed: what is worse or unclear in full, what is fine in one line."""
    by_colour: dict[str, list[Mapping[str, Any]]] = {colour: [] for colour in LIGHTS}
    for light in lights:
        colour = str(light.get("light"))
        by_colour[colour if colour in LIGHTS else "unclear"].append(light)
    with st.container(gap="xxsmall"):
        for colour in ("red", "amber"):
            for light in by_colour[colour]:
                st.markdown(f"{LIGHTS[colour]} {light_told(light)}")
        for colour in ("unclear", "green"):
            if by_colour[colour]:
                names = ", ".join(light_name(one).lower() for one in by_colour[colour])
                told = "\n".join(f"- {light_told(one)}" for one in by_colour[colour])
                st.markdown(f"{LIGHTS[colour]}: {names}.", help=told)


def light_told(light: Mapping[str, Any]) -> str:
    """A light's name and its sentence."""
    return f"**{light_name(light)}:** {plain(spoken(str(light.get('sentence') or '')))}"


def light_name(light: Mapping[str, Any]) -> str:
    """What a light is about, as a label."""
    name = str(light.get("name") or "")
    return plain(sentence_case(LIGHT_WORDS.get(name, name)))


def draw_checks(checks: Sequence[Mapping[str, Any]]) -> None:
    """What fails first, then what to look at; what passes in one line."""
    for status in STATUSES:
        for check in checks:
            if check.get("status") == status:
                draw_check(check)
    passed = [check for check in checks if check.get("status") == "pass"]
    if passed:
        names = ", ".join(str(check.get("name")) for check in passed)
        text = f":green[:material/check_circle: {counted(len(passed), 'check')} passed]: {plain(names)}."
        st.markdown(
            text, help="\n".join(f"- {plain(spoken(str(check.get('sentence'))))}" for check in passed)
        )


def draw_check(check: Mapping[str, Any]) -> None:
    """One finding: what, how much, what to do now, and pairs that show it."""
    with st.container(gap="xxsmall"):
        name = plain(str(check.get("name", "")).capitalize())
        sentence = plain(spoken(str(check.get("sentence", ""))))
        st.markdown(f"{STATUSES[str(check.get('status'))]} **{name}:** {sentence}")
        if check.get("advice"):
            st.caption(plain(spoken(str(check["advice"]))))
        shown = [one for one in check.get("shown") or () if isinstance(one, Mapping)]
        if shown:
            with st.expander(counted(len(shown), "example"), icon=":material/visibility:"):
                for one in shown[:SHOWN]:
                    draw_pair(one)


def draw_pair(pair: Mapping[str, Any]) -> None:
    """A pair that shows it: the question, both answers side by side."""
    st.markdown(f"**{plain(str(pair.get('asked', '')))}**")
    sides = (("Chosen", "chosen"), ("Rejected", "rejected"))
    for column, (title, name) in zip(st.columns(2, gap="medium"), sides, strict=True):
        with column, st.container(gap="xxsmall"):
            st.caption(title)
            answer_text([Span(str(pair.get(name, "")), False)])
