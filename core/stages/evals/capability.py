"""`character eval capability`: our fixed multiple-choice set, asked of everybody alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import ConstitutionError, Problem
from core.evaluation.capability import (
    How,
    caveats,
    cells_of,
    headline,
    messages_of,
    picked,
    sampling_of,
    score_row,
    smallest_change,
)
from core.evaluation.capability_items import Item, items_of
from core.evaluation.results import EvalResult
from core.names import PROVIDERS
from core.records import content_hash
from core.stages.evals.session import Ask, Session, Side, Speaker
from core.stages.evals.speakers import Cast, base_of, speakers_of, tuned_of

ITEMS = Path(__file__).parents[2] / "evaluation" / "data" / "capability.jsonl"
MAX_TOKENS, LOCAL_MAX_TOKENS = 256, 32


@dataclass(frozen=True, slots=True)
class CapabilityJob:
    """What is asked of whom. `how` None: by log-probability where everybody's engine tells them.

    `limit` counts items in their fixed order, which goes through the subjects in turn.
    """

    cast: Cast
    limit: int | None = None
    how: How | None = None
    max_tokens: int | None = None


def shipped_items(limit: int | None = None) -> tuple[Item, ...]:
    """The set in its order, or its first items. Raises ConstitutionError where the file is missing."""
    try:
        data = ITEMS.read_bytes()
    except OSError as error:
        message = f"cannot be read ({error.strerror}); install the studio again."
        raise ConstitutionError(str(ITEMS), [Problem("", message)]) from error
    return items_of(data, source=str(ITEMS))[:limit]


async def evaluate_capability(job: CapabilityJob, session: Session) -> EvalResult:
    """Ask every speaker every item and compare. Raises EngineError when the whole job must stop."""
    speakers, items = speakers_of(job.cast, session), shipped_items(job.limit)
    how, prefill = _how(job, speakers), _all_prefill(speakers)
    rows: list[dict[str, Any]] = []
    for speaker in speakers:
        answers = await session.answers(speaker, _asks(job, speaker, items, how, prefill))
        rows += [
            score_row(row, item, how) for row, item in zip(answers, items, strict=True) if row is not None
        ]
    return _result(job, session, speakers, items, how, rows)


def size_capability(job: CapabilityJob, session: Session) -> list[Side]:
    """What it would take, speaker by speaker; sends nothing."""
    speakers, items = speakers_of(job.cast, session), shipped_items(job.limit)
    how, prefill = _how(job, speakers), _all_prefill(speakers)
    return [session.size(speaker, _asks(job, speaker, items, how, prefill)) for speaker in speakers]


def _how(job: CapabilityJob, speakers: Sequence[Speaker]) -> How:
    """One way for everybody: what is asked in different ways cannot be compared."""
    if job.how is not None:
        return job.how
    return "letter" if all(_tells(speaker) for speaker in speakers) else "text"


def _tells(speaker: Speaker) -> bool:
    spec = PROVIDERS.get(speaker.model.provider)
    return spec is not None and spec.gives_logprobs(speaker.model.model)


def _all_prefill(speakers: Sequence[Speaker]) -> bool:
    return all(speaker.engine.can_prefill for speaker in speakers)


def _asks(
    job: CapabilityJob, speaker: Speaker, items: Sequence[Item], how: How, prefill: bool
) -> list[Ask]:
    local = speaker.model.provider == "local"
    sampling = sampling_of(how, job.max_tokens or (LOCAL_MAX_TOKENS if local else MAX_TOKENS))
    return [
        Ask(
            {"prompt": item.id, "speaker": speaker.label}, messages_of(item, how, prefill=prefill), sampling
        )
        for item in items
    ]


def _result(
    job: CapabilityJob,
    session: Session,
    speakers: Sequence[Speaker],
    items: Sequence[Item],
    how: How,
    rows: list[dict[str, Any]],
) -> EvalResult:
    cells, tuned = cells_of(rows), [speaker.label for speaker in tuned_of(speakers)]
    shown = tuned[-1] if tuned else (base_of(speakers) or speakers[0]).label
    return EvalResult(
        "capability",
        session.constitution.name,
        session.run.id if session.run else "",
        headline=headline(session.constitution.name, cells, rows, shown),
        cells=cells,
        rows=rows,
        caveats=caveats(cells, rows, how),
        speakers={speaker.label: speaker.as_dict() for speaker in speakers},
        settings={
            "items": content_hash([item.id for item in items]),
            "how": how,
            "max_tokens": job.max_tokens,
            "speakers": {speaker.label: speaker.as_dict() for speaker in speakers},
        },
        details={
            "how": how,
            "smallest_change": {label: smallest_change(rows, label) for label in tuned},
            "picked": {speaker.label: picked(rows, speaker.label) for speaker in speakers},
        },
        prompts_sha256=content_hash([item.asked for item in items]),
        prompts=len(items),
    )
