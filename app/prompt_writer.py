"""The way to more prompts: who writes them, how many, what that takes, and the job."""

from __future__ import annotations

from typing import Any

import streamlit as st

from app import state
from app.commands import verb_words
from app.launch import active_job, launch
from app.links import link_to
from app.prompt_plan import Place, Wish, wish_for
from app.prompt_price import price_words
from app.reads import settings
from app.sidebar import title_of
from app.state.address import in_address, whole
from app.widgets import job_progress, plain
from core.errors import CoreError
from core.expansion import Mix, is_small
from core.names import PROVIDERS, parse_model
from core.stages.defaults import PROVIDER

PAGE = "prompts"
EMBEDDED = "local/smollm2-135m"
A_TRAIT = (20, 50, 100, 200)
SMALL = (
    "The embedded model writes simple prompts, and many are dropped because they repeat others. "
    "A large model writes far better ones."
)


def words(name: str, model: str, per_trait: int, trait: str | None = None) -> list[str]:
    """The command that writes prompts."""
    flags = {"constitution": name, "model": model, "per-trait": per_trait, "trait": trait}
    return verb_words("prompts", None, flags)


def start(name: str, model: str, per_trait: int, trait: str | None, token: str) -> None:
    """Start writing prompts; for callbacks."""
    title = f"Prompts for {title_of(name)}" + (f", trait {trait}" if trait else "")
    argv = words(name, model, per_trait, trait)
    launch(argv, title=title, subject=f"{PAGE}:{name}", token=token, page=PAGE)
    state.spend_token(f"prompts:{name}:{trait}")


def choose_engine() -> tuple[str, str | None]:
    """Who writes, and why it cannot, if so."""
    with st.expander("Who writes them", icon=":material/stylus:"):
        typed = st.text_input(
            "Model",
            key=in_address("prompt-writer", EMBEDDED),
            persist_state="session",
            help="provider/model, for example openrouter/z-ai/glm-4.5-air or ollama/llama3.1:8b",
        )
        model = (typed or EMBEDDED).strip()
        trouble = trouble_of(model)
        if trouble is None and is_small(model):
            st.caption(SMALL)
        link_to("views/settings.py", "Engines and keys", icon=":material/key:")
    if trouble:
        st.error(plain(trouble), icon=":material/error:")
    return model, trouble


def trouble_of(model: str) -> str | None:
    """Why a model cannot be asked: no such name, or no key. Nothing is sent."""
    from core.engines.opening import open_engine

    try:
        open_engine(parse_model(model, default=PROVIDER), settings())
    except CoreError as error:
        return str(error)
    return None


def place_of(model: str) -> Place:
    """Where a model runs, as far as time and money go."""
    try:
        provider = parse_model(model, default=PROVIDER).provider
    except CoreError:
        return "provider"
    if provider in ("local", "fake"):
        return "here"
    return "own server" if provider in PROVIDERS and not PROVIDERS[provider].key_name else "provider"


def goal(mixes: list[Mix]) -> int:
    """The next round number of prompts a trait, above what there is."""
    fewest = min((mix.total for mix in mixes), default=0)
    return next((number for number in A_TRAIT if number > fewest), A_TRAIT[-1])


def draw_more(name: str, model: str, usable: bool, mixes: list[Mix]) -> int:
    """How many a trait, what that takes, and the button."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        per_trait = int(
            st.number_input(
                "Prompts a trait",
                5,
                200,
                step=5,
                key=in_address(f"per-trait:{name}", goal(mixes), read=whole(5, 200), name="per-trait"),
                width=160,
                persist_state="session",
            )
        )
        wish = wish_for(mixes, per_trait, small=is_small(model))
        more = more_button(name, model, per_trait, wish, usable)
        st.button("Generate more", icon=":material/add:", **more)
    place = place_of(model)
    price = price_words(name, model, per_trait) if place == "provider" and wish.missing else ""
    st.caption(plain(f"{wish.sentence(place)} {price}".strip()))
    return per_trait


def more_button(
    name: str, model: str, per_trait: int, wish: Wish, usable: bool, trait: str | None = None
) -> dict[str, Any]:
    """What a button for more does, for all traits or for one."""
    token = state.click_token(f"prompts:{name}:{trait}")
    return {
        "disabled": not wish.missing or not usable,
        "on_click": start,
        "args": (name, model, per_trait, trait, token),
    }


def live(name: str) -> None:
    """The running job; when it ends the whole page is drawn once more."""
    job = active_job(f"{PAGE}:{name}")
    if job is None:
        st.rerun()
    job_progress(job, PAGE)
