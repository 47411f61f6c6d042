"""A job's figures in plain words. Pure: what a file may hold by mistake never raises here."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from app.wording import counted

Figures = Mapping[str, Any]

REASONS = {
    "rate_limited": "It was too much at once for the provider",
    "transient": "The provider was busy or had trouble",
    "timeout": "No answer in time",
    "connection": "The connection broke",
    "unreachable": "No server answered",
    "empty": "The answer was empty",
    "unreadable": "The answer could not be read",
    "refused": "The provider refused",
    "filtered": "A content filter refused it",
    "too_large": "The answer was too large",
    "exhausted": "It thought until there was no room for an answer",
    "key": "The key was not accepted",
    "credit": "There was no credit left",
    "forbidden": "The account may not do this",
    "model": "The model was not found",
    "redirect": "The server pointed to another address",
}
MOST_WORDS = 80


def number(figures: Figures, name: str) -> float | None:
    """A figure that is a finite number; None for anything else."""
    value = figures.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None


def whole(figures: Figures, name: str) -> int:
    """A figure as a count; 0 when there is none."""
    return max(0, round(number(figures, name) or 0))


def rate(per_second: float) -> str:
    """A speed as people say it: "31 answers a second", "12 answers a minute"."""
    if per_second >= 10:
        return f"{per_second:,.0f} answers a second"
    if per_second >= 1:
        return f"{per_second:.1f} answers a second"
    return counted(round(per_second * 60), "answer") + " a minute"


def roughly(seconds: float) -> float:
    """A time still to go, rounded so that it does not change every second."""
    step = 60 if seconds >= 120 else 5
    return math.ceil(seconds / step) * step


def money(usd: float) -> str:
    """Dollars with the digits that matter: "$5.00", "$0.042", "under $0.001"."""
    if 0 < usd < 0.001:
        return "under $0.001"
    return f"${usd:,.3f}" if 0 < usd < 0.1 else f"${usd:,.2f}"


def many(count: int) -> str:
    """A count that may be long: "812", "41,300", "7.7 million"."""
    return f"{count / 1e6:,.1f} million" if count >= 1_000_000 else f"{count:,}"


def facts_now(figures: Figures) -> str:
    """How a running job does, in one line; "" when it counts nothing."""
    parts = [_speed(figures), _at_once(figures), spent(figures), _asked_again(figures)]
    return " · ".join(part for part in parts if part)


def _asked_again(figures: Figures) -> str:
    retries, waiting = whole(figures, "retries"), whole(figures, "waiting")
    if not retries:
        return f"{waiting:,} waiting to ask again" if waiting else ""
    return f"{retries:,} asked again" + (f", {waiting:,} waiting" if waiting else "")


def _speed(figures: Figures) -> str:
    per_second = number(figures, "per_second")
    if per_second is None:
        return ""
    if round(per_second * 60) > 0:
        return rate(per_second)
    return "no answer in the last ten seconds" if whole(figures, "requests") else ""


def _at_once(figures: Figures) -> str:
    if number(figures, "in_flight") is None:
        return ""
    most = whole(figures, "ceiling")
    return f"{whole(figures, 'in_flight'):,}" + (f" of at most {most:,}" if most else "") + " at once"


def spent(figures: Figures, *, of_budget: bool = True) -> str:
    """What it has cost: "$0.42 of $5.00 spent", "" where nobody knows and nobody asked.

    Nothing spent is not told either: a price of 0 and an unknown one look the same here.
    """
    cost, budget = number(figures, "cost_usd"), number(figures, "budget_usd") if of_budget else None
    of = f" of {money(budget)}" if budget is not None else ""
    if cost is None:
        return f"price not known, limit {money(budget)}" if budget is not None else ""
    return f"{money(cost)}{of} spent" if cost > 0 or of else ""


def retried(figures: Figures) -> str:
    """How many requests were second tries, and how many of them for asking too fast."""
    retries, too_fast = whole(figures, "retries"), whole(figures, "rate_limited")
    if not retries:
        return ""
    return f"{retries:,} asked again" + (f", {too_fast:,} refused as too many" if too_fast else "")


def doubt(figures: Figures) -> str:
    """How many answers may have been paid for twice; "" when none."""
    count, usd = whole(figures, "maybe_double_billed"), number(figures, "maybe_usd")
    if not count:
        return ""
    return f"{count:,} possibly billed twice" + (f", {money(usd)} at most" if usd else "")


def totals(figures: Figures) -> str:
    """What a stage took in all; "" when it counted nothing."""
    requests, cached = whole(figures, "requests"), whole(figures, "cached_tokens")
    tokens_in, tokens_out = whole(figures, "tokens_in"), whole(figures, "tokens_out")
    parts = [counted(requests, "request"), retried(figures)] if requests else []
    if tokens_in or tokens_out:
        parts += [f"{many(tokens_in)} tokens in" + (f" ({many(cached)} cached)" if cached else "")]
        parts += [f"{many(tokens_out)} out"]
    return " · ".join(part for part in [*parts, spent(figures)] if part)


def failed_so_far(figures: Figures) -> list[tuple[str, int]]:
    """Why answers failed until now and how often, the most frequent first."""
    reasons = figures.get("reasons")
    if not isinstance(reasons, dict):
        return []
    found = [(reason_in_words(str(kind)), whole(reasons, kind)) for kind in reasons]
    return sorted((pair for pair in found if pair[1]), key=lambda pair: -pair[1])


def reason_in_words(kind: str, status: Any = None) -> str:
    """Why something failed, for a person who does not know the kinds."""
    words = REASONS.get(kind, kind[:MOST_WORDS] or "Unknown reason")
    return words + (f" (HTTP {status})" if status not in (None, 200) else "")
