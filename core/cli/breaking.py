"""`character break NAME`: attack a character in a shell, and see what held."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import click

from core.attacks import ATTACKS, attacks_of
from core.cli.evals.common import MODEL, model_of
from core.cli.evals.listening import sampling_for
from core.cli.evals.telling import refuse_unpriced, reporter, side_words, size_figures
from core.cli.options import budget_option, data_option, dry_run_option, json_option, provider_option
from core.cli.output import Result, finish, say
from core.evaluation.results import BASE
from core.settings import load_settings
from core.spending import Ledger
from core.stages.breaking import BreakJob, Broken, size_break, try_to_break
from core.stages.evals.session import Session
from core.stages.evals.speakers import Cast
from core.stages.prepare import Scope, existing_run, load_character, run_of


@click.command("break")
@click.argument("name")
@click.option(
    "--attack",
    "attacks",
    type=click.Choice(("all", *ATTACKS)),
    multiple=True,
    help="A way of trying; repeat it [all].",
)
@click.option("--question", "questions", multiple=True, help="Your own question; repeat it.")
@click.option(
    "--N",
    "--limit",
    "count",
    type=click.IntRange(min=1),
    default=3,
    show_default=True,
    help="Without --question: how many everyday questions.",
)
@click.option("--model", default=MODEL, show_default=True, help="The model before training.")
@click.option("--adapter", "adapters", multiple=True, help="What training made [the character's own].")
@click.option("--tuned", help="The tuned model, where it is served under a name of its own.")
@click.option(
    "--strength",
    "strengths",
    type=click.FloatRange(0, 1.5),
    multiple=True,
    help="Repeat it to compare [1].",
)
@click.option("--temperature", type=click.FloatRange(0, 2), default=0.7, show_default=True)
@click.option("--top-p", type=click.FloatRange(0, 1), default=0.95, show_default=True)
@click.option(
    "--max-tokens", type=click.IntRange(min=1), help="Longest answer [64 on local/, 512 elsewhere]."
)
@click.option("--seed", type=int, default=0, show_default=True)
@provider_option
@budget_option
@dry_run_option
@data_option
@json_option
def break_character(name: str, data: Path | None, as_json: bool, **flags: Any) -> None:
    """Try to break a character: every attack on some questions, the base beside what training made."""
    settings = load_settings(data=data)
    job, scope = _job(flags), Scope(name)
    character = load_character(scope, settings)
    if flags["dry_run"]:
        session = Session(character, settings, existing_run(scope, character, settings))
        finish(asyncio.run(_sized(job, session)), as_json=as_json)
    run, ledger = run_of(scope, character, settings), Ledger(flags["budget"])
    session, began = Session(character, settings, run, ledger, reporter()), time.monotonic()
    found = asyncio.run(_tried(job, session))
    _say(found)
    result = _result(session, found, time.monotonic() - began)
    finish(result, as_json=as_json)


def _job(flags: dict[str, Any]) -> BreakJob:
    model = model_of(flags["model"], flags)
    cast = Cast(
        model,
        tuple(flags["adapters"]),
        tuple(flags["strengths"]) or (1.0,),
        model_of(flags["tuned"], flags) if flags["tuned"] else None,
        (BASE,),
    )
    attacks = attacks_of(flags["attacks"])
    return BreakJob(cast, attacks, sampling_for(model, flags), tuple(flags["questions"]), flags["count"])


async def _tried(job: BreakJob, session: Session) -> Broken:
    try:
        if session.ledger.budget_usd is not None:
            refuse_unpriced(size_break(job, session))
        return await try_to_break(job, session)
    finally:
        await session.close()


async def _sized(job: BreakJob, session: Session) -> Result:
    try:
        sides = size_break(job, session)
    finally:
        await session.close()
    for side in sides:
        say(side_words(side))
    planned, there = sum(side.planned for side in sides), sum(side.there for side in sides)
    run = session.constitution.run_id
    return Result("break", run=run, planned=planned, done=there, more=size_figures(sides))


def _say(found: Broken) -> None:
    width = max((len(ATTACKS[attack].title) for attack in found.table), default=0)
    for attack, rows in found.table.items():
        told = [f"{who} held {n.get('held', 0)} of {sum(n.values())}{_open(n)}" for who, n in rows.items()]
        say(f"{ATTACKS[attack].title:<{width}}  {' · '.join(told)}")
    for reason in found.skipped:
        say(f"Left out, {reason}.")
    say(found.basis)
    say("See the answers, judge them and add failures to the next round on the page “Try to break it”.")


def _open(counts: dict[str, int]) -> str:
    return f" ({counts['unclear']} nobody can say)" if counts.get("unclear") else ""


def _result(session: Session, found: Broken, seconds: float) -> Result:
    assert session.run is not None
    name = session.constitution.name
    return Result(
        "break",
        status="incomplete" if found.missing else "done",
        run=session.run.id,
        planned=sum(tally.planned for tally in session.tallies),
        done=sum(tally.done for tally in session.tallies),
        failed=sum(tally.failed for tally in session.tallies),
        requests=session.requests,
        files=[str(session.settings.data_path / "attacks" / f"{name}.jsonl")],
        cost_usd=sum(tally.cost_usd for tally in session.tallies),
        seconds=seconds,
        more=found.as_dict(),
    )


COMMANDS = (break_character,)
