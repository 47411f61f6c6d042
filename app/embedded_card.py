"""The embedded model, as the Settings page shows it: fetched or not, served or not."""

from __future__ import annotations

import importlib.util

import streamlit as st

from app import state
from app.engine_cards import PAGE, code, head
from app.job_card import draw_progress
from app.launch import active_job, last_job, launch
from app.reads import settings
from app.rights import is_admin, refused
from app.widgets import plain, standing_complaint, stop_button
from app.wording import size
from core.embedded.catalogue import LOCAL_EXTRA, EmbeddedModel
from core.embedded.server import find_server, stop_server
from core.errors import CoreError

READY = ("Ready", ":material/check_circle:", "green")
SERVED = ("Running", ":material/play_circle:", "green")
MISSING = ("Not here yet", ":material/download:", "gray")
FETCHING = ("Being fetched", ":material/downloading:", "blue")


def draw_embedded(model: EmbeddedModel) -> None:
    """The model that runs here: fetched or not, served or not."""
    with st.container(border=True, key=f"embedded-{model.name}"):
        if importlib.util.find_spec("xllamacpp") is None:
            head("Embedded model", LOCAL_EXTRA, MISSING)
            return
        fetching = active_job(_subject(model)) is not None
        # One flat fragment, which asks every second only while something is being fetched.
        st.fragment(live_embedded, run_every=1.0 if fetching else None)(model, fetching)


def live_embedded(model: EmbeddedModel, was_fetching: bool) -> None:
    """The card's inside; the page is drawn once more when a fetch begins or ends."""
    job = active_job(_subject(model))
    if was_fetching != (job is not None):
        st.rerun()
    standing_complaint(PAGE)
    if job is not None:
        head("Embedded model", about(model), FETCHING)
        draw_progress(job)
        stop_button(job, PAGE)
    elif (settings().model_path / model.name / model.file).exists():
        draw_here(model)
    else:
        draw_missing(model)
    state.show_sayings()


def draw_here(model: EmbeddedModel) -> None:
    """Weights are on disk: where it answers, or that it starts by itself."""
    server = find_server(settings(), model.name)
    head("Embedded model", about(model), SERVED if server else READY)
    if server is None:
        st.caption("It starts by itself when something asks it, and stops when idle.")
        return
    st.caption(f"It answers at {code(server.base_url)} and stops by itself when idle.")
    if is_admin():
        st.button("Stop server", icon=":material/stop_circle:", on_click=stop, args=(model.name,))


def draw_missing(model: EmbeddedModel) -> None:
    """Nothing is here yet: fetch it, its size said first."""
    head("Embedded model", about(model), MISSING)
    last = last_job(_subject(model))
    if last is not None and last.state != "done":
        st.markdown(f":red[:material/error:] {plain(last.message)}")
    st.caption(f"About {size(model.source_size)} to fetch, once.")
    st.button(
        "Fetch it",
        type="primary",
        icon=":material/download:",
        on_click=fetch,
        args=(model, state.click_token(f"fetch:{model.name}")),
    )


def about(model: EmbeddedModel) -> str:
    """What the model is good for."""
    return (
        f"{model.label}. Free, offline, tiny: good for trying everything. Its name is local/{model.name}."
    )


def _subject(model: EmbeddedModel) -> str:
    return f"models:{model.name}"


def fetch(model: EmbeddedModel, token: str) -> None:
    """Start fetching; for callbacks."""
    words = ["models", "pull", model.name]
    launch(words, title=f"Fetch {model.name}", subject=_subject(model), token=token, page=PAGE)
    state.spend_token(f"fetch:{model.name}")


def stop(name: str) -> None:
    """Stop the embedded server; for callbacks."""
    if refused(PAGE):
        return
    try:
        stop_server(settings(), name)
    except CoreError as error:
        state.complain(PAGE, str(error))
        return
    state.say_once("Stopped. It starts again when something asks it.", ":material/stop_circle:")
