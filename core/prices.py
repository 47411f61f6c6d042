"""What an answer costs: prices per token, estimates before the click, and money in words. Pure.

    price = Price(prompt=2e-07, completion=1.1e-06, source="OpenRouter's list", as_of="2026-11-23")
    low, high = cost_range(price, calls=200, prompt_tokens=80_000, max_tokens=4096)
    estimate_words(low, high, price)    "about $0.09 to $0.92 (OpenRouter's list, 23 Nov 2026)"

Where a price is not known, nothing is guessed: the answer is None, and the words say how to add it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, NamedTuple, cast

from core.names import HERE, ModelName
from core.records import Usage

OPENROUTER, TOGETHER = "OpenRouter's list", "Together's list"
OWN, BUILT_IN = "your table", "built-in table, may be out of date"
A_MILLION = 1_000_000
# Nobody asks $10,000 for a million tokens: such an entry was read or typed in another unit.
MOST_PER_TOKEN = 0.01
MOST_PER_REQUEST = 100.0
TYPICAL_TOKENS = 350
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True, slots=True)
class Price:
    """USD per token in and out, and per request; where the numbers come from, and of which day.

    `cached` is the price of prompt tokens that the provider had in its cache, None where unknown.
    """

    prompt: float
    completion: float
    cached: float | None = None
    request: float = 0.0
    source: str = ""
    as_of: str = ""

    @property
    def is_free(self) -> bool:
        """Whether no token and no request costs anything."""
        return not (self.prompt or self.completion or self.request)

    def of(self, usage: Usage) -> float | None:
        """USD for one answer; None where a count that costs something is missing or makes no sense.

        Cached tokens cost the cached price where it is known, and the full one where it is not.
        """
        if self.is_free:
            return 0.0
        prompt, completion = _count(usage.prompt), _count(usage.completion)
        if prompt is None or completion is None:
            return None
        cached = 0 if self.cached is None else min(prompt, _count(usage.cached) or 0)
        fresh = (prompt - cached) * self.prompt + cached * (self.cached or 0.0)
        return self.request + fresh + completion * self.completion

    def most(self, prompt_tokens: int, max_tokens: int) -> float:
        """USD for one request at worst: nothing cached, the answer as long as it may be."""
        dearest = max(self.prompt, self.cached or 0.0)
        return self.request + prompt_tokens * dearest + max_tokens * self.completion

    def as_dict(self) -> dict[str, Any]:
        """Every field, as plain JSON."""
        return asdict(self)


FREE = Price(0.0, 0.0, source="runs here")


def read_price(value: Any) -> Price | None:
    """A price as `as_dict` wrote it; None for a damaged one."""
    entry = _object(value)
    prompt, completion = _amount(entry.get("prompt")), _amount(entry.get("completion"))
    request = _amount(entry.get("request", 0.0), most=MOST_PER_REQUEST)
    if prompt is None or completion is None or request is None:
        return None
    source, as_of = str(entry.get("source", "")), str(entry.get("as_of", ""))
    return Price(prompt, completion, _amount(entry.get("cached")), request, source, as_of)


def runs_here(provider: str) -> bool:
    """Whether a provider's models run on a computer of one's own, where no answer is billed."""
    return provider in HERE


def name_in(model: ModelName, names: Iterable[str]) -> str | None:
    """The spelling of a model among full names, upper and lower case alike; None when it is not there.

    A bare address is found with its port or without it, as rows keep it.
    """
    spelled = {name.casefold(): name for name in names}
    return next(
        (spelled[own.casefold()] for own in (model.full, model.label) if own.casefold() in spelled), None
    )


# ---- the providers' lists


def parse_openrouter(body: Any, *, as_of: str = "") -> dict[str, Price]:
    """Prices by model id from OpenRouter's `/models` (strings, USD per token).

    Damaged entries are skipped, and so are prices that are only known once a request is routed ("-1").
    """
    prices = ((name, _openrouter_price(pricing, as_of)) for name, pricing in _entries(body))
    return {name: price for name, price in prices if price}


def _openrouter_price(pricing: Mapping[str, Any], as_of: str) -> Price | None:
    prompt, answer = _amount(pricing.get("prompt")), _amount(pricing.get("completion"))
    reasoning = _amount(pricing.get("internal_reasoning") or "0")
    request = _amount(pricing.get("request") or "0", most=MOST_PER_REQUEST)
    if prompt is None or answer is None or reasoning is None or request is None:
        return None
    # Reasoning is counted among the answer's tokens, so the dearer of the two is the safe price.
    cached = _amount(pricing.get("input_cache_read"))
    return Price(prompt, max(answer, reasoning), cached, request, OPENROUTER, as_of)


def parse_together(body: Any, *, as_of: str = "") -> dict[str, Price]:
    """Prices by model id from Together's `/v1/models` (USD per million tokens).

    Damaged entries are skipped, and so are those whose prices are all zero: Together writes that
    where it does not say a price per token.
    """
    prices = ((name, _together_price(pricing, as_of)) for name, pricing in _entries(body))
    return {name: price for name, price in prices if price and not price.is_free}


def _together_price(pricing: Mapping[str, Any], as_of: str) -> Price | None:
    most = MOST_PER_TOKEN * A_MILLION
    prompt = _amount(pricing.get("input"), most=most)
    answer = _amount(pricing.get("output"), most=most)
    if prompt is None or answer is None:
        return None
    return Price(prompt / A_MILLION, answer / A_MILLION, source=TOGETHER, as_of=as_of)


def _entries(body: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The id and the pricing of every usable entry, from a bare list or one under "data"."""
    rows = body if isinstance(body, list) else _object(body).get("data")
    for row in cast("list[Any]", rows) if isinstance(rows, list) else ():
        entry = _object(row)
        name, pricing = entry.get("id"), entry.get("pricing")
        if isinstance(name, str) and name.strip() and isinstance(pricing, dict):
            yield name, cast("Mapping[str, Any]", pricing)


def _object(value: Any) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, dict) else {}


def _amount(value: Any, *, most: float = MOST_PER_TOKEN) -> float | None:
    """A price as a number; None for what is no price: words, negative, infinite, beyond all reason."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return abs(number) if math.isfinite(number) and 0 <= number <= most else None


def _count(value: Any) -> int | None:
    """A number of tokens as a server sent it; None for whatever else it may send."""
    usable = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    return value if usable else None


# ---- estimates


class PriceRange(NamedTuple):
    """USD between answers of a typical length and answers as long as they may be."""

    low: float
    high: float


def cost_range(
    price: Price,
    *,
    calls: int,
    prompt_tokens: float,
    max_tokens: int,
    typical_tokens: float | None = None,
) -> PriceRange:
    """What `calls` requests will cost; `prompt_tokens` counts those of all calls together.

    `max_tokens` is the longest that a single answer may be, as in a `Sampling`. Low: every answer has
    a typical length, which is `typical_tokens` (the mean of answers that are there) or else an eighth
    of `max_tokens`, at most 350 tokens. High: every answer reaches `max_tokens`. Nothing is taken to
    be cached, and nothing to be asked twice.
    """
    typical = typical_length(max_tokens, typical_tokens)
    asking = calls * price.request + prompt_tokens * price.prompt
    low, high = (asking + calls * tokens * price.completion for tokens in (typical, max_tokens))
    return PriceRange(low, high)


def typical_length(max_tokens: int, mean: float | None = None) -> float:
    """Tokens of an ordinary answer: the mean where known, else an eighth of the longest, at most 350."""
    if mean is not None and math.isfinite(mean) and mean >= 0:
        return min(mean, max_tokens)
    return min(TYPICAL_TOKENS, max_tokens / 8)


# ---- words


def money(usd: float) -> str:
    """An amount for people: "$0.0042", "$1.20", "$1,234"; "under $0.01" for next to nothing, "$0"."""
    if usd <= 0:
        return "$0"
    if usd < 0.001:
        return "under $0.01"
    if usd < 0.00995:
        return f"${usd:.4f}"
    return f"${usd:.2f}" if usd < 999.995 else f"${usd:,.0f}"


def per_million(usd_per_token: float) -> str:
    """A price per token as price lists write it, by the million: "$0.20", "$0.055", "free"."""
    amount = round(usd_per_token * A_MILLION, 6)
    if not amount:
        return "free" if not usd_per_token else "under $0.000001"
    cents = f"{amount:.6f}".rstrip("0")
    whole, _, digits = cents.partition(".")
    return f"${int(whole):,}.{digits:0<2}"


def estimate_words(low: float, high: float, price: Price | None) -> str:
    """What to expect, and by whose prices; for an unknown price, how to add it."""
    if price is None:
        return "price unknown: add it under Engines and keys or with `character prices set …`"
    if price.is_free:
        return "free, it runs here" if price.source == FREE.source else f"free{by_whom(price)}"
    return _amounts(low, high) + by_whom(price)


def _amounts(low: float, high: float) -> str:
    least, most = money(low), money(high)
    if not most.startswith("$"):
        return most
    if not least.startswith("$"):
        return f"at most about {most}"
    return f"about {least}" if least == most else f"about {least} to {most}"


def by_whom(price: Price) -> str:
    """Source and day in brackets, or nothing where neither is known."""
    known = [part for part in (price.source, day_in_words(price.as_of)) if part]
    return f" ({', '.join(known)})" if known else ""


def day_in_words(iso: str) -> str:
    """An ISO date as "23 Nov 2026"; nothing for what is none."""
    try:
        day = date.fromisoformat(iso)
    except ValueError:
        return ""
    return f"{day.day} {MONTHS[day.month - 1]} {day.year}"
