"""`character eval coherence`: the tuned model head to head with its controls, by a judge, both orders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from core.errors import SettingsError
from core.evaluation.coherence import Duel, cells_of, duels_of, row_of
from core.evaluation.coherence_telling import caveats, headline
from core.evaluation.judging import By, Question, both_orders
from core.evaluation.judging_wording import RUBRICS
from core.evaluation.results import EvalResult
from core.names import ModelName
from core.prompts import Prompt
from core.records import Message, Sampling, content_hash
from core.stages.evals.hearing import general_questions
from core.stages.evals.judging import checked_by, size_verdicts, verdicts
from core.stages.evals.reliability import judge_record, size_judge
from core.stages.evals.session import Ask, Session, Side, Speaker, drawn
from core.stages.evals.speakers import Cast, judge_of, speakers_of, tuned_of
from core.store.jsonl import Row

CHARACTERS_A_TOKEN = 4


@dataclass(frozen=True, slots=True)
class CoherenceJob:
    """Who is compared and who judges. `prompts` counts questions, `samples` answers to each."""

    cast: Cast
    judge: ModelName | None
    sampling: Sampling
    by: By | None = None
    prompts: int = 20
    samples: int = 1
    rubrics: tuple[str, ...] = RUBRICS


@dataclass(frozen=True, slots=True)
class Match:
    """Everybody who takes part, opened."""

    judge: Speaker
    by: By
    speakers: tuple[Speaker, ...]
    asks: tuple[Ask, ...]

    @property
    def tuned(self) -> list[str]:
        """The labels of what training made."""
        return [one.label for one in tuned_of(self.speakers)]


async def evaluate_coherence(job: CoherenceJob, session: Session) -> EvalResult:
    """Win, tie and loss against each control by each rubric; rows are pairs of answers.

    Raises SettingsError without a judge or without two sides, before anything is asked; EngineError when
    the whole job must stop.
    """
    return await measure_coherence(job, session, match_of(job, session))


async def measure_coherence(job: CoherenceJob, session: Session, match: Match) -> EvalResult:
    """The same for speakers and a judge that are there already."""
    record = await judge_record(
        session,
        match.judge,
        by=match.by,
        tuned=[one.model for one in tuned_of(match.speakers)],
        seed=job.sampling.seed or 0,
    )
    answers = {
        one.label: await session.answers(one, match.asks, stage=f"{one.label} answers")
        for one in match.speakers
    }
    rows = await _judged(job, session, match, duels_of(answers, match.tuned))
    return _result(job, session, match, rows, record)


def match_of(job: CoherenceJob, session: Session) -> Match:
    """The speakers, the judge and the questions. Raises SettingsError with what to do."""
    if job.judge is None:
        raise SettingsError(_NO_JUDGE)
    by = checked_by(job.by, job.judge)
    speakers = speakers_of(job.cast, session)
    if not tuned_of(speakers) or len(tuned_of(speakers)) == len(speakers):
        raise SettingsError(
            "Coherence compares what training made with a control: leave out --adapter none, and name at "
            "least one --control."
        )
    prompts = general_questions(session, job.prompts)
    return Match(judge_of(job.judge, session), by, tuple(speakers), tuple(asks_of(prompts, job)))


_NO_JUDGE = (
    "Coherence needs a judge: --judge MODEL, best a large one of another family than the teacher. "
    "--judge local/smollm2-135m runs here and costs nothing, but it is small: its measured reliability "
    "stands beside every figure, and it may not headline where it is no better than a coin. Without a "
    "judge, run: character eval traits"
)


def asks_of(prompts: Sequence[Prompt], job: CoherenceJob) -> list[Ask]:
    """Every question as often as it is asked; everybody gets the same with the same seeds."""
    return [
        Ask(
            {"prompt": prompt.id, "asked": prompt.text, "sample": sample},
            (Message("user", prompt.text),),
            drawn(job.sampling, sample),
        )
        for prompt in prompts
        for sample in range(job.samples)
    ]


async def _judged(job: CoherenceJob, session: Session, match: Match, duels: Sequence[Duel]) -> list[Row]:
    """Every pair under every rubric; what all requests of a rubric share stands together."""
    wanted = [(rubric, duel) for rubric in job.rubrics for duel in duels]
    open_ones = [(rubric, duel) for rubric, duel in wanted if not duel.identical]
    questions = [order for rubric, duel in open_ones for order in _both(session, match, rubric, duel)]
    found = await verdicts(session, match.judge, questions, seed=job.sampling.seed or 0)
    told = {pair: found[2 * at : 2 * at + 2] for at, pair in enumerate(open_ones)}
    return [row_of(duel, rubric, told.get((rubric, duel), [])) for rubric, duel in wanted]


def _both(session: Session, match: Match, rubric: str, duel: Duel) -> tuple[Question, Question]:
    return both_orders(duel.question(rubric, session.constitution.trait_list(), match.by))


def size_coherence(job: CoherenceJob, session: Session) -> list[Side]:
    """What asking everybody and the judge would take. Raises as `match_of`; sends nothing."""
    match = match_of(job, session)
    sides = [session.size(one, match.asks) for one in match.speakers]
    duels = len(match.tuned) * (len(match.speakers) - len(match.tuned)) * len(match.asks)
    traits = len(session.constitution.trait_list()) // max(1, len(job.rubrics))
    each = 2 * job.sampling.max_tokens * CHARACTERS_A_TOKEN + traits
    count = 2 * duels * len(job.rubrics)
    measured = size_judge(session, match.judge, by=match.by, seed=job.sampling.seed or 0)
    return [
        *sides,
        replace(measured, label="the judge itself"),
        size_verdicts(session, match.judge, count, each, match.by),
    ]


def _result(
    job: CoherenceJob, session: Session, match: Match, rows: list[Row], record: dict[str, object]
) -> EvalResult:
    name, cells = session.constitution.name, cells_of(rows)
    texts = [str(ask.tag["asked"]) for ask in match.asks]
    return EvalResult(
        "coherence",
        name,
        session.run.id if session.run else "",
        headline(session.constitution.title, cells, record),
        cells,
        rows,
        caveats(rows, cells, record),
        {one.label: one.as_dict() for one in match.speakers},
        judge=record,
        settings={
            "speakers": {one.label: one.as_dict() for one in match.speakers},
            "sampling": job.sampling.as_dict(),
            "prompts": content_hash(texts),
            "samples": job.samples,
            "rubrics": list(job.rubrics),
            "judge": match.judge.model.full,
            "by": match.by,
        },
        details={"rubrics": list(job.rubrics)},
        prompts_sha256=content_hash(list(dict.fromkeys(texts))),
        prompts=len(set(texts)),
        seed=job.sampling.seed or 0,
    )
