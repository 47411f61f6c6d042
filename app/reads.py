"""What pages read. Everything comes from disk; caches are keyed by what the files look like."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import streamlit as st

from core.errors import RunError
from core.settings import Settings, load_settings
from core.stages.distillation import Sources
from core.stages.dpo_data import PairJob, pair_rows, removed_prompts, sources_of
from core.stages.lengths import token_counter
from core.store.library import Library
from core.store.runs import Run, run_folder


def settings() -> Settings:
    """The settings as they are now; cheap, so that a changed key counts at once."""
    return load_settings()


def library() -> Library:
    """The characters on disk."""
    return Library(settings())


def run_of_character(run_id: str) -> Run | None:
    """The run of a character's present version, or None before its first answer."""
    run = Run(run_folder(settings(), run_id))
    return run if (run.folder / "run.json").exists() else None


def judged_pairs(run: Run, job: PairJob) -> tuple[Sources | None, list[dict[str, Any]]]:
    """The models and pairs of a run as they stand this moment, decisions included; empty before."""
    try:
        sources = sources_of(run, job)
    except RunError:
        return None, []
    stamp = _stamp(run, sources)
    return sources, _judged(str(run.folder), job, stamp, removed_prompts(run, settings()))


def _stamp(run: Run, sources: Sources) -> tuple[tuple[str, int, int], ...]:
    """Name, size and time of every file that pairs are made of."""
    files = [run.folder / "decisions.jsonl", run.folder / "prompts.jsonl"]
    for answers in (sources.teacher, sources.student):
        files += [answers.folder / "plan.jsonl", answers.rows_path]
    return tuple(_look(path) for path in files)


def _look(path: Path) -> tuple[str, int, int]:
    if not path.exists():
        return str(path), 0, 0
    found = path.stat()
    return str(path), found.st_size, found.st_mtime_ns


@st.cache_data(max_entries=8, show_spinner=False)
def _judged(
    folder: str, job: PairJob, stamp: tuple[tuple[str, int, int], ...], removed: frozenset[str]
) -> list[dict[str, Any]]:
    run = Run(Path(folder))
    sources = sources_of(run, job)
    count, _ = token_counter(sources, settings())
    return pair_rows(run, sources, job, count, removed)
