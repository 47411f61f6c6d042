"""What `character eval preferences` settles before its first request: words, prompts, pairs, speakers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core.errors import RunError, SettingsError
from core.evaluation.judging import By as JudgedBy
from core.evaluation.preference_traits import chosen_traits
from core.evaluation.preferences import By, Comparison, Condition, design
from core.names import ModelName
from core.prompts import Prompt, prompt_of, prompts_from_file, unique
from core.records import Sampling
from core.stages.evals.classifying import trained_prompts
from core.stages.evals.judging import checked_by, gives_logprobs
from core.stages.evals.session import Session, Speaker
from core.stages.evals.speakers import Cast, speakers_of
from core.stages.pools import load_pool, pool_path
from core.store.jsonl import read_rows
from core.store.library import Library

PART = "preferences"
LOCAL_MAX_TOKENS, MAX_TOKENS = 96, 1024
# By letter no chance of the draw comes in, so fewer do: 200 among two dozen words are 17 a word, and
# some two minutes.
LOCAL_COMPARISONS, LOCAL_CHOICES, COMPARISONS = 400, 200, 5000
# About how long a question of a pool is that was not fetched yet.
_USUAL_QUESTION = "x" * 400


@dataclass(frozen=True, slots=True)
class PreferencesJob:
    """What is asked of whom. No `judge`: the model itself is asked by letter.

    `count` None: 400 comparisons on the embedded model (200 by letter), 5,000 elsewhere. `traits` may hold
    "all" and "auto"; `targets` are words marked before looking. `compare` names a run, or the file of a
    result, whose ranking is laid beside.
    """

    cast: Cast
    sampling: Sampling
    judge: ModelName | None = None
    judged_by: JudgedBy | None = None
    condition: Condition = "feel"
    traits: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    count: int | None = None
    prompts_file: Path | None = None
    pool: str | None = None
    compare: str | None = None

    @property
    def by(self) -> By:
        """Who says which word it was."""
        return "judge" if self.judge else "choice"

    @property
    def comparisons(self) -> int:
        """How many comparisons each speaker gets."""
        if self.count is not None:
            return self.count
        if self.cast.model.provider != "local":
            return COMPARISONS
        return LOCAL_COMPARISONS if self.judge else LOCAL_CHOICES


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that is settled before the first request."""

    words: tuple[str, ...]
    prompts: tuple[Prompt, ...]
    comparisons: tuple[Comparison, ...]
    speakers: tuple[Speaker, ...]
    trained: int


def planned(
    job: PreferencesJob,
    session: Session,
    *,
    fetch: bool = True,
    speakers: Sequence[Speaker] | None = None,
) -> Plan:
    """The plan of a job. Without `fetch`, prompts of a pool that are not here are stood in for.

    `speakers` are opened already, in place of those that the job names.

    Raises SettingsError, ModelError, RunError.
    """
    local = job.cast.model.provider == "local"
    words = chosen_traits(job.traits, session.constitution, auto=local, targets=job.targets)
    prompts, trained = _prompts(job, session, fetch)
    everybody = tuple(speakers_of(job.cast, session) if speakers is None else speakers)
    _check_speakers(job, everybody)
    asked = [(prompt.id, prompt.text) for prompt in prompts]
    comparisons = design(asked, words, job.comparisons, job.sampling.seed or 0)
    return Plan(words, prompts, tuple(comparisons), everybody, trained)


def _prompts(job: PreferencesJob, session: Session, fetch: bool) -> tuple[tuple[Prompt, ...], int]:
    """The questions, none that training ever met, and how many were left out for that."""
    met = trained_prompts(session)
    found = unique(_source(job, session, fetch))
    kept = tuple(prompt for prompt in found if prompt.id not in met)
    if not kept:
        raise SettingsError(
            f"All {len(found)} prompts were trained on: give others with --prompts FILE or --pool wildchat."
        )
    return kept, len(found) - len(kept)


def _source(job: PreferencesJob, session: Session, fetch: bool) -> Sequence[Prompt]:
    if job.prompts_file is not None:
        return prompts_from_file(_read(job.prompts_file), source=str(job.prompts_file))
    if job.pool is None:
        texts: Sequence[str] = Library(session.settings).general_prompts(PART)
    elif fetch:
        texts = load_pool(job.pool, session.settings, limit=job.comparisons)
    else:
        rows = read_rows(pool_path(job.pool, session.settings)).rows
        there = [str(row["text"]) for row in rows if row.get("text")][: job.comparisons]
        texts = there + [f"{number} {_USUAL_QUESTION}" for number in range(job.comparisons - len(there))]
    return [prompt_of(text, trait=None, source="general") for text in texts]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise RunError(f"Cannot read {path}: {(error.strerror or str(error)).lower()}.") from error


def _check_speakers(job: PreferencesJob, speakers: Sequence[Speaker]) -> None:
    if job.judge is not None:
        checked_by(job.judged_by, job.judge)
        return
    silent = {one.model.full for one in speakers if not gives_logprobs(one.model)}
    if silent:
        raise SettingsError(
            f"{', '.join(sorted(silent))} does not tell the probabilities that asking by letter needs. "
            "Let a judge read answers instead: --judge MODEL."
        )
