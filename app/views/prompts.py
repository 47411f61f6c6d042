"""Prompts: what teacher and student are asked, trait by trait, and the job that writes more."""

from __future__ import annotations

import streamlit as st

from app import state
from app.job_card import draw_ended_badly
from app.launch import active_job
from app.lineage_words import ONE_TO_TWO
from app.next_round import WHERE, added_of, draw_list
from app.prompt_plan import wish_for
from app.prompt_rows import PAGE, draw_dropped, draw_trait, draw_unmatched, dropped_of, undo
from app.prompt_writer import choose_engine, draw_more, goal, live, more_button, words
from app.reads import library
from app.widgets import command, next_step, page_head, plain, standing_complaint
from app.wording import counted
from core.constitution import Constitution
from core.errors import CoreError
from core.expansion import Mix, is_small
from core.store.added_prompts import Added
from core.store.library import FewShot

CAPTION = "What the teacher and the student are asked. More prompts show a trait in more of life."
INCOMPLETE = (
    "some prompts are still missing, because too many repeated others or were not usable. "
    "Go on to ask again; a larger model gets further."
)
PARTS = {
    "training": "for the pairs, so that the character also shows when no trait is asked for",
    "preferences": "to see which traits the model shows more after training",
    "robustness": "to see whether the character stays when somebody wants it gone",
}


def draw_total(constitution: Constitution, written: FewShot, added: tuple[Added, ...]) -> None:
    """How many prompts there are, and what the everyday ones are for."""
    own = sum(len(trait.questions) for trait in constitution.traits)
    few_shot = sum(len(texts) for texts in written.by_trait.values())
    general = {part: len(library().general_prompts(part)) for part in PARTS}
    st.subheader(counted(own + few_shot + general["training"] + len(added), "prompt"), anchor=False)
    failed = f", {len(added)} for the next round" if added else ""
    st.markdown(f"{own} by hand, {few_shot} by a model, {general['training']} everyday{failed}.")
    with st.expander("Everyday prompts", icon=":material/wb_sunny:"):
        st.markdown("The same for every character, in three parts that share nothing:")
        for part, purpose in PARTS.items():
            st.markdown(f"**{general[part]}** {purpose}")
    next_step("See it speak", "views/pairs.py", ONE_TO_TWO)


def draw_head(constitution: Constitution) -> None:
    """Title, caption, and undo."""
    before = state.last_undo(f"prompts:{constitution.name}")
    with st.container(horizontal=True, vertical_alignment="bottom", key="page-top"):
        with st.container():
            page_head("Prompts", CAPTION, term="prompt teacher student")
        with st.container(width="content", key="page-undo"):
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
        per_trait = int(state.widget(f"per-trait:{name}") or goal(mixes))
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
        page_head("Prompts", CAPTION, term="prompt teacher student")
        st.markdown("There is no character yet. Make one on the Characters page.")
        return
    try:
        constitution = library().load(name).constitution
        written, added = library().additional(name), added_of(name)
    except CoreError as error:
        page_head("Prompts", CAPTION, term="prompt teacher student")
        st.error(plain(str(error)), icon=":material/error:")
        return
    draw_head(constitution)
    standing_complaint(PAGE)
    standing_complaint(WHERE)
    left, right = st.columns([2.6, 1], gap="large")
    with left:
        draw_list(constitution, added)
        draw_traits(constitution, written)
    with right:
        draw_total(constitution, written, added)


page()
