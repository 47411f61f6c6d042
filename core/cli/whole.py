"""`character pipeline NAME --preset …`: the whole way in one command, its price first, under one limit."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from core.cli.options import stacked
from core.cli.output import Finished, Result, merge, say, whisper
from core.errors import CoreError, SettingsError
from core.price_tag import PriceTag, sum_words
from core.prices import money
from core.settings import Settings
from core.stages.plan import price_tag
from core.stages.prepare import Scope, existing_run, load_character, run_of
from core.stages.spent import spent_on
from core.stages.whole import Outcome, preflight_whole, run_whole, unpriced
from core.stages.whole_now import write_now
from core.store.runs import Run
from core.whole import PRESETS, STAGES, STEPS, TITLES, Plan, Shape, between

PAIRS = ("teacher", "student", "dpo-data")
BACKENDS = ("local", "together", "openrlhf")

whole_options = stacked(
    click.option("--preset", type=click.Choice(tuple(PRESETS)), help="The whole way, this large."),
    click.option("--from", "first", type=click.Choice(STAGES), help="[teacher; the preset's first]"),
    click.option("--to", "last", type=click.Choice(STAGES), help="[dpo-data; the preset's last]"),
    click.option("--backend", type=click.Choice(BACKENDS), default="local", help="Where it is trained."),
    click.option("--judge", help="The model that judges in checks [none]."),
)
# What the whole way decides by its preset; each verb has them, run by itself.
ONLY_PAIRS = {
    "temperature": "--temperature",
    "top_p": "--top-p",
    "max_tokens": "--max-tokens",
    "concurrency": "--max-concurrency",
    "fixed_concurrency": "--fixed-concurrency",
    "exchanges": "--no-exchanges",
    "thinking": "--thinking",
    "assistant_name": "--assistant-name",
    "traits": "--traits",
    "provider": "--provider",
    "only_provider": "--only-provider",
    "quantization": "--quantization",
    "distillable": "--any-license",
    "max_length": "--max-length",
    "validation": "--validation",
    "prompts_file": "--prompts",
    "run_id": "--run",
}


def is_whole(flags: dict[str, Any]) -> bool:
    """Whether more than pairs is wanted."""
    named = {flags["first"], flags["last"]} - {None}
    return bool(flags["preset"]) or not named <= set(PAIRS)


def whole_way(flags: dict[str, Any], settings: Settings, data: Path | None) -> Result:
    """Run or price the whole way for one character. Raises CoreError, click.UsageError."""
    plan = plan_in(flags)
    constitution = load_character(Scope(plan.constitution), settings)
    tag = price_tag(plan, settings)
    if flags["dry_run"]:
        run = existing_run(Scope(plan.constitution), constitution, settings)
        return _told(plan, tag, run, settings)
    run = run_of(Scope(plan.constitution), constitution, settings)
    return _run(plan, tag, run, settings, flags["budget"], data)


def plan_in(flags: dict[str, Any]) -> Plan:
    """The plan that flags ask for. Raises click.UsageError for flags that it cannot honour, all at once."""
    context = click.get_current_context()
    given = [
        word
        for name, word in ONLY_PAIRS.items()
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE
    ]
    if given:
        raise click.UsageError(
            f"{', '.join(given)}: the whole way decides this by its preset. Run that stage by itself, then "
            "the whole way: it keeps what is there."
        )
    return Plan(
        flags["constitution"],
        _shape(flags),
        flags["teacher_model"],
        flags["student_model"],
        flags["backend"],
        flags["judge"],
        flags["seed"],
        flags["only_affected"],
        flags["general"],
    )


def _shape(flags: dict[str, Any]) -> Shape:
    shape = PRESETS[flags["preset"] or "quick"]
    try:
        shape = between(shape, flags["first"], flags["last"])
    except ValueError as error:
        raise click.UsageError(f"{error}.") from error
    if not shape.stages:
        raise click.UsageError(
            f"The preset {shape.name} has no stage there; see character pipeline --help."
        )
    return replace(shape, limit=flags["limit"] or shape.limit, samples=flags["samples"] or shape.samples)


# ---- the price


def _told(plan: Plan, tag: PriceTag, run: Run | None, settings: Settings) -> Result:
    say(f"{plan.constitution}, {plan.shape.name}: teacher {plan.teacher}, student {plan.student}")
    for step in tag.steps:
        say(f"\n{STEPS[step]:<38} {sum_words(tag.of(step))}")
        for cost in (cost for cost in tag.costs if cost.step == step):
            say(f"  {TITLES[cost.stage]:<36} {cost.basis}")
    say(f"\n{'Together':<38} {sum_words(tag.total)}")
    spent = spent_on(run, settings).usd if run else 0.0
    say(f"Spent on this version so far: {money(spent)}.")
    for check in preflight_whole(plan, settings):
        if check.standing != "good":
            say(f"{'Stop' if check.standing == 'stop' else 'Note'}: {check.text} {check.cure}")
    total = tag.total
    more: dict[str, Any] = {
        "dry_run": True,
        "preset": plan.shape.name,
        "stages": [stage_dict(cost) for cost in tag.costs],
        "calls": round(total.requests.likely),
        "estimated_seconds": round(total.seconds.likely),
        "estimated_seconds_low": round(total.seconds.low),
        "estimated_seconds_high": round(total.seconds.high),
        "estimated_usd_low": round(total.usd.low, 6),
        "estimated_usd_likely": round(total.usd.likely, 6),
        "estimated_usd_high": round(total.usd.high, 6),
        "unpriced": list(total.unpriced),
        "unpriced_models": unpriced(plan, settings),
        "spent_usd": round(spent, 6),
    }
    return Result("pipeline", run=run.id if run else None, planned=round(total.requests.likely), more=more)


def stage_dict(cost: Any) -> dict[str, Any]:
    """A stage's cost as `--json` prints it."""
    parts = ("requests", "tokens_in", "tokens_out", "seconds", "usd")
    ranges = {name: getattr(cost, name) for name in parts}
    return {"stage": cost.stage, "step": cost.step, "basis": cost.basis} | {
        name: None if value is None else [round(part, 6) for part in value]
        for name, value in ranges.items()
    }


# ---- the run


def _run(
    plan: Plan, tag: PriceTag, run: Run, settings: Settings, budget: float | None, data: Path | None
) -> Result:
    total, began = Result("pipeline", run=run.id), time.monotonic()

    def tell(stage: str, number: int, of: int, spent: float) -> None:
        whisper(f"Step {number} of {of}: {TITLES[stage]} (spent so far: {money(spent)})")
        write_now(run, plan, stage, spent, budget)

    def do(words: Sequence[str]) -> Result:
        done = invoke([*words, *(["--data", str(data)] if data else [])])
        merge(total, done)
        return done

    with run.locked("pipeline"):
        try:
            outcome = run_whole(plan, run, settings, budget=budget, tag=tag, do=do, tell=tell)
        except CoreError as error:
            write_now(run, plan, "", spent_on(run, settings).usd, budget, ended="stopped", why=str(error))
            raise
        write_now(run, plan, outcome.stage, outcome.spent_usd, budget, ended=outcome.ended, why=outcome.why)
    return _result(total, outcome, budget, time.monotonic() - began)


def invoke(words: Sequence[str]) -> Result:
    """Run a verb in this process, exactly as a shell would; its result comes back. Raises CoreError."""
    from core.cli import character

    try:
        character.main(list(words), prog_name="character", standalone_mode=False)
    except Finished as end:
        return end.result
    except click.UsageError as error:
        raise SettingsError(error.format_message()) from error
    raise SettingsError(f"character {words[0]} ended without a result.")


STATUS = {"done": "done", "incomplete": "incomplete", "limit": "incomplete", "asks": "incomplete"}


def _result(total: Result, outcome: Outcome, budget: float | None, seconds: float) -> Result:
    say(f"Spent on this version: {money(outcome.spent_usd)}" + (f" of {money(budget)}." if budget else "."))
    if outcome.why:
        say(outcome.why)
    total.status, total.seconds = STATUS.get(outcome.ended, "failed"), seconds
    total.more = {
        "ended": outcome.ended,
        "stage": outcome.stage,
        "why": outcome.why,
        "spent_usd": round(outcome.spent_usd, 6),
        "budget_usd": budget,
        "stages": outcome.stages,
        **{name: total.more[name] for name in ("train", "validation") if name in total.more},
    }
    return total
