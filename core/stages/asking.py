"""How a job asks: which limit it begins with, what it may spend, and what an answer costs."""

from __future__ import annotations

from core.bulk import Bulk
from core.bulk.pace import Bounds, Pace
from core.engines import Engine
from core.errors import SettingsError
from core.names import HERE, PROVIDERS, ModelName
from core.prices import Price
from core.spending import Ledger
from core.stages.planning import AnswerJob

# What one stage of a command has learnt of an endpoint, model and key serves the next.
_PACES: dict[tuple[str, Bounds], Pace] = {}


def bulk_of(
    job: AnswerJob, engine: Engine, *, ledger: Ledger | None = None, price: Price | None = None
) -> Bulk:
    """Limits, patience and money for a job. Raises SettingsError for a budget without a known price."""
    return bulk_for(
        job.model,
        engine,
        Bounds(start_of(job.model), job.ceiling, adaptive=not job.fixed_concurrency),
        samples=job.samples,
        ledger=ledger,
        price=price,
    )


def bulk_for(
    model: ModelName,
    engine: Engine,
    bounds: Bounds,
    *,
    samples: int = 1,
    ledger: Ledger | None = None,
    price: Price | None = None,
) -> Bulk:
    """The same for any requests to a model. Raises SettingsError for a budget without a known price."""
    ledger = ledger or Ledger(None)
    if ledger.budget_usd is not None and price is None:
        raise SettingsError(
            f"--budget needs the price of {model.full}, which is not known. Add it under Engines "
            f"and keys or with: character prices set {model.full} --input USD --output USD"
        )
    return Bulk(
        pace=_PACES.setdefault((engine.name, bounds), Pace(bounds)),
        ledger=ledger,
        price=price,
        warm_first=model.provider in HERE,
        samples_at_once=samples if engine.samples_at_once else 1,
    )


def start_of(model: ModelName) -> int:
    """With how many requests at once a model is first asked."""
    spec = PROVIDERS.get(model.provider)
    return spec.start if spec else 20
