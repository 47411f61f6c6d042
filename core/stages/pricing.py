"""The price that a job goes by: the provider's list, fetched again when it is older than a day."""

from __future__ import annotations

from contextlib import suppress

from core.engines.price_lists import fetch_prices
from core.errors import CoreError
from core.names import ModelName
from core.prices import Price
from core.settings import Settings
from core.store.price_table import PriceTable

LISTED = ("openrouter", "together")
FRESH_FOR_S = 24 * 3600.0
PATIENCE_S = 5.0


async def current_price(model: ModelName, settings: Settings) -> Price | None:
    """The model's price, None where it is not known. A list that cannot be had changes nothing."""
    table = PriceTable(settings)
    if model.provider in LISTED and _is_old(table.age(model.provider)):
        # Otherwise the last list, the person's own entry or the built-in table serves.
        with suppress(CoreError):
            fetched = await fetch_prices(model.provider, settings, timeout_s=PATIENCE_S)
            table.store_list(model.provider, fetched)
    return table.lookup(model)


def _is_old(age_s: float | None) -> bool:
    return age_s is None or age_s > FRESH_FOR_S
