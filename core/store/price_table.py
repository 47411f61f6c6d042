"""The prices that the studio knows: the person's own, the fetched lists, and a few built in.

`DATA_PATH/prices.json`:
    {"yours": {"openai/gpt-4.1-mini": {"prompt": 4e-07, …}},
     "lists": {"openrouter": {"fetched": 1795478400.0, "prices": {"z-ai/glm-4.5-air": {…}}}}}

A model's own entry counts first, then its provider's list, then the built-in table, and last that what
runs here is free. No entry of the person's is ever lost: a file that cannot be read is not written to,
and until it is set aside every price that it may hold counts as unknown.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, cast

from filelock import FileLock, Timeout

from core.errors import RunError, SettingsError
from core.names import ModelName, parse_model
from core.prices import (
    A_MILLION,
    BUILT_IN,
    FREE,
    MOST_PER_TOKEN,
    OWN,
    Price,
    name_in,
    read_price,
    runs_here,
)
from core.settings import Settings
from core.store.jsonl import disk_trouble, write_json

BUILT_IN_AS_OF = "2025-10-01"
# USD per million tokens: in, out, and in from the provider's cache where that is published.
PER_MILLION: dict[str, tuple[float, float, float | None]] = {
    "openai/gpt-4o": (2.50, 10.00, 1.25),
    "openai/gpt-4o-mini": (0.15, 0.60, 0.075),
    "openai/gpt-4.1": (2.00, 8.00, 0.50),
    "openai/gpt-4.1-mini": (0.40, 1.60, 0.10),
    "openai/gpt-4.1-nano": (0.10, 0.40, 0.025),
    "openai/gpt-5": (1.25, 10.00, 0.125),
    "openai/gpt-5-mini": (0.25, 2.00, 0.025),
    "openai/gpt-5-nano": (0.05, 0.40, 0.005),
    "openrouter/openai/gpt-4o-mini": (0.15, 0.60, 0.075),
    "openrouter/openai/gpt-4.1-mini": (0.40, 1.60, 0.10),
    "openrouter/anthropic/claude-sonnet-4": (3.00, 15.00, 0.30),
    "together/meta-llama/Llama-3.3-70B-Instruct-Turbo": (0.88, 0.88, None),
    "together/openai/gpt-oss-120b": (0.15, 0.60, None),
}


def _built_in(prompt: float, completion: float, cached: float | None) -> Price:
    from_cache = None if cached is None else cached / A_MILLION
    return Price(
        prompt / A_MILLION, completion / A_MILLION, from_cache, source=BUILT_IN, as_of=BUILT_IN_AS_OF
    )


BUILT_IN_PRICES = {name: _built_in(*amounts) for name, amounts in PER_MILLION.items()}


class Entry(NamedTuple):
    """A model's full name and the price that counts; None for an own entry that cannot be read."""

    model: str
    price: Price | None


class _Stored(NamedTuple):
    """The file's content as JSON, and why it could not be read ("" when it could)."""

    yours: Mapping[str, Any]
    lists: Mapping[str, Any]
    problem: str


@dataclass(frozen=True, slots=True)
class PriceTable:
    """The prices of these settings' data folder, as they are on disk at each call."""

    settings: Settings

    @property
    def path(self) -> Path:
        """The file; it need not be there."""
        return self.settings.data_path / "prices.json"

    @property
    def problem(self) -> str:
        """Why the file cannot be used, and what to do; empty when all is well."""
        return self._stored().problem

    def lookup(self, model: ModelName) -> Price | None:
        """The price that counts for a model, None where it is unknown; never raises.

        Unknown is also what a damaged entry, or a damaged file, may have had a price for; what runs
        here stays free then.
        """
        stored = self._stored()
        own = name_in(model, stored.yours)
        if own is not None:
            return read_price(stored.yours[own])
        if runs_here(model.provider):
            return FREE
        return None if stored.problem else _published(model, stored.lists)

    def entries(self) -> list[Entry]:
        """Every model with a price, the person's own first, each with the price that counts."""
        stored = self._stored()
        own = {name: read_price(value) for name, value in sorted(stored.yours.items())}
        known = BUILT_IN_PRICES | _listed(stored.lists)
        others = {} if stored.problem else {name: known[name] for name in sorted(known) if name not in own}
        return [Entry(name, price) for name, price in (own | others).items()]

    def own_names(self) -> list[str]:
        """The full names of the models that the person gave a price."""
        return sorted(self._stored().yours)

    def age(self, provider: str) -> float | None:
        """Seconds since a provider's list was fetched; None when it never was."""
        fetched = _object(self._stored().lists.get(provider)).get("fetched")
        return max(0.0, time.time() - fetched) if isinstance(fetched, int | float) else None

    def set_own(self, full_name: str, prompt_per_million: float, completion_per_million: float) -> str:
        """Give a model a price in USD per million tokens; returns the full name it is kept under.

        Raises SettingsError for what is no model or no price, RunError when it cannot be saved.
        """
        model = parse_model(full_name)
        prompt, completion = _per_token(prompt_per_million), _per_token(completion_per_million)
        price = Price(prompt, completion, source=OWN, as_of=date.today().isoformat())
        with self._changing() as content:
            name = name_in(model, content["yours"]) or model.full
            content["yours"][name] = price.as_dict()
        return name

    def remove_own(self, full_name: str) -> bool:
        """Forget the person's price of a model; False when there was none. Raises as `set_own` does."""
        yours = self._stored().yours
        name = full_name if full_name in yours else name_in(parse_model(full_name), yours)
        if name is None and not self.problem:
            return False
        with self._changing() as content:
            return content["yours"].pop(name or full_name, None) is not None

    def store_list(self, provider: str, prices: Mapping[str, Price]) -> None:
        """Keep a provider's list, in place of the one before, as fetched now. Raises RunError."""
        kept = {name: price.as_dict() for name, price in sorted(prices.items())}
        with self._changing() as content:
            content["lists"][provider] = {"fetched": time.time(), "prices": kept}

    def set_aside(self) -> Path | None:
        """Move a damaged file out of the way, under a new name beside it, which is returned.

        None when the file is not damaged. Raises RunError.
        """
        with self._lock():
            if not self.problem:
                return None
            aside = self.path.with_name(f"prices.damaged-{time.time_ns()}.json")
            try:
                self.path.rename(aside)
            except OSError as error:
                raise disk_trouble("move", self.path, error) from error
        return aside

    def _stored(self) -> _Stored:
        try:
            found = self.path.stat()
            return _parsed(self.path, (found.st_mtime_ns, found.st_size, found.st_ino))
        except FileNotFoundError:
            return _Stored({}, {}, "")
        except OSError as error:
            return _Stored({}, {}, str(disk_trouble("read", self.path, error)))

    @contextmanager
    def _changing(self) -> Generator[dict[str, dict[str, Any]]]:
        """The content to change, saved at the end; one writer at a time. Raises RunError."""
        with self._lock():
            # What is about to be written over is read anew, whatever the file looks like.
            _parsed.cache_clear()
            stored = self._stored()
            if stored.problem:
                raise RunError(stored.problem)
            content = {"yours": dict(stored.yours), "lists": dict(stored.lists)}
            yield content
            write_json(self.path, content)

    @contextmanager
    def _lock(self) -> Generator[None]:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(self.path.with_name(".prices.lock"), timeout=10):
                yield
        except Timeout:
            raise RunError("Another window or job is saving prices; try again.") from None
        except OSError as error:
            raise disk_trouble("write", self.path, error) from error


@lru_cache(maxsize=8)
def _parsed(path: Path, stamp: tuple[int, int, int]) -> _Stored:
    """The content of a file that looks so (`stamp`), read once; nobody changes what comes back.

    Raises OSError, which is not remembered.
    """
    data = path.read_bytes()
    try:
        content = json.loads(data)
        yours, lists = content.get("yours", {}), content.get("lists", {})
        if not isinstance(yours, dict) or not isinstance(lists, dict):
            raise TypeError("it is no table of prices")
    except (ValueError, RecursionError, AttributeError, TypeError):
        return _Stored({}, {}, _damaged(path))
    return _Stored(cast("dict[str, Any]", yours), cast("dict[str, Any]", lists), "")


def _damaged(path: Path) -> str:
    return (
        f"{path} is damaged, so no price in it can be relied on. Mend it, or move it away and add your "
        "own prices again; the studio leaves it as it is."
    )


def _published(model: ModelName, lists: Mapping[str, Any]) -> Price | None:
    """The provider's price of a model, else the built-in one."""
    listed = _prices_in(lists, model.provider)
    name = name_in(model, listed)
    price = read_price(listed[name]) if name is not None else None
    if price is not None:
        return price
    name = name_in(model, BUILT_IN_PRICES)
    return None if name is None else BUILT_IN_PRICES[name]


def _listed(lists: Mapping[str, Any]) -> dict[str, Price]:
    """The prices of all fetched lists by full name; damaged entries are skipped."""
    raw = {name: value for provider in lists for name, value in _prices_in(lists, provider).items()}
    read = ((name, read_price(value)) for name, value in raw.items())
    return {name: price for name, price in read if price is not None}


def _prices_in(lists: Mapping[str, Any], provider: str) -> dict[str, Any]:
    """What the file holds for the models of one provider, by full name."""
    prices = _object(_object(lists.get(provider)).get("prices"))
    return {f"{provider}/{name}": value for name, value in prices.items()}


def _object(value: Any) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, dict) else {}


def _per_token(per_million: float) -> float:
    """USD per token. Raises SettingsError for what is no price."""
    most = MOST_PER_TOKEN * A_MILLION
    if not (math.isfinite(per_million) and 0 <= per_million <= most):
        raise SettingsError(
            f"{per_million:g} is no price: give USD per million tokens from 0 to {most:,.0f}, as 0.40."
        )
    return per_million / A_MILLION
