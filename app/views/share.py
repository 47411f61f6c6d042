"""Share: hand a character on as a file, bring one in, give its pairs to a trainer or to everybody."""

from __future__ import annotations

from functools import partial

import streamlit as st

from app import state
from app.launch import active_job
from app.links import lead_to
from app.reads import library
from app.share_bundle import PAGE, draw_bring_in, draw_make
from app.share_upload import draw_upload
from app.sidebar import title_of
from app.widgets import command, page_head, plain, standing_complaint
from core.cards import card_json, card_png
from core.errors import CoreError

SUBJECTS = ("bundle-import",)


def draw_trainers() -> None:
    """Where pairs become files for other trainers."""
    st.subheader("Give its pairs to a trainer", anchor=False)
    st.caption("Together, OpenRLHF, TRL, LLaMA-Factory, or a table for a spreadsheet; accepted pairs only.")
    st.button(
        "Choose pairs and a format",
        key="to-pairs",
        icon=":material/compare_arrows:",
        on_click=state.request_page,
        args=("views/pairs.py",),
    )


def draw_card(name: str) -> None:
    """The character as a card for SillyTavern and its kin."""
    st.subheader("As a character card", anchor=False)
    try:
        character = library().load(name).constitution
    except CoreError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    st.caption("For SillyTavern and programs like it. Brought in here again, it is the same character.")
    with st.container(horizontal=True):
        for label, kind, made in (
            ("Picture with the card", "png", card_png),
            ("Card as JSON", "json", card_json),
        ):
            st.download_button(
                label,
                partial(made, character),
                f"{name}.{kind}",
                key=f"card-{kind}",
                icon=":material/download:",
                on_click="ignore",
            )


def parts(name: str) -> None:
    """Everything under the title; drawn anew while a job runs."""
    if wished := state.requested_page():
        lead_to(wished)
    words = draw_make(name)
    draw_bring_in()
    draw_trainers()
    upload = draw_upload(name)
    draw_card(name)
    card = ["constitution", "card", name, "--to", f"{name}.png"]
    command([words, ["bundle", "import", "FILE"], upload, card])
    if state.flag("share-live") != something_runs(name):
        state.set_flag("share-live", something_runs(name))
        st.rerun()


def something_runs(name: str) -> bool:
    """Whether a job of this page is under way."""
    return any(active_job(subject) for subject in (f"bundle:{name}", f"upload:{name}", *SUBJECTS))


def page() -> None:
    """The whole page."""
    name = state.character()
    page_head(
        "Share",
        plain(f"{title_of(name)} leaves this computer, or somebody new comes in.") if name else "",
        term="bundle card adapter",
    )
    standing_complaint(PAGE)
    if name is None:
        st.markdown("There is no character yet. Bring one in, or write one first.")
        draw_bring_in()
        return
    live = something_runs(name)
    state.set_flag("share-live", live)
    # Only while a job runs: a click in a fragment draws no other page.
    if live:
        st.fragment(parts, run_every=1.0)(name)
    else:
        parts(name)


page()
