"""What only one kind of evaluation has to show: the data check's findings, each with what to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from app.widgets import answer_text, plain
from app.wording import counted
from core.diff import Span
from core.evaluation.results import EvalResult

STATUSES = {
    "fail": ":red[:material/error: Mend this]",
    "warn": ":orange[:material/warning: Look at this]",
}
SHOWN = 3


def draw_details(result: EvalResult) -> None:
    """The findings of a data check; nothing for other kinds."""
    checks = result.details.get("checks")
    if isinstance(checks, list):
        draw_checks([one for one in checks if isinstance(one, Mapping)])


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
        st.markdown(text, help="\n".join(f"- {plain(str(check.get('sentence')))}" for check in passed))


def draw_check(check: Mapping[str, Any]) -> None:
    """One finding: what, how much, what to do now, and pairs that show it."""
    with st.container(gap="xxsmall"):
        name = plain(str(check.get("name", "")).capitalize())
        sentence = plain(str(check.get("sentence", "")))
        st.markdown(f"{STATUSES[str(check.get('status'))]} **{name}** {sentence}")
        if check.get("advice"):
            st.caption(plain(str(check["advice"])))
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
