"""`character eval preferences`: what a model would rather be, before and after, from many small choices.

With a judge, each speaker answers under a system prompt that offers two words, and the judge says which of
them the answer shows. Without one, the model itself is asked by letter, and its probabilities are read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from core.errors import RunError
from core.evaluation.judging import TIE, Choice, Question, Verdict, ask_which_word, both_orders
from core.evaluation.judging_reliability import judge_caveats
from core.evaluation.preference_details import agreement_words, compared, details_of, main_speaker
from core.evaluation.preference_ranking import agreement, rank
from core.evaluation.preference_shifts import shifts
from core.evaluation.preference_telling import (
    Telling,
    caveats,
    cells_of,
    claim,
    headline,
)
from core.evaluation.preferences import (
    BOTH,
    Comparison,
    choice_messages,
    choice_row,
    choice_sampling,
    judged_row,
    messages_for,
)
from core.evaluation.results import BASE, KINDS, Cell, EvalResult
from core.records import content_hash
from core.stages.evals.judging import checked_by, size_verdicts, verdicts
from core.stages.evals.keeping import latest
from core.stages.evals.preference_plan import PART, Plan, PreferencesJob, planned
from core.stages.evals.reliability import judge_record, size_judge
from core.stages.evals.session import Ask, Session, Side, Speaker, drawn
from core.stages.evals.speakers import base_of, judge_of, tuned_of
from core.store.jsonl import Row, read_json
from core.store.runs import Run, run_folder

_TOKEN_CHARACTERS = 4


async def evaluate_preferences(
    job: PreferencesJob,
    session: Session,
    *,
    speakers: Sequence[Speaker] | None = None,
    judge: Speaker | None = None,
) -> EvalResult:
    """Every speaker's ranking and what moved; rows are its choices.

    `speakers` and `judge` are opened engines to ask in place of those that the job names.
    Raises SettingsError for words, prompts or a model that cannot serve, before anything is asked, and
    EngineError when the whole job must stop.
    """
    other = _other_result(job, session)
    plan, rows = planned(job, session, speakers=speakers), list[Row]()
    if judge is None and job.judge is not None:
        judge = judge_of(job.judge, session)
    record = await _record(job, session, plan, judge) if judge else None
    for speaker in plan.speakers:
        answered = (
            _judged(job, session, plan, speaker, judge) if judge else _chosen(job, session, plan, speaker)
        )
        rows += await answered
    return _result(job, session, plan, rows, other, record)


def size_preferences(job: PreferencesJob, session: Session) -> list[Side]:
    """What asking everybody, and the judge, would take. Raises as `evaluate_preferences`; sends nothing."""
    _other_result(job, session)
    plan = planned(job, session, fetch=False)
    if job.judge is None:
        return [session.size(one, _choice_asks(job, plan, one)) for one in plan.speakers]
    sides = [session.size(*_answer_asks(job, plan, one)) for one in plan.speakers]
    verdicts_wanted = 2 * len(plan.comparisons) * len(plan.speakers)
    each = job.sampling.max_tokens * _TOKEN_CHARACTERS // 2
    judge = judge_of(job.judge, session)
    return [
        size_judge(session, judge, by=job.judged_by, seed=job.sampling.seed or 0),
        *sides,
        size_verdicts(session, judge, verdicts_wanted, each, job.judged_by),
    ]


# ---- asking


def _answer_asks(job: PreferencesJob, plan: Plan, speaker: Speaker) -> tuple[Speaker, list[Ask]]:
    """The speaker as it is asked, and what. Its system prompt goes into each message, beside ours."""
    asks = [
        Ask(
            {"prompt": one.prompt, "asked": one.asked, "comparison": one.number, "sample": 0},
            messages_for(one, job.condition, speaker.opening),
            drawn(job.sampling, one.number),
        )
        for one in plan.comparisons
    ]
    return replace(speaker, opening=()), asks


async def _judged(
    job: PreferencesJob, session: Session, plan: Plan, speaker: Speaker, judge: Speaker | None
) -> list[Row]:
    """Answers, and the judge's verdicts on them in both orders of the words."""
    assert judge is not None
    bare, asks = _answer_asks(job, plan, speaker)
    answers = await session.answers(bare, asks)
    there = [(one, row) for one, row in zip(plan.comparisons, answers, strict=True) if row is not None]
    questions = [order for one, row in there for order in both_orders(_question(one, row))]
    by = checked_by(job.judged_by, judge.model)
    found = await verdicts(session, judge, questions, by=by, stage=f"verdicts on {speaker.label}")
    pairs = {one.number: found[2 * at : 2 * at + 2] for at, (one, _) in enumerate(there)}
    return [
        judged_row(one, row, pairs.get(one.number, list[Verdict]()), speaker.label)
        for one, row in zip(plan.comparisons, answers, strict=True)
    ]


async def _record(job: PreferencesJob, session: Session, plan: Plan, judge: Speaker) -> dict[str, Any]:
    """What is known of the judge, measured before it judges anything."""
    tuned = [one.model for one in tuned_of(plan.speakers)]
    return await judge_record(session, judge, by=job.judged_by, tuned=tuned, seed=job.sampling.seed or 0)


def _question(comparison: Comparison, answer: Row) -> Question:
    """Which word the answer shows, with "both" as a choice beside "neither"."""
    question = ask_which_word(str(answer["text"]), *comparison.words, seed_text=comparison.prompt)
    return replace(question, choices=(*question.choices, Choice(BOTH, "", TIE)))


def _choice_asks(job: PreferencesJob, plan: Plan, speaker: Speaker) -> list[Ask]:
    """Both orders of the words of every comparison."""
    return [
        Ask(
            {"prompt": one.prompt, "asked": one.asked, "comparison": one.number, "sample": 0},
            choice_messages(one, job.condition, swapped=swapped),
            choice_sampling(),
        )
        for one in plan.comparisons
        for swapped in (False, True)
    ]


async def _chosen(job: PreferencesJob, session: Session, plan: Plan, speaker: Speaker) -> list[Row]:
    answers = await session.answers(
        speaker, _choice_asks(job, plan, speaker), stage=f"{speaker.label} chooses"
    )
    return [
        choice_row(one, answers[2 * at : 2 * at + 2], speaker.label)
        for at, one in enumerate(plan.comparisons)
    ]


# ---- the result


def _result(
    job: PreferencesJob,
    session: Session,
    plan: Plan,
    rows: list[Row],
    other: EvalResult | None,
    record: dict[str, Any] | None,
) -> EvalResult:
    telling = _telling(job, session, plan, rows)
    result = EvalResult(
        PART,
        session.constitution.name,
        session.run.id if session.run else "",
        headline(telling, record),
        cells_of(telling),
        rows,
        [*_trained_caveat(plan), *(judge_caveats(record) if record else ()), *caveats(telling)],
        {one.label: one.as_dict() for one in plan.speakers},
        record,
        settings=_settings(job, plan),
        # What the judge may or may not say can change with people's votes.
        details=details_of(telling) | {"found": claim(telling)},
        prompts_sha256=content_hash([prompt.text for prompt in plan.prompts]),
        prompts=len({one.prompt for one in plan.comparisons}),
        seed=job.sampling.seed or 0,
    )
    if other is not None:
        _lay_beside(result, other)
    return result


def _telling(job: PreferencesJob, session: Session, plan: Plan, rows: list[Row]) -> Telling:
    seed, targets = (
        job.sampling.seed or 0,
        tuple(word for word in plan.words if word in _lower(job.targets)),
    )
    ranked = rank(rows, plan.words, [one.label for one in plan.speakers], job.by, seed)
    base = base_of(plan.speakers)
    tuned = [one.label for one in tuned_of(plan.speakers)] if base else []
    return Telling(
        session.constitution.name,
        job.by,
        job.condition,
        plan.words,
        targets,
        ranked,
        {label: shifts(ranked[BASE], ranked[label], targets, seed) for label in tuned},
        {label: agreement(ranked[BASE], ranked[label], seed) for label in tuned},
    )


def _lower(words: Sequence[str]) -> set[str]:
    return {part for word in words for part in word.lower().replace(",", " ").split()}


def _settings(job: PreferencesJob, plan: Plan) -> dict[str, object]:
    return {
        "speakers": {one.label: one.as_dict() for one in plan.speakers},
        "by": job.by,
        "judge": job.judge.label if job.judge else None,
        "judged_by": checked_by(job.judged_by, job.judge) if job.judge else None,
        "condition": job.condition,
        "words": list(plan.words),
        "targets": sorted(_lower(job.targets)),
        "comparisons": len(plan.comparisons),
        "prompts": content_hash([prompt.text for prompt in plan.prompts]),
        "sampling": job.sampling.as_dict() if job.judge else None,
        "seed": job.sampling.seed,
        "compare": job.compare,
    }


def _trained_caveat(plan: Plan) -> list[str]:
    if not plan.trained:
        return []
    return [f"{plan.trained} of the prompts were trained on and are left out."]


# ---- another model's result beside it


def _other_result(job: PreferencesJob, session: Session) -> EvalResult | None:
    """The result to be laid beside, None where none is wished. Raises RunError when there is none."""
    if job.compare is None:
        return None
    path = Path(job.compare)
    if path.suffix == ".json":
        value = read_json(path)
        if not value or value.get("kind") not in KINDS:
            raise RunError(f"{path} is no result of an evaluation; name a run, or its result.json.")
        return EvalResult.from_dict(value)
    found = latest(Run(run_folder(session.settings, job.compare)), PART, rows=False)
    if found is None:
        raise RunError(
            f"Run {job.compare} has no result of preferences yet. Make one first: character eval "
            f"preferences --run {job.compare} --constitution NAME"
        )
    return found


def _lay_beside(result: EvalResult, other: EvalResult) -> None:
    """Add how far both models rank their common words alike."""
    found, words = compared(result, other)
    told = agreement_words(found)
    result.details["compared"] = told | {"run": other.run, "words": words}
    result.cells.append(
        Cell(
            "agreement",
            told["value"],
            told["low"],
            told["high"],
            len(words),
            "rank",
            speaker=main_speaker(result),
            versus=other.run,
            note=told["sentence"],
        )
    )
    result.caveats.insert(0, f"Beside run {other.run}: {told['sentence']}")
