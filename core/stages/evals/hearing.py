"""What evaluations that listen for the character share: their questions, their sampling, their rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from core.names import ModelName
from core.prompts import Prompt, prompt_of, unique
from core.records import Sampling, content_hash
from core.stages.evals.classifying import ClassifierChoice, trained_prompts
from core.stages.evals.session import Session, Speaker
from core.store.jsonl import Row
from core.store.library import Library

PART = "robustness"
LOCAL_PROMPTS, PROMPTS = 20, 100
LOCAL_MAX_TOKENS, MAX_TOKENS = 64, 512


class Listening(Protocol):
    """A job that a classifier listens to."""

    @property
    def sampling(self) -> Sampling: ...

    @property
    def classifier(self) -> ClassifierChoice: ...


def general_questions(session: Session, count: int) -> tuple[Prompt, ...]:
    """The first everyday questions for evaluation, in their fixed order, none that training ever met."""
    met = trained_prompts(session)
    pool = (
        prompt_of(text, trait=None, source="general")
        for text in Library(session.settings).general_prompts(PART)
    )
    return tuple(prompt for prompt in unique(pool) if prompt.id not in met)[:count]


# What a row keeps of an answer.
_KEPT = ("key", "prompt", "asked", "text", "speaker", "group", "sample", "finish_reason", "trait")


def told_row(row: Row) -> dict[str, Any]:
    """An answer as results keep it, without what only money and retries need."""
    return {name: row[name] for name in _KEPT if name in row}


def settings_of(job: Listening, speakers: Sequence[Speaker], prompts: Sequence[Prompt]) -> dict[str, Any]:
    """What decides the result, whatever the kind: who was asked what, how, and who listened."""
    return {
        "speakers": {speaker.label: speaker.as_dict() for speaker in speakers},
        "sampling": job.sampling.as_dict(),
        "prompts": content_hash([prompt.text for prompt in prompts]),
        "classifier": job.classifier.as_dict(),
    }


def evaluation_sampling(
    model: ModelName, *, temperature: float, top_p: float, seed: int, max_tokens: int | None
) -> Sampling:
    """How answers are drawn: as students' are, with fewer tokens on the embedded model."""
    local = model.provider == "local"
    return Sampling(
        temperature=temperature,
        top_p=top_p,
        max_tokens=max_tokens or (LOCAL_MAX_TOKENS if local else MAX_TOKENS),
        repetition_penalty=1.1 if model.provider in ("local", "vllm") else None,
        seed=seed,
    )


def prompts_wanted(model: ModelName, wished: int | None) -> int:
    """How many questions: as wished, else 20 on the embedded model and 100 elsewhere."""
    return wished or (LOCAL_PROMPTS if model.provider == "local" else PROMPTS)
