"""How judges are asked: through the session, so that every verdict is kept and asked for only once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from core.errors import SettingsError
from core.evaluation.judging import (
    By,
    Question,
    Verdict,
    messages_of,
    read_verdict,
    sampling_for,
)
from core.names import PROVIDERS, ModelName
from core.stages.evals.session import VERDICTS, Ask, Session, Side, Speaker, drawn

# What stands around quoted texts: introduction, standard, delimiters and how to answer.
FRAME_CHARACTERS = 1500
# Tokens a second that the embedded model read of judges' questions: 68 of 1,019 in 151 s, two busy cores.
LOCAL_READING = 460


def gives_logprobs(model: ModelName) -> bool:
    """Whether a model's choice can be read off the probabilities of its first token."""
    spec = PROVIDERS.get(model.provider)
    return spec is not None and spec.gives_logprobs(model.model)


def checked_by(by: By | None, judge: ModelName) -> By:
    """How the judge gives verdicts: as wished; else by probabilities on this computer, in text elsewhere.

    Raises SettingsError for probabilities that the judge's provider does not tell.
    """
    if by is None:
        return "logprob" if judge.provider == "local" else "text"
    if by == "logprob" and not gives_logprobs(judge):
        able = ", ".join(
            spec.name for spec in PROVIDERS.values() if spec.tells_logprobs and spec.name != "fake"
        )
        raise SettingsError(
            f"{judge.full} does not tell probabilities of its first token, which --by logprob needs; "
            f"these do: {able} (reasoning models aside). Use --by text."
        )
    return by


async def verdicts(
    session: Session,
    judge: Speaker,
    questions: Sequence[Question],
    *,
    by: By | None = None,
    stage: str = "verdicts",
    seed: int = 0,
    samples: Sequence[int] | None = None,
) -> list[Verdict]:
    """The judge's verdict on each question, in their order; "not answered" where a request failed.

    `by` overrides how the questions want to be answered. `samples` numbers repetitions of a question:
    two with the same text and number are one request. Raises as `Session.answers`.
    """
    wanted = [one if by is None else replace(one, by=by) for one in questions]
    asks = list(verdict_asks(judge, wanted, seed=seed, samples=samples))
    rows = await session.answers(judge, asks, stage=stage, role=VERDICTS)
    return [read_verdict(row, question) for row, question in zip(rows, wanted, strict=True)]


def verdict_asks(
    judge: Speaker, questions: Sequence[Question], *, seed: int = 0, samples: Sequence[int] | None = None
) -> Iterator[Ask]:
    """The requests that ask the questions."""
    local = judge.model.provider == "local"
    for place, question in enumerate(questions):
        sample = samples[place] if samples is not None else 0
        yield Ask(
            {"sample": sample},
            messages_of(question, can_prefill=judge.engine.can_prefill),
            drawn(sampling_for(question, local=local, seed=seed), sample),
        )


def size_verdicts(
    session: Session, judge: Speaker, count: int, characters_each: int, by: By | None = None
) -> Side:
    """What `count` verdicts would take where the texts to be judged are not there yet.

    `characters_each` counts the quoted texts of one request, about; the frame is added. Nothing counts as
    there: verdicts that are kept already make the job cheaper than this says.
    """
    question = Question("", (), (), checked_by(by, judge.model))
    sampling = sampling_for(question, local=judge.model.provider == "local")
    characters = count * (characters_each + FRAME_CHARACTERS)
    return with_reading(session.side(judge, count, 0, characters, sampling.max_tokens))


def with_reading(side: Side) -> Side:
    """The side with the time that reading takes here, where verdicts are short and questions long."""
    if side.model.provider != "local":
        return side
    return replace(side, seconds=side.seconds + side.prompt_tokens / LOCAL_READING)
