"""What the stages of a plan build on when they are priced, and a stage of so many requests priced."""

from __future__ import annotations

from dataclasses import dataclass

from core.constitution import Constitution
from core.names import ModelName, parse_model
from core.price_tag import NOTHING, Cost, Range, about
from core.prices import Price, cost_range
from core.settings import Settings
from core.stages.defaults import PROVIDER
from core.stages.pace_here import Paces
from core.store.price_table import PriceTable
from core.whole import Plan


@dataclass(slots=True)
class Reckoning:
    """What the stages after another build on: how many prompts, pairs and conversations there will be."""

    plan: Plan
    settings: Settings
    constitution: Constitution
    paces: Paces
    prompts: int = 0
    new_prompts: int = 0
    pairs: float = 0.0
    dialogues: float = 0.0

    def model(self, name: str) -> ModelName:
        """A model by its name in the plan."""
        return parse_model(name, default=PROVIDER)

    def price(self, name: str) -> Price | None:
        """What a model costs, None where nobody knows."""
        return PriceTable(self.settings).lookup(self.model(name))


def seconds_of(now: Reckoning, model: ModelName, calls: float) -> Range:
    """How long so many answers take."""
    if not calls:
        return NOTHING
    if model.provider == "local":
        return about(calls * now.paces.answer, low=0.6, high=1.8)
    return about(max(5.0, calls * 10.0 / 32), low=0.5, high=3.0)


def asked(
    stage: str,
    now: Reckoning,
    name: str,
    calls: Range,
    *,
    tokens_in: float,
    tokens_out: float,
    longest: int,
    basis: str,
) -> Cost:
    """A stage of so many requests, each about so long."""
    model, price = now.model(name), now.price(name)
    sent = calls.times(tokens_in)
    said = Range(
        calls.low * tokens_out * 0.6, calls.likely * tokens_out, calls.high * max(tokens_out, longest / 2)
    )
    usd: Range | None = None
    if price is not None:
        usd = Range(
            *(
                _usd(price, number, tokens_in, out)
                for number, out in (
                    (calls.low, tokens_out * 0.6),
                    (calls.likely, tokens_out),
                    (calls.high, float(longest)),
                )
            )
        )
    seconds = seconds_of(now, model, calls.likely)
    return Cost(stage, calls, sent, said, seconds, usd, basis)


def _usd(price: Price, calls: float, tokens_in: float, tokens_out: float) -> float:
    most = max(1, round(tokens_out))
    return cost_range(price, calls=round(calls), prompt_tokens=calls * tokens_in, max_tokens=most).high
