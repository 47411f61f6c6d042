"""Pairs: the teacher plays the character, the student answers as it always does, people decide."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import streamlit as st

from app import state
from app.glossary import within
from app.job_card import draw_ended_badly
from app.launch import active_job
from app.pair_card import draw_pair
from app.pair_launch import PAGE, Engines, actions, choose_engines, live
from app.reads import judged_pairs, library, run_of_character, settings
from app.sidebar import title_of
from app.widgets import command, page_head, plain, standing_complaint
from core.constitution import Constitution
from core.errors import CoreError
from core.stages.dpo_data import make_pairs
from core.stages.prepare import Scope, choose_prompts
from core.store.runs import Run, runs_of


def numbers(rows: list[dict[str, Any]]) -> None:
    """Four numbers that change a decision."""
    kept = sum(not row["dropped"] for row in rows)
    ratios = sorted(row["ratio"] for row in rows if row["ratio"] is not None)
    middle = f"{ratios[len(ratios) // 2]:.2f}" if ratios else "–"
    cells = (
        ("Pairs", len(rows)),
        ("Kept", kept),
        ("Dropped", len(rows) - kept),
        ("Length, chosen ÷ rejected", middle),
    )
    with st.container(horizontal=True):
        for label, value in cells:
            st.metric(label, value, border=True, width="stretch")


def funnel(rows: list[dict[str, Any]]) -> None:
    """Where pairs were lost, reason by reason."""
    dropped = Counter(row["dropped"] for row in rows if row["dropped"])
    if not dropped:
        return
    with st.expander(f"Why {dropped.total()} were dropped", icon=":material/filter_alt:"):
        for reason, count in dropped.most_common():
            st.markdown(f"{count} × {plain(reason)}")


def filtered(rows: list[dict[str, Any]], constitution: Constitution) -> list[dict[str, Any]]:
    """The rows that search and filters leave."""
    left, middle, right = st.columns([2, 1.4, 1.8], vertical_alignment="bottom")
    search = left.text_input(
        "Search",
        key="search",
        placeholder="Search prompts and answers",
        bind="query-params",
        icon=":material/search:",
    )
    traits = ["", *[trait.id for trait in constitution.traits]]
    trait = middle.selectbox(
        "Trait", traits, key="trait", format_func=lambda trait: trait or "All traits", bind="query-params"
    )
    show = right.segmented_control(
        "Show",
        ["All", "Kept", "Dropped", "Flagged"],
        key="show",
        default="All",
        required=True,
        bind="query-params",
    )
    found = rows if not trait else [row for row in rows if row["trait"] == trait]
    found = [row for row in found if SHOWN[show or "All"](row)]
    needle = (search or "").casefold()
    return [row for row in found if needle in f"{row['text']} {row['chosen']} {row['rejected']}".casefold()]


SHOWN = {
    "All": lambda row: True,
    "Kept": lambda row: not row["dropped"],
    "Dropped": lambda row: bool(row["dropped"]),
    "Flagged": lambda row: bool(row["flags"]),
}


def export(run: Run, engines: Engines, rows: list[dict[str, Any]]) -> None:
    """Write the DPO file and hand it over; one that is older than the last decision is not offered."""
    kept = sum(not row["dropped"] for row in rows)
    if not kept:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button(
            f"Write the {within('dpo-file')} ({kept} pairs)", key="write-dpo", icon=":material/save:"
        ):
            write(run, engines, kept)
        written = state.written_file(run.id)
        if written and written[1] == kept and Path(written[0]).exists():
            path = Path(written[0])
            st.download_button(
                "Download", path.read_bytes(), path.name, icon=":material/download:", on_click="ignore"
            )
            query = {"character": state.character() or ""}
            st.page_link(
                "views/train.py", label="Train on it", icon=":material/arrow_forward:", query_params=query
            )
            st.caption(plain(f"Written to {path}"))


def write(run: Run, engines: Engines, kept: int) -> None:
    """Write the files; a failure stays on the page."""
    try:
        result = make_pairs(run, settings(), engines.job())
    except CoreError as error:
        state.complain(PAGE, str(error))
        st.rerun()
    state.set_written_file(run.id, result.files[0], kept)
    state.say_once(f"{result.train} pairs to train on, {result.validation} held out.")


def empty(name: str, run_id: str) -> None:
    """What will be here, before there is anything."""
    earlier = [run for run in runs_of(settings(), name) if run.id != run_id]
    if earlier:
        st.caption(
            f"{title_of(name)} has changed since its last pairs were made. Those stay in "
            f"{plain(earlier[0].id)}; answers to unchanged questions are used again."
        )
    st.markdown(
        f"Here you will see **{plain(title_of(name))}** speak: the teacher's answer, in character, beside "
        "the student's plain one. Press *Preview 4*: what it takes stands beside it."
    )


def page() -> None:
    """The whole page for the chosen character."""
    name = state.character()
    page_head(
        "Pairs",
        f"The teacher plays {title_of(name or 'the character')}, the student answers as it always does. "
        "The model learns to prefer the left side.",
        term="pair",
    )
    if name is None:
        st.info("Choose a character first.")
        return
    try:
        constitution = library().load(name).constitution
        planned = len(all_prompts(name))
    except CoreError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    engines = choose_engines()
    actions(name, engines, planned)
    standing_complaint(PAGE)
    try:
        job = engines.job()
    except CoreError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    running = active_job(f"{PAGE}:{name}") is not None
    if running:
        live(name, job)
    else:
        draw_ended_badly(f"{PAGE}:{name}", PAGE)
    run = run_of_character(constitution.run_id)
    planned_rows = judged_pairs(run, job)[1] if run else []
    rows = [row for row in planned_rows if row["ratio"] is not None]
    if run is not None and rows:
        results(run, rows, constitution, engines, running=running, waiting=len(planned_rows) - len(rows))
    elif not running:
        empty(name, constitution.run_id)
    limit = int(state.widget("limit") or 24)
    command([engines.words(name, limit), engines.pair_words(name)])


def results(
    run: Run,
    rows: list[dict[str, Any]],
    constitution: Constitution,
    engines: Engines,
    *,
    running: bool,
    waiting: int,
) -> None:
    """The pairs that have both answers; numbers and export wait until no job changes them."""
    if not running:
        numbers(rows)
        if waiting:
            st.caption(f"{waiting} more are planned and have no answer yet.")
    review(run, rows, constitution)
    if not running:
        funnel(rows)
        export(run, engines, rows)


def review(run: Run, rows: list[dict[str, Any]], constitution: Constitution) -> None:
    """One pair at a time, among those that the filters leave."""
    found = filtered(rows, constitution)
    if not found:
        st.caption("No pair fits these filters.")
        return
    draw_pair(run, found)


def all_prompts(name: str) -> list[str]:
    """The ids of every prompt of a character."""
    scope = Scope(name)
    return [prompt.id for prompt in choose_prompts(scope, library().load(name).constitution, settings())]


page()
