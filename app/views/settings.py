"""Engines and keys: what can answer, what it costs, which keys are set, and how much disk is used."""

from __future__ import annotations

import streamlit as st

from app.embedded_card import draw_embedded
from app.engine_cards import OWN, REMOTE, draw_provider, draw_server
from app.price_card import draw_prices
from app.reads import settings
from app.storage import free_space, used_by
from app.vllm_card import draw_vllm
from app.widgets import command, page_head, plain
from app.wording import size
from core.embedded.catalogue import MODELS

TOKENS = (
    ("HF_TOKEN", "Hugging Face, for models that want a login"),
    ("WANDB_TOKEN", "Weights & Biases, for charts of a training run; nothing is sent without it"),
)


def keys_note() -> None:
    """Where keys are looked for, and what else is read there."""
    with st.expander("Where keys are kept", icon=":material/lock:"):
        st.markdown(
            "A key is looked for in the **environment**, then in the file **.env** of the folder in which "
            "the studio was started, then in a file that only you can read. This page saves into that file:"
        )
        st.code(str(settings().config_path / "keys.json"), language=None, wrap_lines=True)
        for name, purpose in TOKENS:
            found = "set" if settings().token(name) else "not set"
            st.caption(plain(f"{name}: {found}. {purpose}."))


def draw_storage() -> None:
    """The data folder, what fills it, and what is left."""
    found = settings()
    used, free = used_by(found), free_space(found.data_path)
    if not found.sharing:
        st.code(str(found.data_path), language=None, wrap_lines=True)
    parts = ", ".join(f"{what} {size(count)}" for what, count in used.items())
    line = f"{size(sum(used.values()))} used" + (f" ({parts})" if parts else "")
    st.markdown(plain(line + (f" · {size(free)} free" if free is not None else "")))
    if free is not None and free < 1e9:
        st.warning(
            "The disk is almost full. Free some space before you start a job.", icon=":material/hard_drive:"
        )
    st.caption("Everything you make is in this folder. Set DATA_PATH to keep it somewhere else.")


def page() -> None:
    """The whole page."""
    page_head(
        "Engines and keys",
        "What can answer. The studio works without a key; a key brings larger models.",
        term="engine",
    )
    st.subheader("On this computer", anchor=False)
    for model in MODELS.values():
        draw_embedded(model)
    draw_vllm()
    st.subheader("Providers", anchor=False)
    for spec in REMOTE:
        draw_provider(spec)
    if not settings().sharing:
        keys_note()
    st.subheader("Your own servers", anchor=False)
    for spec in OWN:
        draw_server(spec)
    st.subheader("Prices", anchor=False)
    draw_prices()
    st.subheader("Storage", anchor=False)
    draw_storage()
    command(["doctor"])


page()
