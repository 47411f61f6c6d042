"""`character prompts`: more prompts for every trait, written by a model."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import click

from core.bulk.pace import Bounds
from core.cli.options import budget_option, data_option, dry_run_option, json_option, provider_option
from core.cli.output import Bar, Result, finish, say
from core.constitution import Constitution
from core.engines import Engine
from core.engines.opening import open_engine
from core.errors import SettingsError
from core.expansion import Mix
from core.jobs import ProgressReporter
from core.names import ModelName, parse_model
from core.records import Sampling
from core.settings import Settings, load_settings
from core.spending import Ledger
from core.stages.asking import bulk_for
from core.stages.defaults import PROVIDER
from core.stages.expand import ExpansionReport, expand
from core.store.library import Library
from core.store.price_table import PriceTable


@click.group("prompts", invoke_without_command=True)
@click.option("--constitution", help="The character's name.")
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
@budget_option
@dry_run_option
@data_option
@json_option
@click.pass_context
def prompts(
    context: click.Context, constitution: str | None, data: Path | None, as_json: bool, **flags: Any
) -> None:
    """More prompts for every trait, written by a model, checked against repeats, saved one by one.

    add, drop and list are for prompts of your own, which the next round asks first.
    """
    if context.invoked_subcommand is not None:
        return
    if not constitution:
        raise click.UsageError("Missing option '--constitution'.", context)
    settings = load_settings(data=data)
    library = Library(settings)
    character = library.load(constitution).constitution
    model = parse_model(flags["model"] or "llama-3.3-70b-it", provider=flags["provider"], default=PROVIDER)
    engine = open_engine(model, settings)
    unknown = set(flags["traits"]) - {trait.id for trait in character.traits}
    if unknown:
        known = ", ".join(trait.id for trait in character.traits)
        raise SettingsError(f"{constitution} has no trait {sorted(unknown)[0]!r}; it has {known}.")
    missing = _missing(library, character, flags["per_trait"], flags["traits"])
    if flags["dry_run"]:
        say(
            f"{sum(missing.values())} prompts are missing over {len(missing)} traits; "
            f"{model.full} would be asked."
        )
        finish(
            Result("prompts", planned=sum(missing.values()), more={"dry_run": True, "missing": missing}),
            as_json=as_json,
        )
    report, seconds = _expand(library, character, engine, model, flags, settings)
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
    library: Library,
    character: Constitution,
    engine: Engine,
    model: ModelName,
    flags: dict[str, Any],
    settings: Settings,
) -> tuple[ExpansionReport, float]:
    started = time.monotonic()
    bulk = bulk_for(
        model,
        engine,
        Bounds(flags["concurrency"], flags["concurrency"]),
        ledger=Ledger(flags["budget"]),
        price=PriceTable(settings).lookup(model),
    )
    sampling = Sampling(
        temperature=flags["temperature"],
        max_tokens=400 if model.provider == "local" else 2048,
        repetition_penalty=1.1 if model.provider == "local" else None,
        seed=flags["seed"],
    )
    reporter, bar = ProgressReporter.from_environment(), Bar("prompts")

    def report(done: int, planned: int, failed: int, note: str) -> None:
        bar(done, planned, failed)
        figures = bulk.figures.as_dict(time.monotonic())
        reporter.update(
            stage="prompts", done=done, planned=planned, failed=failed, note=note, figures=figures
        )

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
                bulk=bulk,
                on_progress=report,
            )
        finally:
            reporter.flush()
            await engine.close()

    return asyncio.run(go()), time.monotonic() - started


def _say_expansion(report: ExpansionReport) -> None:
    say(
        f"{report.added} prompts added in {report.rounds} rounds and {report.requests} requests; "
        f"{report.missing} still missing."
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
        cost_usd=report.cost_usd,
        seconds=seconds,
        more={"report": report.as_dict()},
    )


COMMANDS = (prompts,)
