"""`character constitution draft`: several drafts of a character from a description, and questions about it.

Each draft is one call from another angle with another seed. What models answered lies in the drafting's
folder; a page and the command line read the same drafts from it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from core.drafting.answers_read import read_asked
from core.drafting.briefs import ANGLES, MOST_DRAFTS, asking_messages, draft_messages
from core.drafting.clarifying import FIXED, Asked, Clarifying, answered
from core.drafting.own_words import from_own_words
from core.drafting.replies import Draft, read_draft
from core.drafting.writers import is_capable
from core.engines import Engine
from core.names import ModelName
from core.records import Message
from core.stages.drafting_calls import PREFILL, Call, sampling_for, size_of
from core.store.drafting import Drafting
from core.store.jsonl import Row
from core.store.replies import Replies

LONGEST_DRAFT, LONGEST_QUESTIONS = 4096, 1024
CUT_OFF = "was cut off at the longest answer allowed"


@dataclass(frozen=True, slots=True)
class DraftJob:
    """What to ask of which model. `seed` turns to other drafts of the same description."""

    model: ModelName
    drafts: int = 3
    seed: int = 0


def draft_calls(
    drafting: Drafting, asked: Sequence[Clarifying], job: DraftJob, *, prefill: bool
) -> list[Call]:
    """The calls for the drafts, an angle each; `prefill` says that the engine continues a begun answer."""
    small = not is_capable(job.model.model)
    told = answered([*FIXED, *asked], drafting.answers)
    calls: list[Call] = []
    for number, angle in enumerate(ANGLES[: min(job.drafts, MOST_DRAFTS)]):
        messages = draft_messages(drafting.description, told, angle, small=small)
        if small and prefill:
            messages.append(Message("assistant", PREFILL))
        seed = job.seed * MOST_DRAFTS + number
        sampling = sampling_for(job.model, seed=seed, small=small, longest=LONGEST_DRAFT)
        about = {"for": "draft", "angle": angle.title, "number": number, "round": job.seed}
        calls.append(Call(tuple(messages), sampling, about, angle.title, sample=seed))
    return calls


def next_round(
    drafting: Drafting, asked: Sequence[Clarifying], job: DraftJob, replies: Replies, engine: Engine
) -> int:
    """The round to ask for: the last one where some of its drafts are missing, else one more."""
    rows = [row for row in replies.answered().values() if row.get("for") == "draft"]
    last = max((int(row.get("round") or 0) for row in rows), default=-1)
    if last < 0:
        return 0
    calls = draft_calls(drafting, asked, replace(job, seed=last), prefill=engine.can_prefill)
    size = size_of(calls, replies, job.model, engine, None)
    return last if 0 < size.missing < size.planned else last + 1


def asking_round(replies: Replies) -> int:
    """How often questions were asked already."""
    return sum(row.get("for") == "questions" for row in replies.answered().values())


def asking_calls(drafting: Drafting, job: DraftJob) -> list[Call]:
    """The one call for questions about this description."""
    told = answered(FIXED, drafting.answers)
    small = not is_capable(job.model.model)
    sampling = sampling_for(job.model, seed=job.seed, small=small, longest=LONGEST_QUESTIONS)
    messages = tuple(asking_messages(drafting.description, told))
    about = {"for": "questions", "round": job.seed}
    return [Call(messages, sampling, about, "Questions about it", sample=job.seed)]


def asked_in(replies: Replies) -> Asked:
    """The questions that a model asked last about a description; none before that."""
    rows = [row for row in replies.answered().values() if row.get("for") == "questions"]
    return read_asked(str(rows[-1].get("text", ""))) if rows else Asked()


def drafts_in(drafting: Drafting, replies: Replies) -> list[Draft]:
    """The draft from one's own words first, then each that a model wrote, in the order they came."""
    asked = asked_in(replies).questions
    own = from_own_words(drafting.description, drafting.answers, [*FIXED, *asked])
    rows = [row for row in replies.answered().values() if row.get("for") == "draft"]
    return [own, *(_draft(row) for row in sorted(rows, key=_place))]


def _place(row: Row) -> tuple[int, int]:
    return int(row.get("round") or 0), int(row.get("number") or 0)


def _draft(row: Row) -> Draft:
    draft = read_draft(
        str(row.get("text", "")), angle=titled(row), by=str(row.get("model", "")), key=str(row["key"])
    )
    if row.get("finish_reason") != "length":
        return draft
    return Draft(
        draft.angle,
        draft.by,
        draft.summary,
        draft.traits,
        (*draft.unusable, ("The end of this draft", CUT_OFF)),
        draft.exchanges,
        draft.key,
    )


def titled(row: Mapping[str, object]) -> str:
    """What a draft's card is called: its angle, and which time it was asked for."""
    number = int(str(row.get("round") or 0))
    return f"{row.get('angle', '')}" + (f" ({number + 1})" if number else "")


def failures_in(replies: Replies, purpose: str) -> list[tuple[str, str]]:
    """The calls of the last asking that have no answer: what was asked for, and why it failed."""
    rows = [row for row in replies.rows().values() if row.get("for") == purpose]
    if not rows:
        return []
    last = max(rows, key=lambda row: float(row.get("at") or 0))
    together = [row for row in rows if all(row.get(name) == last.get(name) for name in ("round", "model"))]
    return [(str(row.get("label", "")), str(row["failed"])) for row in together if "failed" in row]
