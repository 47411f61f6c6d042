"""What every `character eval …` verb shares: its flags, the dry run, and how a result is told."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import click
from click.core import ParameterSource

from core.cli.evals.telling import refuse_unpriced, reporter, say_result, side_words, size_figures
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
from core.cli.output import Result, finish, merge, say, whisper
from core.cli.select import names_of
from core.cli.telling import figures_of
from core.errors import ModelError, RunError, SettingsError
from core.evaluation.results import EvalResult
from core.names import ModelName, parse_model
from core.settings import Settings, load_settings
from core.spending import Ledger
from core.stages.defaults import PROVIDER
from core.stages.evals.keeping import keep
from core.stages.evals.session import Session, Side
from core.stages.evals.speakers import CONTROLS, Cast
from core.stages.prepare import Scope, existing_run, load_character, run_of

MODEL = "local/smollm2-135m"

cast_options = stacked(
    click.option("--constitution", required=True, help="The character's name, or 'all'."),
    click.option("--model", default=MODEL, show_default=True, help="The model before training."),
    click.option(
        "--adapter",
        "adapters",
        multiple=True,
        help="What training made: a name as dpo/pirate, or a folder; repeat it to compare stages. "
        "[the character's own, as far as it is trained]; none: only the controls.",
    ),
    click.option("--tuned", help="The tuned model, where it is served under a name of its own."),
    click.option(
        "--strength",
        "strengths",
        type=click.FloatRange(0, 1.5),
        multiple=True,
        help="The adapter's strength; repeat it to sweep [1].",
    ),
    click.option(
        "--control",
        "controls",
        type=click.Choice(CONTROLS),
        multiple=True,
        help="Who stands beside the tuned model; repeat it [all three].",
    ),
    provider_option,
)
judge_option = click.option(
    "--judge", help="The model that judges; of another family than the teacher [none]."
)
asking_options = stacked(
    click.option("--temperature", type=click.FloatRange(0, 2), default=0.7, show_default=True),
    click.option("--top-p", type=click.FloatRange(0, 1), default=0.95, show_default=True),
    click.option("--seed", type=int, default=0, show_default=True),
    concurrency_options,
    run_option,
    budget_option,
    dry_run_option,
    data_option,
    json_option,
)


@dataclass(frozen=True, slots=True)
class Kind:
    """One evaluation as the command line runs it. `title` is what its sentences call it."""

    name: str
    title: str
    evaluate: Callable[[Session], Awaitable[EvalResult]]
    size: Callable[[Session], Sequence[Side]]


def cast_of(flags: dict[str, Any]) -> Cast:
    """Who the flags want compared."""
    return Cast(
        model_of(flags["model"], flags),
        tuple(flags["adapters"]),
        tuple(flags["strengths"]) or (1.0,),
        model_of(flags["tuned"], flags) if flags.get("tuned") else None,
        tuple(flags["controls"]) or CONTROLS,
    )


def model_of(name: str, flags: dict[str, Any]) -> ModelName:
    """A model as typed; `--provider` says where, for names that do not."""
    return parse_model(name, provider=flags.get("provider"), default=PROVIDER)


# While a page only wants to know the size, a command hands its kind over here instead of running it.
_handed_over: ContextVar[list[tuple[Kind, dict[str, Any]]] | None] = ContextVar("handed over", default=None)


def sides_of(command: click.Command, words: Sequence[str]) -> list[Side]:
    """What a command with these flags would ask of whom: its dry run, for pages. Sends and writes nothing.

    `words` are its flags for one character. Raises CoreError as the command would, SettingsError for
    flags that do not fit.
    """
    found: list[tuple[Kind, dict[str, Any]]] = []
    token = _handed_over.set(found)
    try:
        command.main(list(words), standalone_mode=False)
    except click.UsageError as error:
        raise SettingsError(error.format_message()) from error
    finally:
        _handed_over.reset(token)
    return [side for kind, flags in found for side in _sides(kind, flags)]


def _sides(kind: Kind, flags: dict[str, Any]) -> list[Side]:
    settings = load_settings(data=flags["data"])
    scope = Scope(flags["constitution"], flags["run_id"])
    constitution = load_character(scope, settings)
    session = Session(constitution, settings, existing_run(scope, constitution, settings))
    session.concurrency, session.fixed_concurrency = flags["concurrency"], flags["fixed_concurrency"]
    try:
        return list(kind.size(session))
    finally:
        asyncio.run(session.close())


def run_kind(kind: Kind, flags: dict[str, Any]) -> None:
    """Run or size an evaluation for every character named, tell of it, and exit."""
    if (handed := _handed_over.get()) is not None:
        handed.append((kind, flags))
        return
    settings = load_settings(data=flags["data"])
    ledger = Ledger(flags["budget"])
    names, found = names_of(flags["constitution"], settings), list[Result]()
    for name in names:
        try:
            found.append(_one(kind, name, flags, ledger, settings))
        except (RunError, ModelError) as error:
            # One of many that has no pairs or no adapter yet is no reason to leave out the others.
            if len(names) == 1:
                raise
            whisper(f"{name} is left out: {error}")
    finish(_together(kind, names, found), as_json=flags["as_json"])


# What `--json` says of one character only.
OWN = ("constitution", "headline", "cells")


def _together(kind: Kind, names: Sequence[str], found: Sequence[Result]) -> Result:
    """One result of all characters; not done where some were left out."""
    results = [{name: one.more.get(name) for name in OWN} | {"run": one.run} for one in found]
    total = found[0] if found else Result(f"eval {kind.name}", status="failed")
    for one in found[1:]:
        merge(total, one)
    if len(names) > 1:
        # A sentence of one character is not said of all.
        total.more = {name: value for name, value in total.more.items() if name not in OWN}
        total.more["results"] = results
    if len(found) < len(names):
        say(f"{len(names) - len(found)} of {len(names)} characters were left out; why is said above.")
        total.status = "incomplete" if found else "failed"
    return total


def _one(kind: Kind, name: str, flags: dict[str, Any], ledger: Ledger, settings: Settings) -> Result:
    scope = Scope(name, flags["run_id"])
    constitution = load_character(scope, settings)
    run = (existing_run if flags["dry_run"] else run_of)(scope, constitution, settings)
    session = Session(constitution, settings, run, ledger, reporter())
    session.concurrency, session.fixed_concurrency = flags["concurrency"], flags["fixed_concurrency"]
    if flags["dry_run"]:
        return asyncio.run(_sized(kind, session))
    began = time.monotonic()
    result = asyncio.run(_evaluated(kind, session))
    result.seconds = round(time.monotonic() - began, 2)
    result.command = words_of(click.get_current_context(), name)
    return _told(kind, session, result)


# What says where files stand or how to tell of them decides no result.
UNSAID = ("data", "as_json", "constitution")


def words_of(context: click.Context, name: str) -> list[str]:
    """The words that repeat a verb for one character: every flag that was given."""
    words = ["eval", str(context.info_name), "--constitution", name]
    for parameter in context.command.params:
        given = context.get_parameter_source(parameter.name or "") is ParameterSource.COMMANDLINE
        if parameter.name in UNSAID or not given or not isinstance(parameter, click.Option):
            continue
        value = context.params[parameter.name or ""]
        if isinstance(value, bool):
            words.append((parameter.opts if value else parameter.secondary_opts or parameter.opts)[0])
            continue
        for one in value if isinstance(value, tuple | list) else (value,):
            words += [parameter.opts[0], str(one)]
    return words


async def _evaluated(kind: Kind, session: Session) -> EvalResult:
    try:
        if session.ledger.budget_usd is not None:
            refuse_unpriced(list(kind.size(session)))
        return await kind.evaluate(session)
    finally:
        await session.close()


async def _sized(kind: Kind, session: Session) -> Result:
    try:
        sides = list(kind.size(session))
    finally:
        await session.close()
    for side in sides:
        say(side_words(side))
    return Result(
        f"eval {kind.name}",
        run=session.run.id if session.run else session.constitution.run_id,
        planned=sum(side.planned for side in sides),
        done=sum(side.there for side in sides),
        more=size_figures(sides),
    )


def _told(kind: Kind, session: Session, result: EvalResult) -> Result:
    """Keep the result, say it, and return it as the verb's."""
    assert session.run is not None
    result.run, result.constitution = session.run.id, session.constitution.name
    result.constitution_sha256 = session.constitution.content_hash
    result.requests = session.requests
    result.cost_usd = round(sum(tally.cost_usd for tally in session.tallies), 6)
    result.missing = session.missing
    result.complete = not result.missing
    path = keep(session.run, result)
    say_result(kind.title, result)
    return Result(
        f"eval {kind.name}",
        status="done" if result.complete else "incomplete",
        run=session.run.id,
        planned=sum(tally.planned for tally in session.tallies),
        done=sum(tally.done for tally in session.tallies),
        failed=sum(tally.failed for tally in session.tallies),
        requests=result.requests,
        files=[str(path)],
        cost_usd=result.cost_usd,
        seconds=result.seconds,
        more=_figures(session)
        | {
            "constitution": result.constitution,
            "headline": result.headline,
            "cells": [c.as_dict() for c in result.cells],
        },
    )


def _figures(session: Session) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for tally in session.tallies:
        for name, value in figures_of(tally).items():
            if isinstance(value, int | float):
                found[name] = found.get(name, 0) + value
    return found
