"""What the Jobs page reads about a job: its speed, history, command, log, and the answers that failed."""

from __future__ import annotations

import shlex
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from app.commands import shell_line
from app.job_charts import Moment, tidy
from app.job_figures import number, reason_in_words
from app.reads import settings
from core.jobs import Job
from core.jobs.logs import last_words, log_tail
from core.jobs.progress import HISTORY, read_history
from core.store.runs import AnswerSet, Run, runs_of

ROLES = ("teacher", "student")
ANSWERING = ("pipeline", *ROLES)
EXAMPLES = 20
LOG_LINES = 200
# A speed measured over less than this jumps about.
SHORTEST_LOOK_S = 3.0
MOST_SIGHTINGS = 500


@dataclass(frozen=True, slots=True)
class Failed:
    """One request without an answer."""

    role: str
    prompt: str
    attempts: int


@dataclass(frozen=True, slots=True)
class Failures:
    """The requests that failed for one reason; `examples` are the first of `count`."""

    reason: str
    message: str
    count: int
    examples: tuple[Failed, ...]


def failures_of(job: Job) -> list[Failures]:
    """The answers that this job asked for and did not get, by reason, the most frequent first."""
    kind, _, name = job.subject.partition(":")
    if kind != "pairs" or job.verb not in ANSWERING:
        return []
    ended = job.ended_at or time.time()
    found: dict[tuple[str, Any], list[tuple[dict[str, Any], Failed]]] = defaultdict(list)
    for run, role, answers in _sets_with_errors(name, job.started):
        prompts: dict[str, str] | None = None
        for row in _failed_rows(str(answers.folder), _stamp(answers)):
            if job.started <= row.get("at", 0.0) <= ended:
                prompts = prompts or {id: prompt.text for id, prompt in run.prompts().items()}
                failed = Failed(role, prompts.get(row["prompt"], ""), int(row.get("attempts", 1)))
                found[row.get("kind", ""), row.get("status")].append((row, failed))
    groups = [_group(kind, status, rows) for (kind, status), rows in found.items()]
    return sorted(groups, key=lambda group: -group.count)


def _sets_with_errors(name: str, since: float) -> Iterator[tuple[Run, str, AnswerSet]]:
    """The answer folders of a character in which something failed since then."""
    for run in runs_of(settings(), name):
        for role in ROLES:
            for answers in run.answer_sets(role):
                path = answers.errors_path
                if path.exists() and path.stat().st_mtime >= since - 1:
                    yield run, role, answers


def _stamp(answers: AnswerSet) -> tuple[float, ...]:
    """What changes when the failures of an answer folder do."""
    paths = (answers.errors_path, answers.rows_path)
    return tuple(path.stat().st_mtime if path.exists() else 0.0 for path in paths)


@st.cache_data(max_entries=16, show_spinner=False)
def _failed_rows(folder: str, stamp: tuple[float, ...]) -> list[dict[str, Any]]:
    return list(AnswerSet(Path(folder)).failures().values())


def _group(kind: str, status: int | None, rows: list[tuple[dict[str, Any], Failed]]) -> Failures:
    messages = Counter(str(row.get("message", "")) for row, _ in rows)
    examples = tuple(failed for _, failed in rows[:EXAMPLES])
    return Failures(reason_in_words(kind, status), messages.most_common(1)[0][0], len(rows), examples)


def shell_of(job: Job) -> str:
    """The job's command as a person types it, without what only programs need."""
    words = list(job.argv)
    if words[1:3] == ["-m", "core"]:
        return shell_line([word for word in words[3:] if word != "--json"])
    return shlex.join([Path(words[0]).name, *words[1:]])


def log_of(job: Job) -> str:
    """The end of the job's log, without the line of `--json`, which is for programs."""
    lines = log_tail(job.log_path, LOG_LINES).rstrip().split("\n")
    # A stopped job says a word after it.
    before, end = lines[:-3], lines[-3:]
    return "\n".join([*before, *(line for line in end if not _is_for_programs(line))]).rstrip()


def _is_for_programs(line: str) -> bool:
    return line.startswith("{") and line.endswith("}")


def last_line_of(job: Job) -> str:
    """The last thing that the job said."""
    return last_words(job.log_path)


@dataclass(frozen=True, slots=True)
class History:
    """How a job went: its moments in order, and the last figures of each stage, the stages in order."""

    moments: list[Moment]
    totals: dict[str, dict[str, Any]]


def history_of(job: Job) -> History:
    """What the job noted while it ran; empty for one that noted nothing."""
    path = job.folder / HISTORY
    try:
        found = path.stat()
    except OSError:
        return _with_last(History([], {}), job)
    return _with_last(_history(str(path), (found.st_size, found.st_mtime_ns)), job)


@st.cache_data(max_entries=16, show_spinner=False)
def _history(path: str, stamp: tuple[int, int]) -> History:
    rows = read_history(Path(path))
    totals = {str(row.get("stage")): row["figures"] for row in rows if isinstance(row.get("figures"), dict)}
    return History(tidy(rows), totals)


def _with_last(history: History, job: Job) -> History:
    """With the present figures, which are newer than any noted ones."""
    if job.progress is None or not job.progress.figures:
        return history
    last = {job.progress.stage: dict(job.progress.figures)}
    return History(history.moments, history.totals | last)


def speed(job: Job) -> float | None:
    """Rows a second as the job itself says, else since this server first saw the stage; None: not yet.

    Counted from the first sight, not from the start: a resumed job begins with what is there already.
    """
    progress = job.progress
    if progress is None:
        return None
    if per_second := number(progress.figures, "per_second"):
        return per_second
    done_then, then = _first_sight().setdefault((job.id, progress.stage), (progress.done, progress.at))
    passed = progress.at - then
    if passed < SHORTEST_LOOK_S or progress.done <= done_then:
        return None
    return (progress.done - done_then) / passed


@st.cache_resource(show_spinner=False)
def _sightings() -> dict[tuple[str, str], tuple[int, float]]:
    """When each job's stage was first seen, and how far it was; shared by all tabs."""
    return {}


def _first_sight() -> dict[tuple[str, str], tuple[int, float]]:
    seen = _sightings()
    if len(seen) > MOST_SIGHTINGS:
        seen.clear()
    return seen
