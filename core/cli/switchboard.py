"""`character constitution switchboard NAME`: a character with sentences switched off, in a shell."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from core.cli.characters import constitution
from core.cli.evals.telling import refuse_unpriced, reporter, side_words, size_figures
from core.cli.options import budget_option, data_option, dry_run_option, json_option, provider_option
from core.cli.output import Result, finish, say
from core.names import ModelName, parse_model
from core.records import Message
from core.settings import Settings, load_settings
from core.spending import Ledger
from core.stages.chat import CHAT, stream_answer
from core.stages.defaults import PROVIDER
from core.stages.evals.session import Session
from core.stages.prepare import Scope, existing_run, load_character, run_of
from core.stages.switchboard import SAMPLES, EffectsJob, measure_effects, messages_of, size_effects
from core.switchboard import Effects, from_text, in_words, told


@click.command("switchboard")
@click.argument("name")
@click.option("--question", required=True, help="What is asked.")
@click.option("--model", default="local/smollm2-135m", show_default=True, help="Who plays the character.")
@click.option(
    "--on",
    "ticks",
    multiple=True,
    help="What is on: all, none, but:ID,ID or only:ID,ID; repeat it to compare [all, none].",
)
@click.option("--leave-one-out", is_flag=True, help="Ask without each sentence in turn, and compare.")
@click.option("--samples", type=click.IntRange(min=2), default=SAMPLES, show_default=True, help="Seeds.")
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--max-tokens", type=click.IntRange(min=1), help="Longest answer.")
@provider_option
@budget_option
@dry_run_option
@data_option
@json_option
def switchboard(name: str, data: Path | None, as_json: bool, **flags: Any) -> None:
    """Which sentence causes what: the played character with some of its sentences, before any training."""
    settings = load_settings(data=data)
    model = parse_model(flags["model"], provider=flags["provider"], default=PROVIDER)
    if flags["leave_one_out"] and flags["ticks"]:
        raise click.UsageError("--leave-one-out chooses what is on itself; leave out --on.")
    run = _left_out if flags["leave_one_out"] else _asked
    finish(run(name, model, settings, flags), as_json=as_json)


def _asked(name: str, model: ModelName, settings: Settings, flags: dict[str, Any]) -> Result:
    """One answer a tick set, from one seed."""
    if flags["dry_run"] or flags["budget"] is not None:
        raise click.UsageError("--dry-run and --budget go with --leave-one-out.")
    character = load_character(Scope(name), settings)
    began, longest = time.monotonic(), flags["max_tokens"] or CHAT.max_tokens
    answers: list[dict[str, str]] = []
    for text in flags["ticks"] or ("all", "none"):
        ticks = from_text(character, text)
        said = [Message("user", flags["question"])]
        sent = messages_of(character, ticks, said, model, longest)
        sampling = replace(CHAT, seed=flags["seed"], max_tokens=longest)
        answer = "".join(stream_answer(settings, model, sent, sampling=sampling))
        say(f"{text} ({in_words(character, ticks)}):\n{answer}\n")
        answers.append({"on": text, "text": answer})
    count = len(answers)
    more = {"question": flags["question"], "model": model.full, "answers": answers}
    return Result(
        "constitution switchboard",
        planned=count,
        done=count,
        requests=count,
        seconds=time.monotonic() - began,
        more=more,
    )


def _left_out(name: str, model: ModelName, settings: Settings, flags: dict[str, Any]) -> Result:
    """What each sentence does to one question's answers."""
    scope, job = Scope(name), _job(model, flags)
    character = load_character(scope, settings)
    if flags["dry_run"]:
        return _sized(job, Session(character, settings, existing_run(scope, character, settings)))
    run, ledger = run_of(scope, character, settings), Ledger(flags["budget"])
    session = Session(character, settings, run, ledger, reporter())
    began = time.monotonic()
    found = asyncio.run(_measured(job, session))
    _say(found)
    planned = sum(tally.planned for tally in session.tallies)
    return Result(
        "constitution switchboard",
        run=run.id,
        planned=planned,
        done=planned,
        requests=session.requests,
        files=[str(settings.data_path / "switchboard" / f"{name}.jsonl")],
        cost_usd=sum(tally.cost_usd for tally in session.tallies),
        seconds=time.monotonic() - began,
        more={"question": job.question, "model": model.full, **_figures(found)},
    )


def _job(model: ModelName, flags: dict[str, Any]) -> EffectsJob:
    return EffectsJob(flags["question"], model, flags["samples"], flags["seed"], flags["max_tokens"])


async def _measured(job: EffectsJob, session: Session) -> Effects:
    try:
        if session.ledger.budget_usd is not None:
            refuse_unpriced(size_effects(job, session))
        return await measure_effects(job, session)
    finally:
        await session.close()


def _sized(job: EffectsJob, session: Session) -> Result:
    sides = size_effects(job, session)
    asyncio.run(session.close())
    for side in sides:
        say(side_words(side))
    return Result(
        "constitution switchboard",
        run=session.constitution.run_id,
        planned=sum(side.planned for side in sides),
        done=sum(side.there for side in sides),
        more=size_figures(sides),
    )


def _say(found: Effects) -> None:
    say(told(found))
    for effect in found.effects:
        mark = "*" if effect.beyond_chance else " "
        voice = f"  voice {effect.voice:.0%}" if effect.voice is not None else ""
        changed = f"{effect.changed.mean:>4.0%} changed  length x{effect.length:.2f}{voice}"
        say(f"{mark} {changed}  {effect.sentence}")
    say("* more than the whole character ever changed from seed to seed.")


def _figures(found: Effects) -> dict[str, Any]:
    return {
        "chance": {"mean": found.chance.mean, "low": found.chance.low, "high": found.chance.high},
        "voice": found.voice,
        "effects": [
            {
                "id": effect.id,
                "sentence": effect.sentence,
                "changed": effect.changed.mean,
                "low": effect.changed.low,
                "high": effect.changed.high,
                "length": effect.length,
                "voice": effect.voice,
                "beyond_chance": effect.beyond_chance,
            }
            for effect in found.effects
        ],
    }


# A thing that is done with a constitution; it asks models, so it lives apart from the files' own verbs.
constitution.add_command(switchboard)
COMMANDS = ()
