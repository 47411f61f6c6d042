"""The verbs of a character that looks at itself: reflect, interact, and the file to train on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from core.bulk import Bulk
from core.cli.options import (
    budget_option,
    concurrency_options,
    data_option,
    dry_run_option,
    json_option,
    provider_option,
    run_option,
    stacked,
)
from core.cli.output import Result, finish, merge, say
from core.cli.pairs import model_label
from core.cli.select import names_of
from core.cli.telling import figures_of, how_it_went, reporter
from core.constitution import Constitution
from core.engines import Engine
from core.names import ModelName, parse_model
from core.prices import estimate_words
from core.settings import Settings, load_settings
from core.spending import Ledger
from core.stages.defaults import PROVIDER
from core.stages.interaction import TalkJob, interact, interaction_size, interactions_path
from core.stages.prepare import Scope, existing_run, load_character, run_of
from core.stages.pricing import current_price
from core.stages.reflection import SelfJob, Size, reflect, reflection_size, reflections_path
from core.stages.self_engine import SelfWishes, context_of, self_engine, self_job, who_speaks
from core.stages.sft_data import SftFunnel, SftJob, make_sft_data
from core.stages.writing import OnProgress, Tally
from core.store.price_table import PriceTable
from core.store.runs import Run

self_options = stacked(
    click.option("--constitution", required=True, help="The character's name, or 'all'."),
    click.option("--model", required=True, help="The model to be trained further."),
    click.option(
        "--adapter",
        help="The adapter that DPO made: a folder or name on local/ [the character's own], the served name "
        "elsewhere; none for the plain model.",
    ),
    run_option,
    click.option("--temperature", type=click.FloatRange(0, 2), default=0.7, show_default=True),
    click.option("--top-p", type=click.FloatRange(0, 1), default=0.95, show_default=True),
    click.option("--seed", type=int, default=0, show_default=True),
    click.option("--assistant-name", help="What the assistant calls itself [its family's name]."),
    concurrency_options,
    provider_option,
    budget_option,
    dry_run_option,
    data_option,
    json_option,
)


@dataclass(frozen=True, slots=True)
class Ask:
    """What the two verbs differ in: how to begin, to size, and where the file stands."""

    verb: str
    size: Callable[[Run | None, Constitution, Engine], Size]
    go: Callable[[Run, Engine, Bulk, OnProgress], Awaitable[Tally]]
    path: Path
    unit: str


@dataclass(frozen=True, slots=True)
class Flags:
    """The flags that say who, where and how much."""

    model: ModelName
    adapter: str | None
    scope: Scope
    wishes: SelfWishes
    dry_run: bool


@click.command("reflect")
@click.option(
    "--N", "count", type=click.IntRange(min=1), default=1000, show_default=True, help="Answers a question."
)
@click.option("--max-tokens", type=click.IntRange(min=1), help="Longest answer [2048; 512 on local/].")
@self_options
def reflect_verb(as_json: bool, data: Path | None, **flags: Any) -> None:
    """The character answers ten questions about itself, N times each."""
    settings = load_settings(data=data)

    def ask(job: SelfJob, name: str, settings: Settings, price: Any) -> Ask:
        return Ask(
            "reflect",
            lambda run, constitution, engine: reflection_size(job, run, constitution, engine, price),
            lambda run, engine, bulk, report: reflect(
                job, run, engine, settings, bulk=bulk, on_progress=report
            ),
            reflections_path(settings, job.student, name),
            "reflections",
        )

    _self_verb("reflect", flags, 2048, ask, settings, as_json)


@click.command("interact")
@click.option(
    "--N", "count", type=click.IntRange(min=1), default=1000, show_default=True, help="Conversations."
)
@click.option(
    "--K", "turns", type=click.IntRange(2, 100), default=10, show_default=True, help="Turns in each."
)
@click.option("--leading", is_flag=True, help="Invite the two to look at themselves.")
@click.option(
    "--context",
    type=click.IntRange(min=512),
    help="Tokens of a prompt and its answer [8192; 4096 on local/].",
)
@click.option("--max-tokens", type=click.IntRange(min=1), help="Longest turn [1024; 512 on local/].")
@self_options
def interact_verb(as_json: bool, data: Path | None, **flags: Any) -> None:
    """Two copies of the character talk with each other, N times."""
    settings = load_settings(data=data)

    def ask(job: SelfJob, name: str, settings: Settings, price: Any) -> Ask:
        talk = TalkJob(job, flags["turns"], flags["leading"], context_of(job.model, flags["context"]))
        return Ask(
            "interact",
            lambda run, constitution, engine: interaction_size(talk, run, constitution, engine, price),
            lambda run, engine, bulk, report: interact(
                talk, run, engine, settings, bulk=bulk, on_progress=report
            ),
            interactions_path(settings, job.student, name, leading=talk.leading),
            "conversations",
        )

    _self_verb("interact", flags, 1024, ask, settings, as_json)


MakeAsk = Callable[[SelfJob, str, Settings, Any], Ask]


def _self_verb(
    verb: str, flags: dict[str, Any], longest: int, ask: MakeAsk, settings: Settings, as_json: bool
) -> None:
    result, ledger = Result(verb), Ledger(flags["budget"])
    wishes = SelfWishes(longest=longest, **{name: flags[name] for name in WISHES})
    model = parse_model(flags["model"], provider=flags["provider"], default=PROVIDER)
    for name in names_of(flags["constitution"], settings):
        scope = Scope(name, flags["run_id"])
        given = Flags(model, flags["adapter"], scope, wishes, flags["dry_run"])
        merge(result, _one(given, ask, ledger, settings))
    finish(result, as_json=as_json)


WISHES = (
    "count",
    "temperature",
    "top_p",
    "max_tokens",
    "seed",
    "assistant_name",
    "concurrency",
    "fixed_concurrency",
)


def _one(given: Flags, make: MakeAsk, ledger: Ledger, settings: Settings) -> Result:
    """One character's part of a verb."""
    constitution = load_character(given.scope, settings)
    engine = self_engine(given.model, given.adapter, settings, constitution.name)
    job = self_job(given.model, given.wishes, constitution)
    say(who_speaks(given.model, given.adapter, engine))
    price = PriceTable(settings).lookup(job.model)
    ask = make(job, constitution.name, settings, price)
    if given.dry_run:
        run = existing_run(given.scope, constitution, settings)
        return _sized(ask, job, ask.size(run, constitution, engine), constitution, engine, price)
    run = run_of(given.scope, constitution, settings)
    tally = asyncio.run(_asked(ask, job, run, engine, ledger, settings))
    return _result(ask, job, run, engine, tally, constitution)


async def _asked(
    ask: Ask, job: SelfJob, run: Run, engine: Engine, ledger: Ledger, settings: Settings
) -> Tally:
    try:
        price = await current_price(job.model, settings)
        return await ask.go(run, engine, job.bulk(engine, ledger, price), reporter(ask.verb))
    finally:
        await engine.close()


def _result(
    ask: Ask, job: SelfJob, run: Run, engine: Engine, tally: Tally, constitution: Constitution
) -> Result:
    what = f"{ask.verb} {job.model.full} as {constitution.name}"
    # Under an adapter the engine asks by the adapter's name.
    say(how_it_went(what, ask.unit, engine.model, tally))
    return Result(
        ask.verb,
        status="incomplete" if tally.failed or tally.left_out else "done",
        run=run.id,
        planned=tally.planned,
        done=tally.done,
        failed=tally.failed,
        requests=tally.requests,
        files=[str(ask.path)] if ask.path.exists() else [],
        cost_usd=tally.cost_usd,
        seconds=tally.seconds,
        more={"adapter": engine.identity.adapter, **figures_of(tally)},
    )


def _sized(
    ask: Ask, job: SelfJob, size: Size, constitution: Constitution, engine: Engine, price: Any
) -> Result:
    low, high = size.cost or (0.0, 0.0)
    say(
        f"{ask.verb} {job.model.full} as {constitution.name}: {size.planned} {ask.unit} planned, "
        f"{size.there} there, {size.calls} calls to send; about {size.prompt_tokens:,} tokens in and at "
        f"most {size.completion_tokens:,} out; {estimate_words(low, high, price)}."
    )
    return Result(
        ask.verb,
        planned=size.planned,
        done=size.there,
        more={
            "dry_run": True,
            "adapter": engine.identity.adapter,
            "calls": size.calls,
            "prompt_tokens": size.prompt_tokens,
            "completion_tokens": size.completion_tokens,
            "estimated_usd_low": low if price else None,
            "estimated_usd_high": high if price else None,
        },
    )


# ---- the file to train on


@click.command("sft-data")
@click.option("--constitution", required=True, help="The character's name, or 'all'.")
@click.option("--model", help="Whose reflections and conversations [those that came last].")
@click.option(
    "--max-length", type=click.IntRange(min=64), default=3072, show_default=True, help="Tokens a row."
)
@click.option(
    "--validation", type=click.FloatRange(0, 0.5), default=0.05, show_default=True, help="Share of prompts."
)
@click.option(
    "--per-turn", is_flag=True, help="A row for each turn, for trainers that learn the last only."
)
@click.option("--seed", type=int, default=0, show_default=True)
@run_option
@data_option
@json_option
def sft_data(constitution: str, run_id: str | None, data: Path | None, as_json: bool, **flags: Any) -> None:
    """Join reflections and conversations, drop what would teach the wrong thing, write the SFT file."""
    settings = load_settings(data=data)
    result = Result("sft-data")
    job = SftJob(
        model=model_label(flags["model"]),
        max_length=flags["max_length"],
        validation=flags["validation"],
        seed=flags["seed"],
        per_turn=flags["per_turn"],
    )
    for name in names_of(constitution, settings):
        merge(result, _sft_of(Scope(name, run_id), job, settings))
    finish(result, as_json=as_json)


def _sft_of(scope: Scope, job: SftJob, settings: Settings) -> Result:
    started = time.monotonic()
    run = run_of(scope, load_character(scope, settings), settings)
    funnel = make_sft_data(run, settings, job)
    _say_funnel(funnel)
    shown = (
        "train",
        "validation",
        "trimmed",
        "reflections",
        "conversations",
        "student",
        "model",
        "adapter",
    )
    return Result(
        "sft-data",
        run=run.id,
        planned=funnel.planned,
        done=funnel.kept,
        dropped=funnel.dropped,
        files=funnel.files,
        seconds=time.monotonic() - started,
        more={name: getattr(funnel, name) for name in shown},
    )


def _say_funnel(funnel: SftFunnel) -> None:
    width = max(len(word) for word in ["rows in", *funnel.dropped])
    say(f"{'rows in':<{width}}  {funnel.planned:>6}")
    for reason, count in funnel.dropped.items():
        say(f"{reason:<{width}}  {-count:>6}")
    say(f"{'kept':<{width}}  {funnel.kept:>6}")
    say(
        f"{funnel.train} to train on, {funnel.validation} held out: {funnel.reflections} reflections and "
        f"{funnel.conversations} conversations; {funnel.trimmed} lost their oldest turns to fit."
    )
    if funnel.adapter is None:
        say(f"Note: {funnel.model} spoke without an adapter: these rows are not from a DPO-trained model.")
    say(f"Wrote {funnel.files[0]}")


COMMANDS = (reflect_verb, interact_verb, sft_data)
