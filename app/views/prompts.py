"""Prompts: what teacher and student are asked, trait by trait, and the job that writes more."""

from __future__ import annotations

from typing import Any

import streamlit as st

from app import state
from app.commands import verb_words
from app.job_card import draw_ended_badly
from app.launch import active_job, launch
from app.prompt_plan import Wish, wish_for
from app.prompt_rows import PAGE, draw_dropped, draw_trait, draw_unmatched, dropped_of, undo
from app.reads import library, settings
from app.sidebar import title_of
from app.widgets import command, job_progress, next_step, page_head, plain, standing_complaint
from app.wording import counted
from core.constitution import Constitution
from core.errors import CoreError
from core.expansion import Mix, is_small
from core.names import parse_model
from core.store.library import FewShot

EMBEDDED = "local/smollm2-135m"
A_TRAIT = (20, 50, 100, 200)
CAPTION = "What the teacher and the student are asked. More prompts show a trait in more of life."
SMALL = (
    "The embedded model writes simple prompts, and many are dropped because they repeat others. "
    "A large model writes far better ones."
)
INCOMPLETE = (
    "some prompts are still missing, because too many repeated others or were not usable. "
    "Go on to ask again; a larger model gets further."
)
PARTS = {
    "training": "for the pairs, beside the traits' own, so that the character also shows when nothing calls for it",
    "preferences": "to see which traits the model shows more after training",
    "robustness": "to see whether the character stays when somebody wants it gone",
}


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
            value=EMBEDDED,
            key="prompt-writer",
            persist_state="session",
            help="provider/model, for example openrouter/z-ai/glm-4.5-air or ollama/llama3.1:8b",
        )
        model = (typed or EMBEDDED).strip()
        trouble = trouble_of(model)
        if trouble is None and is_small(model):
            st.caption(SMALL)
        st.page_link("views/settings.py", label="Engines and keys", icon=":material/key:")
    if trouble:
        st.error(plain(trouble), icon=":material/error:")
    return model, trouble


def trouble_of(model: str) -> str | None:
    """Why a model cannot be asked: no such name, or no key. Nothing is sent."""
    from core.engines.opening import open_engine

    try:
        open_engine(parse_model(model, provider="openrouter"), settings())
    except CoreError as error:
        return str(error)
    return None


def how_many(name: str, mixes: list[Mix]) -> int:
    """How many prompts a trait should have: as chosen, else the next round number above what there is."""
    fewest = min((mix.total for mix in mixes), default=0)
    return int(state.widget(f"per-trait:{name}") or next((n for n in A_TRAIT if n > fewest), A_TRAIT[-1]))


def draw_more(name: str, model: str, usable: bool, mixes: list[Mix]) -> int:
    """How many a trait, what that takes, and the button."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        per_trait = int(
            st.number_input(
                "Prompts a trait",
                5,
                200,
                how_many(name, mixes),
                step=5,
                key=f"per-trait:{name}",
                width=160,
                persist_state="session",
            )
        )
        wish = wish_for(mixes, per_trait, small=is_small(model))
        more = more_button(name, model, per_trait, wish, usable)
        st.button("Generate more", icon=":material/add:", **more)
    st.caption(wish.sentence(local=model.startswith("local/")))
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


def draw_total(constitution: Constitution, written: FewShot) -> None:
    """How many prompts there are, and what the everyday ones are for."""
    own = sum(len(trait.questions) for trait in constitution.traits)
    few_shot = sum(len(texts) for texts in written.by_trait.values())
    general = {part: len(library().general_prompts(part)) for part in PARTS}
    st.subheader(counted(own + few_shot + general["training"], "prompt"), anchor=False)
    st.markdown(f"{own} by hand, {few_shot} by a model, {general['training']} everyday.")
    with st.expander("Everyday prompts", icon=":material/wb_sunny:"):
        st.markdown("The same for every character, in three parts that share nothing:")
        for part, purpose in PARTS.items():
            st.markdown(f"**{general[part]}** {purpose}")
    next_step(
        "See it speak", "views/pairs.py", "Preview four answers on this computer: under a minute, free."
    )


def draw_head(constitution: Constitution) -> None:
    """Title, caption, and undo."""
    before = state.last_undo(f"prompts:{constitution.name}")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        with st.container():
            page_head("Prompts", CAPTION)
        st.button(
            "Undo",
            icon=":material/undo:",
            type="tertiary",
            disabled=before is None,
            help=f"Take back: {before[1]}" if before else "Nothing to undo",
            on_click=undo,
            args=(constitution,),
            shortcut="Ctrl+Alt+Z",
        )


def draw_traits(constitution: Constitution, written: FewShot) -> None:
    """The job, the way to more, every trait, and what was dropped."""
    name = constitution.name
    mixes = [Mix.counted([*trait.questions, *written.by_trait[trait.id]]) for trait in constitution.traits]
    model, trouble = choose_engine()
    running = active_job(f"{PAGE}:{name}") is not None
    if running:
        per_trait = how_many(name, mixes)
        st.fragment(live, run_every=1.0)(name)
    else:
        per_trait = draw_more(name, model, not trouble, mixes)
        draw_ended_badly(f"{PAGE}:{name}", PAGE, INCOMPLETE)
    for number, (trait, mix) in enumerate(zip(constitution.traits, mixes, strict=True), 1):
        wish = wish_for([mix], per_trait, small=is_small(model))
        more = more_button(name, model, per_trait, wish, not trouble and not running, trait.id)
        more["label"] = f"Generate {wish.missing} more" if wish.missing else "Generate more"
        draw_trait(constitution, number, trait, written.by_trait[trait.id], more)
    draw_unmatched(constitution, written.unmatched)
    draw_dropped(dropped_of(name))
    command(words(name, model, per_trait))


def page() -> None:
    """The whole page for the chosen character."""
    name = state.character()
    if name is None:
        page_head("Prompts", CAPTION)
        st.markdown("There is no character yet. Make one on the Characters page.")
        return
    try:
        constitution = library().load(name).constitution
        written = library().additional(name)
    except CoreError as error:
        page_head("Prompts", CAPTION)
        st.error(plain(str(error)), icon=":material/error:")
        return
    draw_head(constitution)
    standing_complaint(PAGE)
    left, right = st.columns([2.6, 1], gap="large")
    with left:
        draw_traits(constitution, written)
    with right:
        draw_total(constitution, written)


page()
