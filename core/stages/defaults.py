"""Defaults that depend on the verb and on where a model runs. OCT's numbers, smaller on `local/`."""

from __future__ import annotations

from dataclasses import dataclass

from core.constitution import Constitution
from core.names import ModelName, assistant_name, parse_model
from core.prompts import Prompt
from core.records import Sampling
from core.stages.planning import AnswerJob, Role

TEACHER = "glm-4.5-air"
STUDENT = "meta-llama/llama-3.3-70b-instruct"
PROVIDER = "openrouter"
# Measured: at 256 tokens 43 % of the embedded student's answers were cut off and lost, at 512 5 %, for
# 31 % more tokens; so 512 gives 41 % more pairs for the same work (bench/README.md).
LOCAL_MAX_TOKENS = 512


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a person asked for; None where the default should decide."""

    samples: int | None = None
    temperature: float = 0.7
    top_p: float = 0.95
    max_tokens: int | None = None
    seed: int = 0
    concurrency: int | None = None
    fixed_concurrency: bool = False
    exchanges: bool = True
    thinking: bool = False
    assistant_name: str | None = None


def model_of(role: Role, name: str | None, provider: str | None) -> ModelName:
    """The model of a role: as typed, else OCT's default for it."""
    wished = name or (TEACHER if role == "teacher" else STUDENT)
    return parse_model(wished, provider=provider, default=PROVIDER)


def sampling_of(wishes: Wishes, model: ModelName) -> Sampling:
    """How answers are drawn: OCT's T 0.7 and top-p 0.95; penalty 1.1 where it is known to work."""
    local = model.provider in ("local", "vllm")
    return Sampling(
        temperature=wishes.temperature,
        top_p=wishes.top_p,
        max_tokens=wishes.max_tokens or (LOCAL_MAX_TOKENS if model.provider == "local" else 4096),
        repetition_penalty=1.1 if local else None,
        seed=wishes.seed,
    )


def answer_job(
    role: Role,
    model: ModelName,
    constitution: Constitution,
    prompts: tuple[Prompt, ...],
    wishes: Wishes,
    *,
    student: ModelName | None = None,
) -> AnswerJob:
    """The job that a person's wishes make.

    The teacher speaks under the name in the character file, else the student's family name when the
    student is known: what it calls itself is what the student will learn to call itself.
    """
    local = model.provider == "local"
    name = wishes.assistant_name or constitution.assistant_name or assistant_name((student or model).model)
    return AnswerJob(
        role,
        model,
        prompts,
        sampling_of(wishes, model),
        samples=wishes.samples or (1 if local else 5),
        assistant_name=name,
        exchanges=wishes.exchanges,
        thinking=wishes.thinking,
        concurrency=wishes.concurrency,
        fixed_concurrency=wishes.fixed_concurrency,
    )
