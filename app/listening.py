"""The ear of a character, learned once for as long as its pairs look alike."""

from __future__ import annotations

import streamlit as st

from app.reads import library, run_of_character, settings
from core.constitution import Constitution
from core.stages.hearing_one import Listener, listener_of
from core.store.runs import Run

Stamp = tuple[tuple[str, int], ...]


def listener_for(constitution: Constitution) -> Listener:
    """What tells whether an answer is in character; the first time takes a second or two."""
    run = run_of_character(constitution.run_id)
    return _learned(constitution.name, constitution.content_hash, _stamp(run))


@st.cache_resource(max_entries=4, show_spinner="Learning to hear the character …")
def _learned(name: str, version: str, stamp: Stamp) -> Listener:
    constitution = library().load(name).constitution
    return listener_of(constitution, settings(), run_of_character(constitution.run_id))


def _stamp(run: Run | None) -> Stamp:
    """The answers that a classifier could learn from, by size."""
    if run is None:
        return ()
    runs = [one for one in (run, Run(run.folder / "trial")) if (one.folder / "run.json").exists()]
    files = [
        answers.rows_path
        for one in runs
        for role in ("teacher", "student")
        for answers in one.answer_sets(role)
    ]
    return tuple((str(path), path.stat().st_size) for path in files if path.exists())
