"""What a tuned model can be served on at Together, and what that costs. Pure.

A model's configurations name their hardware by selectors, the catalogue its price by the hour; both meet
in the hardware's name, as in "1xnvidia-h100-80gb".
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Json = Mapping[str, Any]

# Together stops a deployment by itself after so long without a request; 30 is the least it takes.
IDLE_MINUTES = 30
LONGEST_NAME = 60


@dataclass(frozen=True, slots=True)
class Offer:
    """One way to serve a model: a configuration, its hardware, and the price where it is known."""

    config: str
    hardware: str
    cents_per_hour: float | None
    has_room: bool = True

    @property
    def usd_per_minute(self) -> float | None:
        """Dollars a minute while it runs; None where Together names no price."""
        return None if self.cents_per_hour is None else self.cents_per_hour / 6000

    def usd_for(self, minutes: float) -> float | None:
        """What so many minutes cost at most, rounded up to a cent; None where no price is known."""
        if self.cents_per_hour is None:
            return None
        # Rounded before it is rounded up: 3.99 must not become 4.00 by a binary fraction.
        return math.ceil(round(self.cents_per_hour * minutes / 60, 6)) / 100


def offers_of(configs: Sequence[Json], catalogue: Sequence[Json]) -> list[Offer]:
    """Every way to serve a model, best first: with room before without, then by price."""
    found = [_offer(config, catalogue) for config in configs if config.get("id")]
    return sorted(found, key=_rank)


def _rank(offer: Offer) -> tuple[bool, float, str]:
    price = math.inf if offer.cents_per_hour is None else offer.cents_per_hour
    return not offer.has_room, price, offer.config


def _offer(config: Json, catalogue: Sequence[Json]) -> Offer:
    wanted = hardware_of(config)
    instance = next((one for one in catalogue if _is_same(wanted, one)), None) if wanted else None
    price = instance.get("priceCentsPerHour") if instance else None
    path = f"projects/{config.get('projectId')}/configs/{config['id']}"
    known = isinstance(price, int | float) and not isinstance(price, bool) and price > 0
    return Offer(
        path,
        hardware_label(wanted) if wanted else "hardware that Together does not name",
        float(price) if known and price is not None else None,
        _has_room(instance) if instance else True,
    )


def hardware_of(config: Json) -> str | None:
    """The name of a configuration's hardware, as the catalogue has it; None where it says nothing."""
    chosen = {str(one.get("key")): str(one.get("value")) for one in config.get("selectors") or []}
    kind, count = chosen.get("accelerator_type"), chosen.get("accelerator_count")
    return f"{count}x{kind}" if kind and count else None


def _is_same(wanted: str, instance: Json) -> bool:
    names = {_plain(str(instance.get(field) or "")) for field in ("name", "id")}
    return _plain(wanted) in names


def _plain(name: str) -> str:
    """A hardware name without its maker, which one of the two lists may leave out."""
    return name.casefold().replace("nvidia-", "")


def _has_room(instance: Json) -> bool:
    """Whether some region may take one more; a region that does not say so may."""
    rooms = [region.get("headroom") or {} for region in instance.get("regions") or []]
    return not rooms or any(room.get("value") != 0 for room in rooms)


def hardware_label(name: str) -> str:
    """A hardware name for people: "1xnvidia-h100-80gb" is "1x H100 80GB"."""
    count, _, kind = name.partition("x")
    words = [word for word in kind.split("-") if word.casefold() not in ("", "nvidia", "amd")]
    return f"{count}x {' '.join(words).upper()}" if words else name


def price_words(offer: Offer, minutes: float) -> str:
    """Hardware, the price of a minute, and what the time limit costs."""
    cost, each = offer.usd_for(minutes), offer.usd_per_minute
    if cost is None or each is None:
        return f"{offer.hardware}; Together does not say what it costs, {minutes:g} minutes at most"
    return f"{offer.hardware} at ${each:.3f} a minute: {minutes:g} minutes cost at most ${cost:.2f}"


def name_for(tag: str) -> str:
    """The endpoint's name, made of the training's tag: the same every time, so that it is found again."""
    return re.sub(r"[^a-z0-9-]+", "-", tag.lower()).strip("-")[-LONGEST_NAME:]


def undeployable_words(model: str, student: str, name: str, adapter: str | None, why: str) -> str:
    """Why a model gets no endpoint, and how its adapter is used instead."""
    if adapter is None:
        return f"Together gives the tuned {model} no endpoint: {why}. Train a base that can be deployed."
    return (
        f"Together gives the tuned {model} no endpoint: {why}. Its adapter is here, in {adapter}; on a "
        f"computer with a GPU: character serve vllm --model {student} --adapter {name}={adapter}"
    )
