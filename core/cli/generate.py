"""The verbs that make data: prompts, teacher, student, dpo-data, pipeline."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from core.cli.options import (
    data_option,
    dry_run_option,
    json_option,
    provider_option,
    run_option,
    sampling_options,
    scope_options,
    teacher_options,
)
from core.cli.output import Bar, Result, finish, funnel_lines, say
from core.constitution import Constitution
from core.engines import Engine
from core.engines.opening import open_engine
from core.errors import SettingsError
from core.expansion import Mix
from core.jobs import ProgressReporter
from core.names import ModelName, parse_model, safe_slug
from core.records import Sampling
from core.settings import Settings, load_settings
from core.stages.answers import AnswerJob, Role, Tally, answer, estimate
from core.stages.defaults import Wishes, answer_job, model_of
from core.stages.dpo_data import Funnel, PairJob, make_pairs
from core.stages.expand import ExpansionReport, expand
from core.stages.prepare import Scope, choose_prompts, existing_run, load_character, run_of
from core.store.library import Library


@dataclass(frozen=True, slots=True)
class Asked:
    """What the flags of a teacher or student verb say."""

    scope: Scope
    wishes: Wishes
    model: str | None
    provider: str | None
    dry_run: bool
    student: str | None = None


@click.command("teacher")
@click.option("--model", help="Who plays the character [openrouter/z-ai/glm-4.5-air].")
@click.option("--student", help="The model to be trained: the teacher answers under its name.")
@scope_options
@sampling_options
@teacher_options
@provider_option
@dry_run_option
@data_option
@json_option
def teacher(as_json: bool, data: Path | None, **flags: Any) -> None:
    """A model plays the character: the chosen side of every pair."""
    _answer_verb("teacher", _asked(flags), load_settings(data=data), as_json)


@click.command("student")
@click.option("--model", help="The model to be trained [meta-llama/llama-3.3-70b-instruct].")
@scope_options
@sampling_options
@provider_option
@dry_run_option
@data_option
@json_option
def student(as_json: bool, data: Path | None, **flags: Any) -> None:
    """The student answers as it always does: the rejected side of every pair."""
    _answer_verb("student", _asked(flags), load_settings(data=data), as_json)


def _asked(flags: dict[str, Any]) -> Asked:
    wishes = Wishes(**{name: flags[name] for name in Wishes.__slots__ if name in flags})
    return Asked(
        _scope(flags), wishes, flags["model"], flags["provider"], flags["dry_run"], flags.get("student")
    )


def _scope(flags: dict[str, Any]) -> Scope:
    return Scope(
        flags["constitution"], flags["run_id"], flags["prompts_file"], flags["general"], flags["limit"]
    )


def _answer_verb(role: Role, asked: Asked, settings: Settings, as_json: bool) -> None:
    result = Result(role)
    for name in _names(asked.scope.constitution, settings):
        one = _with_name(asked, name)
        _merge(result, _answer_one(role, one, settings))
    finish(result, as_json=as_json)


def _names(constitution: str, settings: Settings) -> list[str]:
    if constitution != "all":
        return [constitution]
    return [entry.name for entry in Library(settings).names()]


def _with_name(asked: Asked, name: str) -> Asked:
    scope = Scope(name, asked.scope.run, asked.scope.prompts_file, asked.scope.general, asked.scope.limit)
    return Asked(scope, asked.wishes, asked.model, asked.provider, asked.dry_run, asked.student)


def _answer_one(role: Role, asked: Asked, settings: Settings) -> Result:
    constitution = load_character(asked.scope, settings)
    model = model_of(role, asked.model, asked.provider)
    trained = parse_model(asked.student, provider=asked.provider or "openrouter") if asked.student else None
    prompts = choose_prompts(asked.scope, constitution, settings)
    job = answer_job(role, model, constitution, prompts, asked.wishes, student=trained)
    engine = open_engine(model, settings)
    if asked.dry_run:
        return _dry_run(job, asked.scope, constitution, engine, settings)
    tally = _run_answers(job, asked.scope, constitution, engine, settings)
    return _answer_result(job, asked.scope, constitution, tally, settings)


def _run_answers(
    job: AnswerJob, scope: Scope, constitution: Constitution, engine: Engine, settings: Settings
) -> Tally:
    run = run_of(scope, constitution, settings)
    report = _reporter(job.role)

    async def go() -> Tally:
        try:
            return await answer(job, run, engine, settings, on_progress=report)
        finally:
            await engine.close()

    return asyncio.run(go())


def _reporter(stage: str) -> Callable[[int, int, int], None]:
    """Progress for the terminal and, inside a job, for its page."""
    bar, reporter = Bar(stage), ProgressReporter.from_environment()

    def report(done: int, planned: int, failed: int) -> None:
        bar(done, planned, failed)
        reporter.update(stage=stage, done=done, planned=planned, failed=failed)
        if done + failed >= planned:
            reporter.flush()

    return report


def _answer_result(
    job: AnswerJob, scope: Scope, constitution: Constitution, tally: Tally, settings: Settings
) -> Result:
    run = run_of(scope, constitution, settings)
    folder = run.answer_sets(job.role, job.model.slug)[0].folder
    say(
        f"{job.role} {job.model.full} as {constitution.name}: {tally.done} of {tally.planned} answers"
        + (f", {tally.failed} failed (run again to retry them)" if tally.failed else "")
        + f", {tally.requests} requests, {tally.seconds:.0f} s."
    )
    return Result(
        job.role,
        status="incomplete" if tally.failed else "done",
        run=run.id,
        planned=tally.planned,
        done=tally.done,
        failed=tally.failed,
        requests=tally.requests,
        files=[str(folder / "rows.jsonl")],
        cost_usd=tally.cost_usd,
        seconds=tally.seconds,
        more={"tokens": tally.tokens, "damaged": tally.damaged, "failures": tally.reasons},
    )


def _dry_run(
    job: AnswerJob, scope: Scope, constitution: Constitution, engine: Engine, settings: Settings
) -> Result:
    found = estimate(job, existing_run(scope, constitution, settings), constitution, engine)
    free = job.model.provider in ("local", "vllm", "ollama", "lmstudio", "fake")
    price = "free, it runs here" if free else "price: see the provider's list"
    say(
        f"{job.role} {job.model.full} as {constitution.name}: {found.planned} answers planned, "
        f"{found.planned - found.open} there, {found.open} calls to send; about "
        f"{found.prompt_tokens:,} tokens in and up to {found.completion_tokens:,} out; {price}."
    )
    return Result(
        job.role,
        status="done",
        run=scope.run or constitution.run_id,
        planned=found.planned,
        done=found.planned - found.open,
        more={
            "dry_run": True,
            "calls": found.open,
            "prompt_tokens": found.prompt_tokens,
            "completion_tokens": found.completion_tokens,
        },
    )


def _merge(total: Result, one: Result) -> None:
    """Add one character's result to the total of a verb that ran for several."""
    total.run = one.run if total.run in (None, one.run) else None
    total.status = one.status if total.status == "done" else total.status
    total.planned += one.planned
    total.done += one.done
    total.failed += one.failed
    total.requests += one.requests
    total.cost_usd += one.cost_usd
    total.seconds += one.seconds
    total.files += one.files
    for reason, count in one.dropped.items():
        total.dropped[reason] = total.dropped.get(reason, 0) + count
    total.more |= one.more


@click.command("dpo-data")
@click.option("--constitution", required=True, help="The character's name, or 'all'.")
@click.option("--student", help="Which student's answers to reject [those asked last].")
@click.option("--teacher", help="Which teacher's answers to choose [those asked last].")
@click.option(
    "--max-length", type=click.IntRange(min=16), default=1024, show_default=True, help="Tokens a side."
)
@click.option(
    "--validation", type=click.FloatRange(0, 0.5), default=0.1, show_default=True, help="Share of prompts."
)
@click.option("--seed", type=int, default=0, show_default=True)
@run_option
@data_option
@json_option
def dpo_data(constitution: str, run_id: str | None, data: Path | None, as_json: bool, **flags: Any) -> None:
    """Join teacher and student, drop what would teach the wrong thing, write the DPO file."""
    settings = load_settings(data=data)
    result = Result("dpo-data")
    for name in _names(constitution, settings):
        job = PairJob(
            teacher=_slug(flags["teacher"]),
            student=_slug(flags["student"]),
            max_length=flags["max_length"],
            validation=flags["validation"],
            seed=flags["seed"],
        )
        _merge(result, _pairs_one(Scope(name, run_id), job, settings))
    finish(result, as_json=as_json)


def _slug(model: str | None) -> str | None:
    if model is None:
        return None
    return parse_model(model, provider="openrouter").slug if "/" in model else safe_slug(model)


def _pairs_one(scope: Scope, job: PairJob, settings: Settings) -> Result:
    started = time.monotonic()
    run = run_of(scope, load_character(scope, settings), settings)
    funnel = make_pairs(run, settings, job)
    _say_funnel(funnel)
    return _pair_result(run.id, funnel, time.monotonic() - started)


def _say_funnel(funnel: Funnel) -> None:
    for line in funnel_lines(funnel.dropped, funnel.planned, funnel.kept):
        say(line)
    say(f"{funnel.train} to train on, {funnel.validation} held out; lengths {funnel.lengths}.")
    say(f"Wrote {funnel.files[0]}")


def _pair_result(run: str, funnel: Funnel, seconds: float) -> Result:
    more = {
        name: getattr(funnel, name) for name in ("train", "validation", "lengths", "teacher", "student")
    }
    return Result(
        "dpo-data",
        run=run,
        planned=funnel.planned,
        done=funnel.kept,
        dropped=funnel.dropped,
        files=funnel.files,
        seconds=seconds,
        more=more,
    )


STAGES = ("teacher", "student", "dpo-data")


@click.command("pipeline")
@click.argument("name")
@click.option("--from", "first", type=click.Choice(STAGES), default="teacher", show_default=True)
@click.option("--to", "last", type=click.Choice(STAGES), default="dpo-data", show_default=True)
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
@provider_option
@dry_run_option
@data_option
@json_option
def pipeline(name: str, data: Path | None, as_json: bool, **flags: Any) -> None:
    """Several stages in one go: teacher, student, pairs. Resumable at every row."""
    settings = load_settings(data=data)
    stages = STAGES[STAGES.index(flags["first"]) : STAGES.index(flags["last"]) + 1]
    if not stages:
        raise click.UsageError(f"--from {flags['first']} comes after --to {flags['last']}.")
    flags["constitution"] = name
    result = Result("pipeline")
    for stage in stages:
        _merge(result, _pipeline_stage(stage, flags, settings))
    finish(result, as_json=as_json)


def _pipeline_stage(stage: str, flags: dict[str, Any], settings: Settings) -> Result:
    if stage == "teacher":
        models = {"model": flags["teacher_model"], "student": flags["student_model"]}
        return _answer_one("teacher", _asked(flags | models), settings)
    if stage == "student":
        return _answer_one(
            "student", _asked(flags | {"model": flags["student_model"], "student": None}), settings
        )
    if flags["dry_run"]:
        return Result("dpo-data")
    job = PairJob(
        teacher=_model(flags["teacher_model"], flags["provider"]).slug,
        student=_model(flags["student_model"], flags["provider"]).slug,
        max_length=flags["max_length"],
        validation=flags["validation"],
        seed=flags["seed"],
    )
    return _pairs_one(_scope(flags), job, settings)


def _model(name: str, provider: str | None) -> ModelName:
    return parse_model(name, provider=provider or "openrouter")


@click.command("prompts")
@click.option("--constitution", required=True, help="The character's name.")
@click.option("--model", help="Who writes the prompts [openrouter, llama-3.3-70b-it].")
@click.option(
    "--per-trait",
    type=click.IntRange(1, 1000),
    default=50,
    show_default=True,
    help="Hand-written ones included.",
)
@click.option("--trait", "traits", multiple=True, help="Only this trait id; may be repeated.")
@click.option(
    "--rounds", type=click.IntRange(1, 50), default=6, show_default=True, help="Give up after this many."
)
@click.option("--temperature", type=click.FloatRange(0, 2), default=0.9, show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--max-concurrency", "--concurrency", "concurrency", type=click.IntRange(1, 1000), default=8)
@provider_option
@dry_run_option
@data_option
@json_option
def prompts(constitution: str, data: Path | None, as_json: bool, **flags: Any) -> None:
    """More prompts for every trait, written by a model, checked against repeats, saved one by one."""
    settings = load_settings(data=data)
    library = Library(settings)
    character = library.load(constitution).constitution
    model = parse_model(flags["model"] or "llama-3.3-70b-it", provider=flags["provider"] or "openrouter")
    engine = open_engine(model, settings)
    unknown = set(flags["traits"]) - {trait.id for trait in character.traits}
    if unknown:
        known = ", ".join(trait.id for trait in character.traits)
        raise SettingsError(f"{constitution} has no trait {sorted(unknown)[0]!r}; it has {known}.")
    missing = _missing(library, character, flags["per_trait"], flags["traits"])
    if flags["dry_run"]:
        say(
            f"{sum(missing.values())} prompts are missing over {len(missing)} traits; {model.full} would be asked."
        )
        finish(
            Result("prompts", planned=sum(missing.values()), more={"dry_run": True, "missing": missing}),
            as_json=as_json,
        )
    report, seconds = _expand(library, character, engine, model, flags)
    _say_expansion(report)
    finish(_expansion_result(report, seconds, settings, constitution), as_json=as_json)


def _missing(
    library: Library, character: Constitution, per_trait: int, traits: tuple[str, ...]
) -> dict[str, int]:
    """How many prompts each wanted trait lacks."""
    additional = library.additional(character.name).by_trait
    return {
        trait.id: max(0, per_trait - len(trait.questions) - len(additional.get(trait.id, ())))
        for trait in character.traits
        if not traits or trait.id in traits
    }


def _expand(
    library: Library, character: Constitution, engine: Engine, model: ModelName, flags: dict[str, Any]
) -> tuple[ExpansionReport, float]:
    started = time.monotonic()
    sampling = Sampling(
        temperature=flags["temperature"],
        max_tokens=400 if model.provider == "local" else 2048,
        repetition_penalty=1.1 if model.provider == "local" else None,
        seed=flags["seed"],
    )
    reporter, bar = ProgressReporter.from_environment(), Bar("prompts")

    def report(done: int, planned: int, failed: int, note: str) -> None:
        bar(done, planned, failed)
        reporter.update(stage="prompts", done=done, planned=planned, failed=failed, note=note)

    async def go() -> ExpansionReport:
        try:
            return await expand(
                library,
                character,
                engine,
                sampling,
                per_trait=flags["per_trait"],
                max_rounds=flags["rounds"],
                traits=set(flags["traits"]) or None,
                seed=flags["seed"],
                concurrency=flags["concurrency"],
                on_progress=report,
            )
        finally:
            reporter.flush()
            await engine.close()

    return asyncio.run(go()), time.monotonic() - started


def _say_expansion(report: ExpansionReport) -> None:
    say(
        f"{report.added} prompts added in {report.rounds} rounds and {report.requests} requests; {report.missing} still missing."
    )
    for reason, count in report.dropped.items():
        say(f"  dropped, {reason}: {count}")
    for trait, mix in report.achieved.items():
        say(f"  {trait}: {_mix(mix)} (wanted {_mix(report.requested)})")


def _mix(mix: Mix) -> str:
    return f"{mix.short} short, {mix.medium} medium, {mix.long} long"


def _expansion_result(report: ExpansionReport, seconds: float, settings: Settings, name: str) -> Result:
    return Result(
        "prompts",
        status="incomplete" if report.missing else "done",
        planned=report.added + report.missing,
        done=report.added,
        failed=report.failed_requests,
        dropped=dict(report.dropped),
        requests=report.requests,
        files=[str(settings.data_path / "constitutions" / "few-shot" / f"{name}.jsonl")],
        seconds=seconds,
        more={"report": report.as_dict()},
    )


COMMANDS = (prompts, teacher, student, dpo_data, pipeline)
