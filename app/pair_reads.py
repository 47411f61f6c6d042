"""What the Pairs page reads: the index of a run's pairs, kept open between reruns."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from app.reads import library, prompt_looks, settings
from core.constitution import Constitution
from core.errors import RunError
from core.pair_filter import PairFilter
from core.pairs import PairRules
from core.stages.distillation import Sources
from core.stages.dpo_data import PairJob, sources_of
from core.stages.pair_indexing import RunJudge, index_path, inputs_of, judge_of
from core.stages.prepare import Scope, choose_prompts
from core.store.looks import Look
from core.store.pair_index import PairIndex, State, View
from core.store.runs import Run
from core.telling_apart import Learned, learn

# More than this is taken in by a job, so that no page stands still.
INLINE_BYTES = 2_000_000
INLINE_S = 0.4
LEARNED = 120


class Pairs:
    """The pairs of a run as the page needs them, brought up to date for as long as a page may take."""

    def __init__(self, run: Run, sources: Sources, job: PairJob) -> None:
        self.run, self.sources, self.job = run, sources, job
        self.judge: RunJudge = judge_of(run, sources, job, settings())
        self.index = _open(str(index_path(run, sources)), _inode(run.folder))
        self.index.judge, self.index.inputs = self.judge, inputs_of(run, sources)
        self.backlog = self.index.backlog()
        self.state: State = self.index.refresh(INLINE_S, words_only=self.is_much)

    @property
    def is_much(self) -> bool:
        """Whether a job has to take in what is left: one very long answer alone takes seconds."""
        return self.backlog > INLINE_BYTES

    @property
    def rules(self) -> PairRules:
        """What the pairs are judged by."""
        return self.judge.rules

    def view(self, wanted: PairFilter) -> View:
        """The pairs that a filter lets through."""
        return self.index.view(wanted)

    def learned(self, n: int) -> Learned | None:
        """What tells the character's words from plain ones, from pairs other than the one shown."""
        places = self.view(PairFilter(show="kept")).places
        chosen = [int(place) for place in places[: 4 * LEARNED] if place % 2 != n % 2][:LEARNED]
        if len(chosen) < 8:
            return None
        return _learned(str(self.index.path), len(chosen) // 20, n % 2, tuple(chosen), self.index)


@st.cache_data(max_entries=16, show_spinner=False)
def _learned(path: str, size: int, parity: int, _chosen: tuple[int, ...], _index: PairIndex) -> Learned:
    rows = [row for n in _chosen if (row := _index.row(n)) is not None]
    whole = [row for row in rows if row["chosen"] and row["rejected"]]
    return learn([row["chosen"] for row in whole], [row["rejected"] for row in whole])


@st.cache_resource(max_entries=8, show_spinner=False)
def _open(path: str, inode: int) -> PairIndex:
    """The index of a path; `inode` keeps a folder that was removed and made anew apart."""
    return PairIndex(Path(path), None, None)  # type: ignore[arg-type]


def _inode(folder: Path) -> int:
    return folder.stat().st_ino


def pairs_of(run: Run | None, job: PairJob) -> Pairs | None:
    """The pairs of a run, or None before both sides have answered anything. Raises RunError."""
    if run is None:
        return None
    try:
        sources = sources_of(run, job)
    except RunError:
        return None
    return Pairs(run, sources, job)


def planned_prompts(name: str, constitution: Constitution) -> int:
    """How many prompts a character has; counted anew when its files change."""
    return _count(name, constitution.content_hash, prompt_looks(name))


@st.cache_data(max_entries=32, show_spinner=False)
def _count(name: str, version: str, looks: tuple[Look, ...]) -> int:
    return len(choose_prompts(Scope(name), library().load(name).constitution, settings()))
