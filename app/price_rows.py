"""The lines of the table of prices: which models are likely to be used, which a search finds."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import streamlit as st

from app.reads import settings
from core.errors import CoreError
from core.names import parse_model
from core.prices import A_MILLION, Price, day_in_words, runs_here
from core.store.jsonl import read_json
from core.store.price_table import PriceTable

MOST_RUNS = 200
SECONDS_KEPT = 30.0


class PriceRow(NamedTuple):
    """One line of the table: USD per million tokens, None where the price is unknown."""

    model: str
    input: float | None
    output: float | None
    source: str
    as_of: str


def likely_names(table: PriceTable) -> list[str]:
    """The models with a price of one's own, then those in runs that cost something."""
    own = table.own_names()
    known = {name.casefold() for name in own}
    used = models_in_runs(str(settings().runs_path))
    return own + [name for name in used if name.casefold() not in known]


def found_names(table: PriceTable, wanted: str) -> list[str]:
    """The models that have every word of a search in their name, in any case."""
    words = wanted.casefold().split()
    names = [entry.model for entry in table.entries()]
    return [name for name in names if all(word in name.casefold() for word in words)]


@st.cache_data(ttl=SECONDS_KEPT, max_entries=8, show_spinner=False)
def models_in_runs(runs: str) -> list[str]:
    """The models of providers that answered in the newest runs; what cannot be read is left out."""
    files = sorted(Path(runs).glob("*/*/*/settings.json"), key=_changed_at, reverse=True)[:MOST_RUNS]
    names = [_model_in(path) for path in files]
    return sorted({name for name in names if name})


def _changed_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _model_in(path: Path) -> str | None:
    """The full name of the model in an answer folder, None for one that runs here or is not named."""
    try:
        model = parse_model(str((read_json(path) or {})["model"]))
    except (CoreError, OSError, KeyError, TypeError):
        return None
    return None if runs_here(model.provider) else model.full


def row_of(name: str, table: PriceTable) -> PriceRow:
    """A model's line."""
    price = _price(name, table)
    if price is None:
        return PriceRow(name, None, None, "unknown", "")
    source = price.source + (f", and ${price.request:g} a request" if price.request else "")
    return PriceRow(
        name, _million(price.prompt), _million(price.completion), source, day_in_words(price.as_of)
    )


def _price(name: str, table: PriceTable) -> Price | None:
    try:
        return table.lookup(parse_model(name))
    except CoreError:
        return None


def _million(per_token: float) -> float:
    return round(per_token * A_MILLION, 9)
