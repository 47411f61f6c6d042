"""`character prices list·refresh·set·remove`: what models cost, and where the numbers come from."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import click

from core.cli.options import data_option, json_option, provider_option
from core.cli.output import Result, finish, say, whisper
from core.engines.price_lists import NEEDS_KEY, PARSERS, fetch_prices
from core.errors import CoreError, SettingsError
from core.jobs import ProgressReporter
from core.names import PROVIDERS, parse_model
from core.prices import A_MILLION, Price, by_whom, per_million
from core.settings import Settings, load_settings
from core.store.price_table import Entry, PriceTable


@click.group("prices")
def prices() -> None:
    """What models cost: for estimates before a job, and for spending limits."""


@prices.command("list")
@click.argument("models", nargs=-1, metavar="[MODEL]...")
@provider_option
@data_option
@json_option
def list_prices(models: tuple[str, ...], provider: str | None, data: Path | None, as_json: bool) -> None:
    """Known prices in USD per million tokens, or those of the named models."""
    table = PriceTable(load_settings(data=data))
    if table.problem:
        whisper(f"Warning: {table.problem}")
    entries = [_entry(table, name, provider) for name in models] if models else table.entries()
    for entry in entries:
        say(_line(entry))
    if not models and not any(table.age(provider) is not None for provider in PARSERS):
        whisper("No list is fetched yet; `character prices refresh` brings hundreds of prices.")
    known = [_as_dict(entry) for entry in entries]
    finish(Result("prices list", done=len(known), more={"prices": known}), as_json=as_json)


def _entry(table: PriceTable, name: str, provider: str | None = None) -> Entry:
    model = parse_model(name, provider=provider)
    return Entry(model.full, table.lookup(model))


def _line(entry: Entry) -> str:
    price = entry.price
    if price is None:
        return f"{entry.model}  price unknown"
    request = f", ${price.request:g} a request" if price.request else ""
    amounts = f"{per_million(price.prompt)} in, {per_million(price.completion)} out{request}"
    return f"{entry.model}  {amounts}{by_whom(price)}"


def _as_dict(entry: Entry) -> dict[str, Any]:
    price = entry.price
    if price is None:
        return {"model": entry.model, "input": None, "output": None}
    return {
        "model": entry.model,
        "input": _million(price.prompt),
        "output": _million(price.completion),
        "cached": None if price.cached is None else _million(price.cached),
        "request": price.request,
        "source": price.source,
        "as_of": price.as_of,
    }


def _million(per_token: float) -> float:
    return round(per_token * A_MILLION, 9)


@prices.command("refresh")
@click.argument("provider", required=False)
@data_option
@json_option
def refresh(provider: str | None, data: Path | None, as_json: bool) -> None:
    """Fetch the price lists now: of one provider, or of all that show one (OpenRouter, Together)."""
    settings = load_settings(data=data)
    wanted = [provider] if provider else _open_lists(settings)
    reporter = ProgressReporter.from_environment()
    result = Result("prices refresh", planned=len(wanted), more={"prices": {}, "failures": {}})
    for name in wanted:
        reporter.update(stage="Fetching prices", note=f"Asking {_label(name)}")
        _refresh_one(name, settings, result, alone=len(wanted) == 1)
    reporter.flush()
    result.status = ("incomplete" if result.done else "failed") if result.failed else "done"
    finish(result, as_json=as_json)


def _open_lists(settings: Settings) -> list[str]:
    """The providers that will show us their list."""
    return [name for name in PARSERS if name not in NEEDS_KEY or settings.key(name) is not None]


def _label(provider: str) -> str:
    return PROVIDERS[provider].label if provider in PROVIDERS else provider


def _refresh_one(provider: str, settings: Settings, result: Result, *, alone: bool) -> None:
    """Fetch and keep one list; the failure of one of several is noted, and the others go on."""
    table = PriceTable(settings)
    try:
        found = _fetched(provider, settings, table)
    except CoreError as error:
        if alone:
            raise
        whisper(f"Error: {error}")
        result.failed += 1
        result.more["failures"][provider] = str(error)
        return
    say(f"{_label(provider)}: {len(found):,} prices, as of today.")
    result.done += 1
    result.files = [str(table.path)]
    result.more["prices"][provider] = len(found)


def _fetched(provider: str, settings: Settings, table: PriceTable) -> dict[str, Price]:
    found = asyncio.run(fetch_prices(provider, settings))
    table.store_list(provider, found)
    return found


@prices.command("set")
@click.argument("model")
@click.option("--input", "prompt", type=float, required=True, help="USD per million tokens in.")
@click.option("--output", "completion", type=float, required=True, help="USD per million tokens out.")
@provider_option
@data_option
@json_option
def set_price(
    model: str,
    prompt: float,
    completion: float,
    provider: str | None,
    data: Path | None,
    as_json: bool,
) -> None:
    """Give a model a price of your own; it counts before every list."""
    table = PriceTable(load_settings(data=data))
    entry = _entry(table, table.set_own(_full(model, provider), prompt, completion))
    say(_line(entry))
    result = Result("prices set", planned=1, done=1, files=[str(table.path)], more=_as_dict(entry))
    finish(result, as_json=as_json)


@prices.command("remove")
@click.argument("model")
@provider_option
@data_option
@json_option
def remove_price(model: str, provider: str | None, data: Path | None, as_json: bool) -> None:
    """Forget your own price of a model; the provider's list counts again."""
    table = PriceTable(load_settings(data=data))
    # A name that only the file has, as one typed there by hand, can be removed too.
    if model not in table.own_names():
        model = _full(model, provider)
    if not table.remove_own(model):
        raise SettingsError(f"You gave {model} no price; `character prices list` shows what is known.")
    say(f"Your price of {model} is forgotten.")
    finish(Result("prices remove", planned=1, done=1, files=[str(table.path)]), as_json=as_json)


def _full(model: str, provider: str | None) -> str:
    """The full name of a model as typed. Raises SettingsError."""
    return parse_model(model, provider=provider).full


COMMANDS = (prices,)
