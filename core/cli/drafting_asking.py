"""How a drafting verb asks a model: which, at what price, and how it tells what came of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import click

from core.bulk import Bulk
from core.bulk.pace import Bounds
from core.cli.options import (
    budget_option,
    data_option,
    dry_run_option,
    json_option,
    provider_option,
    stacked,
)
from core.cli.output import Bar, Result, finish, say, whisper
from core.drafting.replies import Unusable
from core.drafting.writers import HONEST, best_writer, is_capable
from core.engines import Engine
from core.engines.opening import open_engine
from core.jobs import ProgressReporter
from core.names import PROVIDERS, ModelName, parse_model
from core.prices import Price, estimate_words
from core.settings import Settings
from core.spending import Ledger
from core.stages.asking import bulk_for
from core.stages.defaults import PROVIDER
from core.stages.drafting import DraftJob
from core.stages.drafting_calls import Call, Outcome, Size, ask_missing, size_of
from core.stages.pricing import current_price
from core.store.replies import Replies

model_options = stacked(
    click.option("--model", help="Who writes [the best model whose key is set, else the embedded one]."),
    provider_option,
    click.option(
        "--seed", type=click.IntRange(0, 10_000), default=0, help="Another number: other answers."
    ),
    budget_option,
    dry_run_option,
    data_option,
    json_option,
)


@dataclass(slots=True)
class Asker:
    """A model, its price, and the verb that asks it."""

    verb: str
    settings: Settings
    model: ModelName
    engine: Engine
    seed: int
    budget: float | None
    drafts: int = 3
    price: Price | None = None
    seconds: float = 0.0

    @property
    def job(self) -> DraftJob:
        return DraftJob(self.model, self.drafts, self.seed)

    def dry_run(self, calls: Sequence[Call], replies: Replies, *, as_json: bool) -> None:
        """Say what would be sent and exit."""
        size = size_of(calls, replies, self.model, self.engine, asyncio.run(self._price()))
        say(size_words(size, self.model, self.price))
        finish(
            self._result(Outcome(size.planned, size.planned - size.missing), _more(size)), as_json=as_json
        )

    def ask(self, calls: Sequence[Call], replies: Replies) -> Outcome:
        """Ask what is missing; progress goes to the bar and to the job's page."""
        reporter, bar = ProgressReporter.from_environment(), Bar("drafts")
        started = time.monotonic()

        async def go() -> Outcome:
            bulk = await self._bulk()

            def tell(done: int, planned: int, failed: int, note: str) -> None:
                bar(done, planned, failed)
                figures = bulk.figures.as_dict(time.monotonic())
                reporter.update(
                    stage="drafts", done=done, planned=planned, failed=failed, note=note, figures=figures
                )

            try:
                return await ask_missing(calls, replies, self.model, self.engine, bulk, tell)
            finally:
                reporter.flush()
                await self.engine.close()

        outcome = asyncio.run(go())
        self.seconds = time.monotonic() - started
        for label, why in outcome.failures:
            whisper(f"{label}: {why}")
        if outcome.left_out:
            whisper("The budget is spent; what is missing is left out. Raise --budget and run again.")
        return outcome

    async def _price(self) -> Price | None:
        self.price = await current_price(self.model, self.settings)
        return self.price

    async def _bulk(self) -> Bulk:
        price = await self._price()
        return bulk_for(self.model, self.engine, Bounds(4, 4), ledger=Ledger(self.budget), price=price)

    def _result(self, outcome: Outcome, more: Mapping[str, Any]) -> Result:
        return Result(
            self.verb,
            status="done" if more.get("dry_run") else outcome.status,
            planned=outcome.planned,
            done=outcome.there if more.get("dry_run") else len(outcome.answers),
            failed=len(outcome.failures),
            requests=outcome.requests,
            cost_usd=outcome.cost_usd,
            seconds=self.seconds,
            more={"model": self.model.full, **more},
        )

    def finish(
        self,
        outcome: Outcome,
        more: Mapping[str, Any],
        unusable: Unusable,
        files: list[str],
        *,
        as_json: bool,
    ) -> None:
        """Print what could not be used, then the result, and exit."""
        result = self._result(outcome, more)
        for text, reason in unusable:
            say(f"  not used, {reason}: {_short(text)}")
            result.dropped[reason] = result.dropped.get(reason, 0) + 1
        result.files = files
        finish(result, as_json=as_json)


def _more(size: Size) -> dict[str, Any]:
    low, high = size.cost or (None, None)
    return {
        "dry_run": True,
        "calls": size.missing,
        "prompt_tokens": size.prompt_tokens,
        "completion_tokens": size.completion_tokens,
        "estimated_usd_low": low,
        "estimated_usd_high": high,
    }


def size_words(size: Size, model: ModelName, price: Price | None) -> str:
    """What would be sent, in one line, with its price."""
    low, high = size.cost or (0.0, 0.0)
    calls = f"{size.missing} of {size.planned} calls to {model.full}"
    tokens = f"about {size.prompt_tokens} tokens in, at most {size.completion_tokens} out"
    return f"{calls}, {tokens}: {estimate_words(low, high, price)}. Nothing was sent."


def asker_for(verb: str, settings: Settings, flags: Mapping[str, Any]) -> Asker:
    """Raises SettingsError for a model that cannot be asked."""
    keys = {name for name, spec in PROVIDERS.items() if spec.key_name and settings.key(name)}
    typed = flags["model"] or best_writer(keys)
    model = parse_model(typed, provider=flags["provider"], default=PROVIDER)
    if not is_capable(model.model) and not flags["dry_run"]:
        whisper(HONEST)
    return Asker(verb, settings, model, open_engine(model, settings), flags["seed"], flags["budget"])


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= 100 else flat[:99] + "…"
