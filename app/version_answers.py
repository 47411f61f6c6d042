"""The same prompts answered by two versions of a character, where both have been asked."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import streamlit as st

from app.reads import settings
from core.constitution import parse
from core.editing import Value
from core.errors import CoreError
from core.store.answer_set import AnswerSet
from core.store.runs import Run, run_folder

MOST_SHOWN = 3


class Both(NamedTuple):
    """One prompt and what the teacher said to it as one version and as the other."""

    prompt: str
    one: str
    other: str


class Met(NamedTuple):
    """What two versions were both asked, at most `MOST_SHOWN` of `count`; by which teacher."""

    shown: list[Both]
    count: int
    teacher: str


def answers_of_both(one: Value, other: Value) -> Met | None:
    """The teacher's answers of both versions to the same prompts; None where there is no such prompt."""
    runs = [_run(value) for value in (one, other)]
    if None in runs or runs[0] == runs[1]:
        return None
    first, second = (run.answer_sets("teacher") for run in runs if run)
    for mine in first:
        for theirs in second:
            if mine.model == theirs.model and (met := _met(runs[0], mine, theirs)):
                return met
    return None


def _run(value: Value) -> Run | None:
    """The run of a version, None before its first answer."""
    try:
        run = Run(run_folder(settings(), parse(value, source="").run_id))
    except CoreError:
        return None
    return run if (run.folder / "run.json").exists() else None


def _met(run: Run | None, mine: AnswerSet, theirs: AnswerSet) -> Met | None:
    said, heard = (_answers(str(answers.folder), answers.used_at) for answers in (mine, theirs))
    shared = [prompt for prompt in said if prompt in heard]
    if not shared or run is None:
        return None
    prompts = run.prompts()
    shown = [
        Both(prompts[id].text, said[id], heard[id])
        for id in shared
        if id in prompts and said[id] != heard[id]
    ]
    return Met(shown[:MOST_SHOWN], len(shared), mine.model)


@st.cache_data(max_entries=8, show_spinner=False)
def _answers(folder: str, used_at: float) -> dict[str, str]:
    """The first answer to each prompt in a folder of answers."""
    rows = AnswerSet(Path(folder)).rows().values()
    return {row["prompt"]: row["text"] for row in rows if row["sample"] == 0}
