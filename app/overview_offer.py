"""Bring the pairs up to date: only the affected traits, or all of them; size, time and price of both."""

from __future__ import annotations

import streamlit as st

from app import state
from app.job_card import draw_ended_badly, draw_progress
from app.launch import active_job, cancel, launch
from app.launch_quote import rough
from app.links import link_to
from app.reads import settings
from app.sidebar import title_of
from app.widgets import plain
from app.wording import counted
from core.prices import estimate_words
from core.stages.regenerate import Choice, Offer, try_offer

PAGE = "overview"
LIMIT = "overview:limit"


def subject(name: str) -> str:
    """What the jobs of this page are about: pairs, so that the Pairs page shows them too."""
    return f"pairs:{name}"


def running(name: str) -> bool:
    """Whether pairs of the character are being made."""
    return active_job(subject(name)) is not None


def draw_running(name: str) -> None:
    """How far the job is, and the button that ends it; when it ends the whole page is drawn once more."""
    job = active_job(subject(name))
    if job is None:
        st.rerun()
    draw_progress(job)
    st.button(
        "Stop",
        key=f"stop:{job.id}",
        icon=":material/stop_circle:",
        on_click=cancel,
        args=(job.id, PAGE),
        help="Finished answers are kept.",
    )
    state.show_sayings()


def draw_offer(name: str) -> None:
    """The two ways with their size and price; the smaller one is the next step."""
    st.subheader("Next step", anchor=False)
    draw_ended_badly(subject(name), PAGE)
    offer, why = try_offer(settings(), name)
    if offer is None:
        st.markdown("**Make the pairs anew**")
        st.caption(plain(why) or "The earlier answers are not here; make new ones on the Pairs page.")
        link_to("views/pairs.py", "Pairs", icon=":material/arrow_outward:")
        return
    if offer.affected is not None:
        draw_choice(name, "affected", affected_label(offer), offer.affected, primary=True)
        st.caption(plain(kept_words(offer)))
    draw_choice(name, "all", "Make all pairs anew", offer.everything, primary=offer.affected is None)
    if offer.affected is None:
        st.caption(plain(why_all(offer)))


def affected_label(offer: Offer) -> str:
    """What the first button does, with how many traits it is about."""
    touched = {one.trait for one in offer.changes if one.what == "trait" and one.how != "removed"}
    if not touched:
        return "Regenerate only what changed"
    return f"Regenerate only {counted(len(touched), 'trait')}"


def kept_words(offer: Offer) -> str:
    """What is carried over, and what that means."""
    return (
        f"{counted(offer.carried, 'answer')} about unchanged traits and everyday questions are carried "
        "over, marked with the version they were made with: their teacher still had the earlier traits "
        "before it. Removed traits are left out. Make all anew when the whole reads differently."
    )


def why_all(offer: Offer) -> str:
    """Why nothing can be kept."""
    if any(one.what in ("exchange", "name") for one in offer.changes):
        return "Exchanges and the name stand before every question, so every pair is affected."
    return "No earlier answer fits the present traits and settings."


def draw_choice(name: str, which: str, label: str, choice: Choice, *, primary: bool) -> None:
    """One way: its button, and what it takes under it."""
    key = f"{PAGE}:{which}:{name}"
    st.button(
        label,
        key=key,
        type="primary" if primary else "secondary",
        icon=":material/autorenew:",
        width="stretch",
        on_click=start,
        args=(name, choice.words, state.click_token(key), key),
    )
    st.caption(plain(takes(choice)))


def takes(choice: Choice) -> str:
    """Requests, time and price of a way, before the click."""
    if not choice.calls:
        return "Nothing to send: all answers are there."
    low, high = choice.cost or (0.0, 0.0)
    price = estimate_words(low, high, choice.price)
    return f"{counted(choice.calls, 'request')} · {rough(choice.seconds)} · {price}"


def start(name: str, words: tuple[str, ...], token: str, key: str) -> None:
    """Start the job; for callbacks."""
    launch(
        list(words),
        title=f"Pairs of {title_of(name)}, brought up to date",
        subject=subject(name),
        token=token,
        page=PAGE,
    )
    state.spend_token(key)
