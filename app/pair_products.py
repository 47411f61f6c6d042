"""The file that a student learns from, written from the pairs that are kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import streamlit as st

from app import state
from app.glossary import within
from app.launch import active_job, launch
from app.links import link_to
from app.pair_launch import PAGE, Engines
from app.reads import settings
from app.widgets import plain
from core.errors import CoreError
from core.stages.dpo_data import dpo_path, make_pairs, sources_of
from core.store.decisions import decisions_path
from core.store.jsonl import read_json
from core.store.runs import Run

# Writing takes about a second for 2,000 pairs; more of them are written by a job.
MOST_IN_PAGE = 2_000


def draw_products(run: Run, engines: Engines, kept: int, *, reviewed: bool) -> None:
    """Write the DPO file and hand it over; one that is older than the last decision is not offered.

    `reviewed` says that every pair is decided: then this is the one thing left to do here.
    """
    if not kept:
        return
    path = written_of(run, engines, kept)
    with st.container(horizontal=True, vertical_alignment="center"):
        label = f"Write the {within('dpo-file')} ({kept:,} pairs)"
        kind = "primary" if reviewed and path is None else "secondary"
        if st.button(label, key="write-dpo", icon=":material/save:", type=kind):
            write(run, engines, kept)
        if path is not None:
            draw_written(path)


def written_of(run: Run, engines: Engines, kept: int) -> Path | None:
    """The file of the pairs as they are kept now, whoever wrote it; None where there is none."""
    try:
        student = sources_of(run, engines.job()).student.slug
        path = dpo_path(settings(), student, run.constitution().name)
        about = manifest_of(str(path), path.with_suffix(".manifest.json").stat().st_mtime_ns)
    except (CoreError, OSError):
        return None
    fits = (about["run"], about["kept"]) == (run.id, kept) and about["made_at"] >= decided_at(run)
    return path if fits and path.exists() else None


@st.cache_data(max_entries=8, show_spinner=False)
def manifest_of(path: str, mark: int) -> dict[str, Any]:
    """Which pairs a training file was written from, and when. `mark` tells one writing from the next."""
    about = read_json(Path(path).with_suffix(".manifest.json")) or {}
    return {"run": about.get("run"), "kept": about.get("done"), "made_at": about.get("created", 0.0)}


def decided_at(run: Run) -> float:
    """When somebody decided about a pair of a run last; 0 where nobody did."""
    path = decisions_path(run.folder)
    return path.stat().st_mtime if path.exists() else 0.0


def draw_written(path: Path) -> None:
    """The file, and the page that learns from it."""
    st.download_button(
        "Download", path.read_bytes, path.name, icon=":material/download:", on_click="ignore"
    )
    link_to("views/train.py", "Train on it", icon=":material/arrow_forward:")
    st.caption(plain(f"Written to {path}"))


def write(run: Run, engines: Engines, kept: int) -> None:
    """Write the files; a failure stays on the page."""
    name = state.character() or ""
    if kept > MOST_IN_PAGE:
        subject = f"dpo-data:{name}"
        if active_job(subject) is None:
            token = state.click_token(subject)
            state.spend_token(subject)
            words = engines.pair_words(name)
            launch(words, title=f"DPO file of {name}", subject=subject, token=token, page=PAGE)
        state.say_once("A job writes it; it is on the Jobs page.", ":material/pending_actions:")
        st.rerun()
    try:
        result = make_pairs(run, settings(), engines.job())
    except CoreError as error:
        state.complain(PAGE, str(error))
        st.rerun()
    state.say_once(f"{result.train} pairs to train on, {result.validation} held out.")
    # The button that was pressed is the main one no more.
    st.rerun()
