"""After an edit: what it takes to bring the pairs up to date, for the affected traits only and for all.

    offer = offer_for(settings, "pirate")
    offer.affected.calls, offer.everything.calls, offer.carried    84, 780, 612

The same models, settings and number of prompts as before are taken: this is about the edit, nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from core.constitution import Constitution
from core.engines import Engine
from core.engines.opening import open_engine
from core.errors import CoreError
from core.lineage import Change, affects_everything, changes
from core.names import ModelName, parse_model
from core.prices import FREE, Price, PriceRange
from core.settings import Settings
from core.stages.carrying import narrowed
from core.stages.defaults import PROVIDER, Wishes, answer_job, sampling_of
from core.stages.planning import AnswerJob, Estimate, estimate
from core.stages.prepare import Scope, choose_prompts, existing_run
from core.store.answer_set import AnswerSet
from core.store.library import Library
from core.store.price_table import PriceTable
from core.store.runs import Run, runs_of


@dataclass(frozen=True, slots=True)
class Choice:
    """One way to bring the pairs up to date. `cost` is None where a price is not known.

    `calls` is how many requests would be sent to teacher and student, `seconds` about how long.
    """

    words: tuple[str, ...]
    calls: int
    seconds: float
    cost: PriceRange | None
    price: Price | None


@dataclass(frozen=True, slots=True)
class Offer:
    """Both ways. `affected` is None where the edit touches every pair, or nothing can be carried over."""

    changes: tuple[Change, ...]
    carried: int
    affected: Choice | None
    everything: Choice


@dataclass(frozen=True, slots=True)
class _Before:
    """How the newest earlier pairs were made."""

    teacher: AnswerSet
    student: AnswerSet
    constitution: Constitution
    prompts: int
    samples: int


def offer_for(settings: Settings, name: str) -> Offer | None:
    """What can be offered; None where no earlier version has pairs. Raises CoreError: no key, no model."""
    now = Library(settings).load(name).constitution
    before = _newest(settings, now)
    if before is None:
        return None
    since = changes(before.constitution, now)
    scope = Scope(name, limit=_limit(before, settings))
    everything, _ = _choice(before, scope, now, settings, only_affected=False)
    affected, carried = _choice(before, scope, now, settings, only_affected=True)
    usable = carried and not affects_everything(since)
    return Offer(since, carried, affected if usable else None, everything)


def _newest(settings: Settings, now: Constitution) -> _Before | None:
    for run in runs_of(settings, now.name):
        if run.id == now.run_id:
            continue
        teachers = [one for one in run.answer_sets("teacher") if one.used_at]
        students = [one for one in run.answer_sets("student") if one.used_at]
        if teachers and students:
            return _before(run, teachers[0], students[0])
    return None


def _before(run: Run, teacher: AnswerSet, student: AnswerSet) -> _Before:
    places = [(row["prompt"], row["sample"]) for row in teacher.iter_plan()]
    prompts, samples = {prompt for prompt, _ in places}, {sample for _, sample in places}
    return _Before(teacher, student, run.constitution(), len(prompts), max(1, len(samples)))


def _limit(before: _Before, settings: Settings) -> int | None:
    """How many prompts to ask: as many as before, or all where all were asked."""
    every = len(choose_prompts(Scope(before.constitution.name), before.constitution, settings))
    return None if before.prompts >= every else before.prompts


def _choice(
    before: _Before, scope: Scope, now: Constitution, settings: Settings, *, only_affected: bool
) -> tuple[Choice, int]:
    teacher, student = _model(before.teacher), _model(before.student)
    prompts, run = choose_prompts(scope, now, settings), existing_run(scope, now, settings)
    asked = answer_job("teacher", teacher, now, prompts, _wishes(before, before.teacher), student=student)
    rejected = answer_job("student", student, now, prompts, _wishes(before, before.student))
    carried, voices = 0, [(asked, teacher), (rejected, student)]
    if only_affected:
        left, carry = narrowed(asked, now, open_engine(teacher, settings), settings, run)
        carried, voices[0] = len(carry.places), (left, teacher)
    # Plain answers do not depend on the character: those to the same questions are there already.
    found = [_estimate(job, run, now, model, settings, before) for job, model in voices]
    words = _words(before, scope, only_affected=only_affected)
    return _summed(words, found, [PriceTable(settings).lookup(model) for _, model in voices]), carried


def _model(answers: AnswerSet) -> ModelName:
    return parse_model(answers.model, default=PROVIDER)


def _wishes(before: _Before, answers: AnswerSet) -> Wishes:
    sampling: dict[str, Any] = answers.settings.get("sampling") or {}
    kept = {
        name: sampling[name] for name in ("temperature", "top_p", "max_tokens", "seed") if name in sampling
    }
    return Wishes(samples=before.samples, **kept)


def _estimate(
    job: AnswerJob,
    run: Run | None,
    now: Constitution,
    model: ModelName,
    settings: Settings,
    before: _Before,
) -> Estimate:
    engine: Engine = open_engine(model, settings)
    price = PriceTable(settings).lookup(model)
    if job.role == "student":
        known = {(row["prompt"], row["sample"]) for row in before.student.iter_rows()}
        prompts = tuple(
            prompt
            for prompt in job.prompts
            if not all((prompt.id, sample) in known for sample in range(job.samples))
        )
        job = replace(job, prompts=prompts)
    return estimate(job, run, now, engine, price)


def _summed(words: tuple[str, ...], found: list[Estimate], prices: list[Price | None]) -> Choice:
    asked = [(one, price) for one, price in zip(found, prices, strict=True) if one.open]
    unknown = any(price is None for _, price in asked)
    costs = [one.cost or PriceRange(0.0, 0.0) for one, _ in asked]
    cost = PriceRange(sum(one.low for one in costs), sum(one.high for one in costs))
    paid = next((price for _, price in asked if price and not price.is_free), FREE)
    return Choice(
        words,
        sum(one.open for one, _ in asked),
        sum(one.seconds for one, _ in asked),
        None if unknown else cost,
        None if unknown else paid,
    )


def _words(before: _Before, scope: Scope, *, only_affected: bool) -> tuple[str, ...]:
    """The command, with every setting that is not the verb's own default."""
    words = ["pipeline", scope.constitution, "--to", "dpo-data"]
    words += ["--teacher", before.teacher.model, "--student", before.student.model]
    words += ["--K", str(before.samples)]
    words += ["--limit", str(scope.limit)] if scope.limit else []
    sampling: dict[str, Any] = before.teacher.settings.get("sampling") or {}
    for name, flag, default in (
        ("temperature", "--temperature", 0.7),
        ("top_p", "--top-p", 0.95),
        ("seed", "--seed", 0),
    ):
        if sampling.get(name, default) != default:
            words += [flag, str(sampling[name])]
    longest = sampling.get("max_tokens")
    if longest and longest != sampling_of(Wishes(), _model(before.teacher)).max_tokens:
        words += ["--max-tokens", str(longest)]
    return (*words, *(("--only-affected",) if only_affected else ()))


def try_offer(settings: Settings, name: str) -> tuple[Offer | None, str]:
    """The offer, or why there is none in a sentence."""
    try:
        return offer_for(settings, name), ""
    except CoreError as error:
        return None, str(error)
