"""The verbs that ask models: teacher, student, and the pipeline of both with the pairs they make."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from core.cli.options import (
    affected_options,
    budget_option,
    data_option,
    dry_run_option,
    json_option,
    provider_option,
    routing_options,
    run_option,
    sampling_options,
    scope_options,
    teacher_options,
)
from core.cli.output import Result, finish, merge, say
from core.cli.pairs import pairs_of
from core.cli.select import names_of
from core.cli.telling import figures_of, how_it_went, reporter
from core.cli.whole import is_whole, whole_options, whole_way
from core.constitution import Constitution
from core.engines import Engine
from core.engines.opening import open_engine
from core.engines.routing import Routing
from core.names import ModelName, parse_model
from core.prices import estimate_words
from core.settings import Settings, load_settings
from core.spending import Ledger
from core.stages.answers import AnswerJob, Role, Tally, answer, estimate
from core.stages.asking import bulk_of
from core.stages.carrying import narrowed
from core.stages.defaults import PROVIDER, Wishes, answer_job, model_of
from core.stages.distillation import refresh_distillation
from core.stages.dpo_data import PairJob
from core.stages.prepare import Scope, choose_prompts, existing_run, load_character, run_of
from core.stages.pricing import current_price
from core.store.price_table import PriceTable


@dataclass(frozen=True, slots=True)
class Asked:
    """What the flags of a teacher or student verb say."""

    scope: Scope
    wishes: Wishes
    model: str | None
    provider: str | None
    dry_run: bool
    student: str | None
    routing: Routing
    ledger: Ledger
    only_affected: bool = False


@click.command("teacher")
@click.option("--model", help="Who plays the character [openrouter/z-ai/glm-4.5-air].")
@click.option("--student", help="The model to be trained: the teacher answers under its name.")
@scope_options
@sampling_options
@teacher_options
@affected_options
@provider_option
@routing_options
@budget_option
@dry_run_option
@data_option
@json_option
def teacher(as_json: bool, data: Path | None, **flags: Any) -> None:
    """A model plays the character: the chosen side of every pair."""
    _answer_verb(
        "teacher", _asked("teacher", flags, Ledger(flags["budget"])), load_settings(data=data), as_json
    )


@click.command("student")
@click.option("--model", help="The model to be trained [meta-llama/llama-3.3-70b-instruct].")
@scope_options
@sampling_options
@provider_option
@routing_options
@budget_option
@dry_run_option
@data_option
@json_option
def student(as_json: bool, data: Path | None, **flags: Any) -> None:
    """The student answers as it always does: the rejected side of every pair."""
    _answer_verb(
        "student", _asked("student", flags, Ledger(flags["budget"])), load_settings(data=data), as_json
    )


def _asked(role: Role, flags: dict[str, Any], ledger: Ledger) -> Asked:
    """What the flags say; one ledger serves all stages and characters of a command."""
    wishes = Wishes(**{name: flags[name] for name in Wishes.__slots__ if name in flags})
    scope = _scope(flags)
    if flags.get("traits"):
        scope = replace(scope, traits=tuple(flags["traits"].replace(",", " ").split()))
    return Asked(
        scope,
        wishes,
        flags["model"],
        flags["provider"],
        flags["dry_run"],
        flags.get("student"),
        _routing(role, flags),
        ledger,
        role == "teacher" and bool(flags.get("only_affected")),
    )


def _routing(role: Role, flags: dict[str, Any]) -> Routing:
    wished = flags["distillable"]
    # A student is trained on what its teacher says: by default only where the licence allows that.
    distillable = role == "teacher" if wished is None else wished
    return Routing(tuple(flags["only_provider"]), tuple(flags["quantization"]), distillable)


def _scope(flags: dict[str, Any]) -> Scope:
    return Scope(
        flags["constitution"], flags["run_id"], flags["prompts_file"], flags["general"], flags["limit"]
    )


def _answer_verb(role: Role, asked: Asked, settings: Settings, as_json: bool) -> None:
    result = Result(role)
    for name in names_of(asked.scope.constitution, settings):
        one = replace(asked, scope=replace(asked.scope, constitution=name))
        merge(result, _answer_one(role, one, settings))
    finish(result, as_json=as_json)


def _answer_one(role: Role, asked: Asked, settings: Settings) -> Result:
    constitution = load_character(asked.scope, settings)
    model = model_of(role, asked.model, asked.provider)
    trained = _model(asked.student, asked.provider) if asked.student else None
    prompts = choose_prompts(asked.scope, constitution, settings)
    job = answer_job(role, model, constitution, prompts, asked.wishes, student=trained)
    job = replace(job, only_affected=asked.only_affected)
    engine = open_engine(model, settings, asked.routing)
    if asked.dry_run:
        return _dry_run(job, asked.scope, constitution, engine, settings)
    tally = _run_answers(job, asked, constitution, engine, settings)
    return _answer_result(job, asked.scope, constitution, tally, settings)


def _run_answers(
    job: AnswerJob, asked: Asked, constitution: Constitution, engine: Engine, settings: Settings
) -> Tally:
    run = run_of(asked.scope, constitution, settings)
    report = reporter(job.role)

    async def go() -> Tally:
        try:
            price = await current_price(job.model, settings)
            bulk = bulk_of(job, engine, ledger=asked.ledger, price=price)
            tally = await answer(job, run, engine, settings, bulk=bulk, on_progress=report)
            refresh_distillation(run, settings)
            return tally
        finally:
            await engine.close()

    return asyncio.run(go())


def _answer_result(
    job: AnswerJob, scope: Scope, constitution: Constitution, tally: Tally, settings: Settings
) -> Result:
    run = run_of(scope, constitution, settings)
    folder = run.answer_sets(job.role, job.model.label)[0].folder
    what = f"{job.role} {job.model.full} as {constitution.name}"
    say(how_it_went(what, "answers", job.model.model, tally))
    return Result(
        job.role,
        status="incomplete" if tally.failed or tally.left_out else "done",
        run=run.id,
        planned=tally.planned,
        done=tally.done,
        failed=tally.failed,
        requests=tally.requests,
        files=[str(folder / "rows.jsonl")],
        cost_usd=tally.cost_usd,
        seconds=tally.seconds,
        more=figures_of(tally),
    )


def _dry_run(
    job: AnswerJob, scope: Scope, constitution: Constitution, engine: Engine, settings: Settings
) -> Result:
    price = PriceTable(settings).lookup(job.model)
    run = existing_run(scope, constitution, settings)
    carried = 0
    if job.only_affected:
        job, carry = narrowed(job, constitution, engine, settings, run)
        carried = len(carry.places)
        say(f"{carried} answers of earlier versions are carried over: their traits read as before.")
    found = estimate(job, run, constitution, engine, price)
    low, high = found.cost or (0.0, 0.0)
    say(
        f"{job.role} {job.model.full} as {constitution.name}: {found.planned} answers planned, "
        f"{found.planned - found.open} there, {found.open} calls to send; about "
        f"{found.prompt_tokens:,} tokens in and at most {found.completion_tokens:,} out; "
        f"about {max(1, round(found.seconds / 60))} minutes; {estimate_words(low, high, price)}."
    )
    return Result(
        job.role,
        status="done",
        run=scope.run or constitution.run_id,
        planned=found.planned,
        done=found.planned - found.open,
        more={
            "dry_run": True,
            "carried": carried,
            "calls": found.open,
            "prompt_tokens": found.prompt_tokens,
            "completion_tokens": found.completion_tokens,
            "estimated_seconds": round(found.seconds),
            "estimated_usd_low": low if price else None,
            "estimated_usd_high": high if price else None,
        },
    )


PAIRS = ("teacher", "student", "dpo-data")


@click.command("pipeline")
@click.argument("name")
@whole_options
@click.option("--teacher", "teacher_model", default="local/smollm2-135m", show_default=True)
@click.option("--student", "student_model", default="local/smollm2-135m", show_default=True)
@click.option(
    "--max-length", type=click.IntRange(min=16), default=1024, show_default=True, help="Tokens a side."
)
@click.option("--validation", type=click.FloatRange(0, 0.5), default=0.1, show_default=True)
@run_option
@click.option("--prompts", "prompts_file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--general/--no-general", default=True, show_default=True)
@click.option("--limit", type=click.IntRange(min=1), help="Only the first N prompts.")
@sampling_options
@teacher_options
@affected_options
@provider_option
@routing_options
@budget_option
@dry_run_option
@data_option
@json_option
def pipeline(name: str, data: Path | None, as_json: bool, **flags: Any) -> None:
    """Several stages in one go, resumable at every row: pairs, or the whole way to a report.

    Without --preset: teacher, student, pairs. With it, or with a stage beyond the pairs, everything from
    more prompts to the report, under one limit; --dry-run shows the price of it all.
    """
    settings = load_settings(data=data)
    flags["constitution"] = name
    if is_whole(flags):
        finish(whole_way(flags, settings, data), as_json=as_json)
    first, last = flags["first"] or PAIRS[0], flags["last"] or PAIRS[-1]
    stages = PAIRS[PAIRS.index(first) : PAIRS.index(last) + 1]
    if not stages:
        raise click.UsageError(f"--from {first} comes after --to {last}.")
    flags["samples"] = flags["samples"] or _samples_of_both(flags)
    result, ledger = Result("pipeline"), Ledger(flags["budget"])
    for stage in stages:
        merge(result, _pipeline_stage(stage, flags, ledger, settings))
    finish(result, as_json=as_json)


def _samples_of_both(flags: dict[str, Any]) -> int:
    """One K for both, or answers of one side would find no partner: 1 where either runs here."""
    models = [_model(flags[f"{side}_model"], flags["provider"]) for side in ("teacher", "student")]
    return 1 if any(model.provider == "local" for model in models) else 5


def _pipeline_stage(stage: str, flags: dict[str, Any], ledger: Ledger, settings: Settings) -> Result:
    if stage == "teacher":
        models = {"model": flags["teacher_model"], "student": flags["student_model"]}
        return _answer_one("teacher", _asked("teacher", flags | models, ledger), settings)
    if stage == "student":
        models = {"model": flags["student_model"], "student": None}
        return _answer_one("student", _asked("student", flags | models, ledger), settings)
    if flags["dry_run"]:
        return Result("dpo-data")
    job = PairJob(
        teacher=_model(flags["teacher_model"], flags["provider"]).label,
        student=_model(flags["student_model"], flags["provider"]).label,
        max_length=flags["max_length"],
        validation=flags["validation"],
        seed=flags["seed"],
    )
    return pairs_of(_scope(flags), job, settings)


def _model(name: str, provider: str | None) -> ModelName:
    return parse_model(name, provider=provider, default=PROVIDER)


COMMANDS = (teacher, student, pipeline)
