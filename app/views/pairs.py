"""Pairs: the teacher plays the character, the student answers as it always does, people decide."""

from __future__ import annotations

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app import state
from app.job_card import draw_ended_badly
from app.launch import active_job
from app.lineage_strip import draw_stale_note
from app.links import link_to
from app.pair_address import come_back_to, is_list, keep_place, put, shown_pair, wanted
from app.pair_build import catching_up, draw_catching_up
from app.pair_card import draw_pair
from app.pair_export import draw_export
from app.pair_filters import draw_filters, draw_reasons
from app.pair_launch import PAGE, Engines, actions, choose_engines, live, live_short
from app.pair_list import draw_list
from app.pair_numbers import draw_numbers, draw_progress, is_reviewed
from app.pair_products import draw_products
from app.pair_reads import Pairs, pairs_of, planned_prompts
from app.reads import library, run_of_character, settings
from app.sidebar import title_of
from app.widgets import command, page_head, plain, standing_complaint
from core.constitution import Constitution
from core.errors import CoreError
from core.stages.reviewing import Review, ReviewSource
from core.stages.trial import trial_folder
from core.store.pair_index import View
from core.store.runs import Run, runs_of


def page() -> None:
    """The whole page for the chosen character."""
    name = state.character()
    page_head(
        "Pairs",
        f"The teacher plays {title_of(name or 'the character')}, the student answers as it always does. "
        "The model learns to prefer the left side.",
        term="pair teacher student chosen rejected",
    )
    if name is None:
        st.info("Choose a character first.")
        return
    try:
        constitution = library().load(name).constitution
        planned = planned_prompts(name, constitution)
    except CoreError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    come_back_to(name)
    # Whoever comes back comes to review: what makes more pairs moves below them once there are some.
    working, reviewing, making = st.container(), st.container(), st.container()
    heading = making.empty()
    with making:
        engines = choose_engines()
    with reviewing:
        standing_complaint(PAGE)
        words = draw_everything(name, constitution, engines, working, heading)
    # Last, as counting what more of 100,000 pairs takes is half a second in which these can be seen.
    with making:
        limit = actions(name, engines, planned)
    keep_place(name)
    command([engines.words(name, limit), engines.pair_words(name), *words])


def draw_everything(
    name: str,
    constitution: Constitution,
    engines: Engines,
    working: DeltaGenerator,
    heading: DeltaGenerator,
) -> list[list[str]]:
    """The job, the pairs or what will be here; returns the commands that review them."""
    try:
        job = engines.job()
        running = active_job(f"{PAGE}:{name}") is not None
        with working:
            if running:
                live(name, job)
            else:
                draw_ended_badly(f"{PAGE}:{name}", PAGE)
        run = run_of_character(constitution.run_id)
        pairs = pairs_of(run, job)
        view = pairs.view(wanted()) if pairs else None
    except CoreError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return []
    has = view is not None and view.totals.pairs > 0
    if has:
        with heading.container():
            st.subheader("Make more pairs", anchor=False)
            if running:
                # The job itself stands at the top, out of sight of the button that started it.
                live_short(name)
    if pairs is not None and catching_up(pairs, running=running):
        draw_catching_up(name, pairs, engines)
    # Also where the present version has no pairs yet: then the earlier ones are what a person looks for.
    draw_stale_note(name, "pairs")
    if pairs is None or view is None or not has:
        if not running and (pairs is None or pairs.state.is_done):
            empty(name, constitution)
        return []
    results(name, pairs, view, constitution, running=running)
    return [["review", name], *after(name, pairs, view, engines, running=running)]


def results(name: str, pairs: Pairs, view: View, constitution: Constitution, *, running: bool) -> None:
    """The numbers, the filter and the pairs."""
    if not running:
        draw_numbers(view)
    draw_progress(view)
    asked = wanted()
    draw_filters(view, asked, constitution)
    draw_mode()
    if not len(view):
        st.caption("No pair fits these filters.")
    elif is_list():
        draw_list(pairs, view, asked)
    else:
        review_one(name, pairs, view)


def draw_mode() -> None:
    """One pair at a time, or fifty."""
    key = state.seeded("pairs:mode", "list" if is_list() else "one")
    st.segmented_control(
        "View",
        ["one", "list"],
        key=key,
        format_func={"one": "One at a time", "list": "List"}.get,
        required=True,
        label_visibility="collapsed",
        on_change=lambda: put(view="list" if state.widget(key) == "list" else None),
    )


def review_one(name: str, pairs: Pairs, view: View) -> None:
    """The pair of the address, which then names the pair that is shown."""
    shown = draw_pair(name, pairs, view, shown_pair())
    if shown != shown_pair():
        put(pair=shown)


def after(name: str, pairs: Pairs, view: View, engines: Engines, *, running: bool) -> list[list[str]]:
    """What follows a review: why pairs were lost, the files; nothing while a job changes them."""
    if running:
        return []
    draw_reasons(view)
    draw_products(pairs.run, engines, view.totals.kept, reviewed=is_reviewed(view))
    box = st.expander("Take the accepted pairs elsewhere", icon=":material/ios_share:", on_change="rerun")
    if not box.open:
        return []
    with box:
        source = ReviewSource(Review(pairs.run, pairs.index))
        return [draw_export(name, source)]


def empty(name: str, constitution: Constitution) -> None:
    """What will be here, before there is anything, and where pairs stand that were made elsewhere."""
    earlier: list[Run] = [run for run in runs_of(settings(), name) if run.id != constitution.run_id]
    if earlier:
        st.caption(
            f"{title_of(name)} has changed since its last pairs were made. Those stay in "
            f"{plain(earlier[0].id)}; answers to unchanged questions are used again."
        )
    st.markdown(
        f"Here you will see **{plain(title_of(name))}** speak: the teacher's answer, in character, beside "
        "the student's plain one. Press *Preview 4*: what it takes stands beside it."
    )
    if not constitution.exchanges:
        draw_unheard(name)
    if (trial_folder(settings(), constitution) / "result.json").is_file():
        st.caption("*Try it now* made pairs of its own, which the trained model learned from.")
        link_to("views/trial.py", "See what came of them", icon=":material/bolt:", character=name)


def draw_unheard(name: str) -> None:
    """Before the first answer: what is missing for a small teacher to be heard in character."""
    st.warning(
        "It has no exchanges yet. A small model copies the voice it hears: without an example or two it "
        "answers as it always does.",
        icon=":material/forum:",
    )
    link_to("views/exchanges.py", "Write two exchanges", icon=":material/forum:", character=name)


page()
