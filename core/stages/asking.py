"""How a job asks: which limit it begins with, what it may spend, and what an answer costs."""

from __future__ import annotations

from core.bulk import Bulk
from core.bulk.pace import Bounds, Pace
from core.engines import Engine
from core.errors import SettingsError
from core.names import PROVIDERS
from core.prices import Price
from core.spending import Ledger
from core.stages.planning import AnswerJob

# What one stage of a command has learnt of an endpoint, model and key serves the next.
_PACES: dict[tuple[str, Bounds], Pace] = {}


def bulk_of(
    job: AnswerJob, engine: Engine, *, ledger: Ledger | None = None, price: Price | None = None
) -> Bulk:
    """Limits, patience and money for a job. Raises SettingsError for a budget without a known price."""
    ledger = ledger or Ledger(None)
    if ledger.budget_usd is not None and price is None:
        raise SettingsError(
            f"--budget needs the price of {job.model.full}, which is not known. Add it on the Settings "
            f"page or with: character prices set {job.model.full} --input USD --output USD"
        )
    spec = PROVIDERS.get(job.model.provider)
    return Bulk(
        pace=_pace(job, engine),
        ledger=ledger,
        price=price,
        warm_first=bool(spec and spec.runs_here),
        samples_at_once=job.samples if engine.samples_at_once else 1,
    )


def _pace(job: AnswerJob, engine: Engine) -> Pace:
    spec = PROVIDERS.get(job.model.provider)
    start = spec.start if spec else 20
    bounds = Bounds(start, job.ceiling, adaptive=not job.fixed_concurrency)
    return _PACES.setdefault((engine.name, bounds), Pace(bounds))
