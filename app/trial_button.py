"""The big button *Try it now*: the whole path in miniature, with its size and time under it."""

from __future__ import annotations

import streamlit as st

from app import state
from app.launch import active_job, launch
from app.sidebar import title_of
from app.widgets import plain
from core.cli import character
from core.sample import MADE_FROM, is_sample

PAGE = "trial"
TAKES = (
    "48 pairs, a small training, then the same questions before and after. "
    "Free, 3 to 6 minutes on this computer. It goes on when you close this window."
)


def offered() -> bool:
    """Whether the verb is built."""
    return "trial" in character.commands


def subject(name: str) -> str:
    """What a character's trials are about."""
    return f"{PAGE}:{name}"


def draw_try_it(name: str, where: str, *, label: str = "", quiet: bool = False) -> bool:
    """The button and what it takes; False where there is none to draw."""
    if not offered():
        return False
    if is_sample(name):
        # Nothing runs on the sample; the character it was made from can be tried.
        name, label = MADE_FROM, f"Try it now with the {MADE_FROM}"
    button = f"{PAGE}:{where}"
    running = active_job(subject(name)) is not None
    st.button(
        plain("See how far it is" if running and not quiet else label or "Try it now"),
        key=button,
        type="tertiary" if quiet else "primary",
        width="content" if quiet else "stretch",
        icon=":material/bolt:",
        on_click=open_page if running else try_it,
        args=(name,) if running else (name, state.click_token(button), button),
        help=TAKES if quiet else None,
    )
    if not quiet:
        st.caption(TAKES)
    return True


def try_it(name: str, token: str, button: str) -> None:
    """Start a trial and go to its page; for callbacks."""
    launch(["trial", name], title=f"Try {title_of(name)}", subject=subject(name), token=token, page=PAGE)
    state.spend_token(button)
    open_page(name)


def open_page(name: str) -> None:
    """Go to the trial's page; for callbacks."""
    if state.character() != name:
        state.choose_character(name)
    state.request_page(f"views/{PAGE}.py")
