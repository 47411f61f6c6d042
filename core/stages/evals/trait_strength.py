"""How strongly each trait shows, graded by a judge beside what the classifier hears."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from core.evaluation.judging import Question
from core.evaluation.traits import STRENGTH, strength_question, strength_score
from core.names import ModelName
from core.stages.evals.judging import size_verdicts, verdicts
from core.stages.evals.reliability import judge_record, size_judge
from core.stages.evals.session import Session, Side, Speaker
from core.stages.evals.speakers import judge_of, tuned_of

CHARACTERS_A_TOKEN = 4


async def graded(
    session: Session,
    judge: ModelName,
    speakers: Sequence[Speaker],
    rows: Sequence[dict[str, Any]],
    sentences: Mapping[str, str],
    seed: int,
) -> dict[str, Any]:
    """Put the judge's grade into the scores of every row of a trait; the judge's record comes back.

    A row whose verdict is unscored gets no grade and the reason under "unscored". Raises as
    `Session.answers`.
    """
    speaker = judge_of(judge, session)
    tuned = [one.model for one in tuned_of(speakers)]
    record = await judge_record(session, speaker, by="text", tuned=tuned, seed=seed)
    about = [row for row in rows if row["kind"] == "trait"]
    questions = [_question(row, sentences) for row in about]
    for row, verdict in zip(about, await verdicts(session, speaker, questions, seed=seed), strict=True):
        score = strength_score(verdict.choice)
        if score is None:
            row["unscored"] = verdict.reason
        else:
            row["scores"][STRENGTH] = score
    return record


def _question(row: Mapping[str, Any], sentences: Mapping[str, str]) -> Question:
    return strength_question(str(row["asked"]), str(row["text"]), sentences[str(row["trait"])])


def size_graded(session: Session, judge: ModelName, answers: int, max_tokens: int, seed: int) -> list[Side]:
    """What measuring the judge and grading so many answers would take; sends nothing."""
    speaker = judge_of(judge, session)
    each = max_tokens * CHARACTERS_A_TOKEN
    return [
        size_judge(session, speaker, by="text", seed=seed),
        size_verdicts(session, speaker, answers, each, "text"),
    ]
