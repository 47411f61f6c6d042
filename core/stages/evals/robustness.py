"""`character eval robustness`: the same questions plainly, with requests to drop the role, in formats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.evaluation import robustness
from core.evaluation.classifier import Classifier
from core.evaluation.in_character import heard, no_verdict
from core.evaluation.results import EvalResult, in_order
from core.evaluation.variants import Variant, variants_of
from core.prompts import Prompt
from core.records import Message, Sampling, content_hash
from core.stages.evals.classifying import WORDS, ClassifierChoice, check_pairs, classifier_of
from core.stages.evals.hearing import general_questions, settings_of, told_row
from core.stages.evals.session import Ask, Session, Side, Speaker
from core.stages.evals.speakers import Cast, speakers_of, tuned_of
from core.store.jsonl import Row


@dataclass(frozen=True, slots=True)
class RobustnessJob:
    """What is asked of whom. `prompts` counts questions; no `variants`: all of them."""

    cast: Cast
    sampling: Sampling
    prompts: int = 20
    variants: tuple[str, ...] = ()
    classifier: ClassifierChoice = WORDS


async def evaluate_robustness(job: RobustnessJob, session: Session) -> EvalResult:
    """How often each speaker is in character in each variant; rows are its answers.

    Raises RunError where the classifier has too little to learn from, before anything is asked, and
    EngineError, SettingsError, ModelError as asking does.
    """
    return await measure_robustness(job, session, speakers_of(job.cast, session))


async def measure_robustness(
    job: RobustnessJob, session: Session, speakers: Sequence[Speaker]
) -> EvalResult:
    """The same for speakers that are there already; the job's cast is not looked at."""
    variants, prompts = variants_of(job.variants), general_questions(session, job.prompts)
    classifier = classifier_of(job.classifier, session, asked=[prompt.text for prompt in prompts])
    rows: list[Row] = []
    for speaker in speakers:
        answers = await session.answers(speaker, asks_of(prompts, variants, job.sampling))
        rows += [row | {"speaker": speaker.label} for row in answers if row is not None]
    return _result(job, session, speakers, variants, prompts, classifier, rows)


def size_robustness(job: RobustnessJob, session: Session) -> list[Side]:
    """What asking everybody would take. Raises as `evaluate_robustness`, sends nothing."""
    check_pairs(session)
    variants, prompts = variants_of(job.variants), general_questions(session, job.prompts)
    return [
        session.size(speaker, asks_of(prompts, variants, job.sampling))
        for speaker in speakers_of(job.cast, session)
    ]


def asks_of(prompts: Sequence[Prompt], variants: Sequence[Variant], sampling: Sampling) -> list[Ask]:
    """Every question in every variant, one question after the other: servers keep a beginning in mind."""
    return [
        Ask(
            {
                "prompt": prompt.id,
                "asked": (asked := variant.asked(prompt.text)),
                "group": variant.id,
                "sample": 0,
            },
            (Message("user", asked),),
            sampling,
        )
        for prompt in prompts
        for variant in variants
    ]


def _result(
    job: RobustnessJob,
    session: Session,
    speakers: Sequence[Speaker],
    variants: Sequence[Variant],
    prompts: Sequence[Prompt],
    classifier: Classifier,
    answers: Sequence[Row],
) -> EvalResult:
    name = session.constitution.name
    labels, tuned = in_order(one.label for one in speakers), [one.label for one in tuned_of(speakers)]
    rows = heard(map(told_row, answers), classifier, name)
    cells = robustness.cells_of(rows, labels, variants, classifier)
    headline = robustness.headline(session.constitution.title, cells, tuned, variants)
    return EvalResult(
        "robustness",
        name,
        session.run.id if session.run else "",
        no_verdict(session.constitution.title, classifier) or headline,
        cells,
        rows,
        robustness.caveats(name, cells, classifier, variants, job.sampling.max_tokens),
        {one.label: one.as_dict() for one in speakers},
        settings=settings_of(job, speakers, prompts) | {"variants": [variant.id for variant in variants]},
        details={
            "classifier": classifier.as_dict(),
            "variants": [
                {"id": one.id, "kind": one.kind, "title": one.title, "added": one.added} for one in variants
            ],
        },
        prompts_sha256=content_hash([prompt.text for prompt in prompts]),
        prompts=len(prompts),
        seed=job.sampling.seed or 0,
    )
