"""What the Jobs page reads about a job: its speed, its command, its log, and the answers that failed."""

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
from app.reads import settings
from core.jobs import Job
from core.jobs.logs import last_words, log_tail
from core.store.runs import AnswerSet, Run, runs_of

ROLES = ("teacher", "student")
ANSWERING = ("pipeline", *ROLES)
EXAMPLES = 20
LOG_LINES = 200
# A speed measured over less than this jumps about.
SHORTEST_LOOK_S = 3.0
MOST_SIGHTINGS = 500

REASONS = {
    "transient": "The provider was busy or had trouble",
    "timeout": "No answer in time",
    "connection": "The connection broke",
    "unreachable": "No server answered",
    "empty": "The answer was empty",
    "unreadable": "The answer could not be read",
    "refused": "The provider refused",
    "key": "The key was not accepted",
    "credit": "There was no credit left",
    "forbidden": "The account may not do this",
    "model": "The model was not found",
    "redirect": "The server pointed to another address",
}


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
    reason = REASONS.get(kind, kind or "Unknown reason") + (
        f" (HTTP {status})" if status not in (None, 200) else ""
    )
    messages = Counter(str(row.get("message", "")) for row, _ in rows)
    return Failures(
        reason, messages.most_common(1)[0][0], len(rows), tuple(failed for _, failed in rows[:EXAMPLES])
    )


def shell_of(job: Job) -> str:
    """The job's command as a person types it, without what only programs need."""
    words = list(job.argv)
    if words[1:3] == ["-m", "core"]:
        return shell_line([word for word in words[3:] if word != "--json"])
    return shlex.join([Path(words[0]).name, *words[1:]])


def log_of(job: Job) -> str:
    """The end of the job's log, without the last line of `--json`, which is for programs."""
    lines = log_tail(job.log_path, LOG_LINES).rstrip().split("\n")
    if lines[-1].startswith("{") and lines[-1].endswith("}"):
        lines.pop()
    return "\n".join(lines)


def last_line_of(job: Job) -> str:
    """The last thing that the job said."""
    return last_words(job.log_path)


def speed(job: Job) -> float | None:
    """Rows a second since this server first saw the stage; None before that can be told.

    Counted from the first sight, not from the start: a resumed job begins with what is there already.
    """
    progress = job.progress
    if progress is None:
        return None
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
