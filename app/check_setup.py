"""The button of a measurement, what it takes before the click, and the limit."""

from __future__ import annotations

import streamlit as st

from app import state
from app.check_choice import BUDGET, LM_EVAL, Choice, chosen
from app.check_fields import draw_fields
from app.check_kinds import About
from app.check_names import title_now
from app.check_reads import has_pairs
from app.check_size import Size, size_of
from app.glossary import spoken
from app.launch import active_job, launch
from app.launch_options import cost_money, draw_limit
from app.links import link_to
from app.reads import library, settings
from app.sidebar import title_of
from app.state.limits import set_limit
from app.widgets import plain
from core.environments import find_environment
from core.errors import CoreError
from core.prices import money

SETUP = f"setup:{LM_EVAL}"


def draw_setup(about: About, name: str, *, again: bool) -> None:
    """The settings and the button; folded where there is a result already.

    The first measurement is one click: its settings are folded too, but where a judge has to be chosen.
    """
    if again:
        with st.expander("Measure again, or otherwise", icon=":material/replay:"):
            draw_fields(about, name)
            draw_go(about, name, primary=False)
        return
    if about.judged:
        draw_fields(about, name)
    else:
        with st.expander("Measure it otherwise", icon=":material/tune:"):
            draw_fields(about, name)
    draw_go(about, name, primary=True)


# ---- what it takes, and the button


def draw_go(about: About, name: str, *, primary: bool) -> None:
    """The size, the limit, and the one button."""
    choice = chosen(about, name)
    if active_job(about.subject(name)) is not None:
        st.caption("It is being measured now. What another one takes is counted when it has ended.")
        return
    waits = about.judged and not choice.judge
    size = Size() if waits else size_of(choice)
    if not waits:
        draw_size(size, choice)
    unready = choice.is_full and find_environment(settings(), LM_EVAL) is None
    if unready:
        draw_benchmark_setup(about)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        draw_budget(choice, size)
        button = f"{about.page}:go"
        st.button(
            about.does,
            key=button,
            type="primary" if primary else "secondary",
            icon=":material/play_arrow:",
            disabled=waits or unready or bool(size.trouble),
            on_click=start,
            args=(about, name, state.click_token(button), button),
        )


def draw_size(size: Size, choice: Choice) -> None:
    """What it takes, in a line; each speaker's share under it; what stands in its way."""
    if size.trouble:
        st.error(plain(size.trouble), icon=":material/error:")
        draw_way_out(choice)
        return
    st.markdown(f"**{plain(spoken(size.headline()))}**")
    lines = [*size.details(), size.limit_words(state.widget(BUDGET))]
    st.caption("  \n".join(plain(spoken(line)) for line in lines if line))


def draw_way_out(choice: Choice) -> None:
    """The page on which what is missing can be made."""
    if not has_pairs(library().load(choice.name).constitution):
        link_to("views/pairs.py", "Make pairs", icon=":material/compare_arrows:")
    elif choice.judge or not choice.is_embedded():
        link_to("views/settings.py", "Engines and keys", icon=":material/key:")


def draw_benchmark_setup(about: About) -> None:
    """The button that makes lm-eval's own environment; its progress is a job's."""
    st.caption("lm-eval is not installed here: it gets an environment of its own, about 1 GB.")
    if active_job(SETUP) is not None:
        link_to("views/jobs.py", "lm-eval is being set up", icon=":material/pending_actions:")
        return
    st.button(
        "Set up lm-eval",
        key=SETUP,
        icon=":material/download:",
        on_click=set_up,
        args=(about, state.click_token(SETUP)),
    )


def set_up(about: About, token: str) -> None:
    """Start the installation; for callbacks."""
    launch(["setup", LM_EVAL], title="Install lm-eval", subject=SETUP, token=token, page=about.page)
    state.spend_token(SETUP)


def draw_budget(choice: Choice, size: Size) -> None:
    """The spending limit, where money is involved, and one click to a sensible one."""
    if not paid(choice):
        return
    draw_limit(BUDGET)
    sensible = size.sensible_limit()
    if sensible is not None and state.widget(BUDGET) is None:
        st.button(
            plain(f"Limit to {money(sensible)}"),
            key="check:sensible-limit",
            type="tertiary",
            icon=":material/savings:",
            on_click=set_limit,
            args=(BUDGET, sensible),
        )


def paid(choice: Choice) -> bool:
    """Whether somebody who is asked costs money, or may."""
    try:
        return cost_money(choice.models())
    except CoreError:
        return False


def start(about: About, name: str, token: str, button: str) -> None:
    """Start the measurement; for callbacks. What was typed since the button was drawn counts."""
    launch(
        chosen(about, name).words(),
        title=f"{title_now(about)} of {title_of(name)}",
        subject=about.subject(name),
        token=token,
        page=about.page,
    )
    state.spend_token(button)
