"""`character constitution switchboard`: what does each sentence do? Leave one out, ask, compare.

Answers are kept in the run like those of every evaluation, so a stopped one goes on where it was, and the
same question is never paid for twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from core.constitution import Constitution
from core.engines.opening import open_engine
from core.errors import RunError
from core.evaluation.prefill import as_seen
from core.names import ModelName, assistant_name
from core.pairs import strip_reasoning
from core.records import Message, Sampling, prompt_id
from core.stages.evals.session import Ask, Session, Side, Speaker, drawn
from core.store.switchboard import boards
from core.switchboard import LEAST_SAMPLES, Effects, Ticks, design, effects_of, opening
from core.voice import VOICES, voice_words

SAMPLES = 3
LOCAL_MAX_TOKENS, MAX_TOKENS = 96, 300
# What the embedded model keeps in mind; others keep more.
ROOM = 4096


@dataclass(frozen=True, slots=True)
class EffectsJob:
    """One question, asked of the whole character and of it without each of its parts, `samples` times."""

    question: str
    model: ModelName
    samples: int = SAMPLES
    seed: int = 0
    max_tokens: int | None = None

    @property
    def sampling(self) -> Sampling:
        """As the chat on the page draws its answers, shorter."""
        local = self.model.provider == "local"
        return Sampling(
            temperature=0.7,
            top_p=0.95,
            max_tokens=self.max_tokens or (LOCAL_MAX_TOKENS if local else MAX_TOKENS),
            repetition_penalty=1.1 if self.model.provider in ("local", "vllm") else None,
            seed=self.seed,
        )


def called(constitution: Constitution, model: ModelName) -> str:
    """What the teacher calls itself: as its job would."""
    return constitution.assistant_name or assistant_name(model.model)


def messages_of(
    constitution: Constitution, ticks: Ticks, turns: Sequence[Message], model: ModelName, max_tokens: int
) -> list[Message]:
    """The whole request; the oldest turns are left out where the embedded model has no room for them."""
    before = opening(constitution, ticks, called(constitution, model))
    kept = as_seen(turns, before, ROOM - max_tokens)[0] if model.provider == "local" else turns
    return [*before, *kept]


def asks_of(constitution: Constitution, job: EffectsJob) -> list[Ask]:
    """Every request: the whole character first, each part left out at the same seeds."""
    asked = [Message("user", job.question)]
    return [
        Ask(
            {"prompt": prompt_id(job.question), "group": part.id, "sample": sample},
            tuple(messages_of(constitution, part.ticks, asked, job.model, job.sampling.max_tokens)),
            drawn(job.sampling, sample),
        )
        for part in design(constitution)
        for sample in range(max(LEAST_SAMPLES, job.samples))
    ]


def size_effects(job: EffectsJob, session: Session) -> list[Side]:
    """What it would take; sends and writes nothing. Raises SettingsError."""
    return [session.size(_speaker(job, session), asks_of(session.constitution, job))]


async def measure_effects(job: EffectsJob, session: Session) -> Effects:
    """What each sentence does to this question's answer; kept for the page when it is whole.

    Raises RunError where answers are missing, after keeping those there are, EngineError as asking does.
    """
    asks = asks_of(session.constitution, job)
    rows = await session.answers(_speaker(job, session), asks, stage="teacher")
    missing = sum(row is None for row in rows)
    if missing:
        raise RunError(
            f"{missing} of {len(rows)} answers are missing, so nothing was measured. The others are kept: "
            "run the same command again to ask only for what is missing."
        )
    answers: dict[str, list[str]] = {}
    for row in rows:
        if row is not None:
            answers.setdefault(row["group"], []).append(strip_reasoning(row["text"])[0])
    boards(session.settings, session.constitution.name).keep(
        question=job.question,
        model=job.model.full,
        constitution=session.constitution.content_hash,
        answers=answers,
        seed=job.seed,
        max_tokens=job.sampling.max_tokens,
    )
    return told_effects(session.constitution, answers)


def told_effects(constitution: Constitution, answers: dict[str, list[str]]) -> Effects:
    """The same from answers that are there, with the voice where the character has a list of its words."""
    name = constitution.name
    voiced = (lambda text: bool(voice_words(name, text))) if name in VOICES else None
    return effects_of(constitution, answers, voiced)


def _speaker(job: EffectsJob, session: Session) -> Speaker:
    engine = open_engine(job.model, session.settings)
    session.opened.append(engine)
    return Speaker("teacher", replace(job.model), engine)
