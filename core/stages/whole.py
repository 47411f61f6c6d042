"""The whole way, one stage after another, under one limit that also holds over kills and days.

    outcome = run_whole(plan, run, settings, budget=5.0, do=do, tell=tell)

Each stage is the same code as its verb, which does only what is missing; so is the whole: run again, it
goes on. Before each stage the limit is what is left of it: what the run has cost so far is read from the
rows and bills on disk (`core.stages.spent`), never from memory.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from core.errors import CoreError, SettingsError
from core.names import PROVIDERS, parse_model
from core.price_tag import Cost, PriceTag
from core.prices import money
from core.settings import Settings
from core.stages.defaults import PROVIDER
from core.stages.spent import note_begun, note_ended, spent_on
from core.store.library import Library
from core.store.price_table import PriceTable
from core.store.runs import Run
from core.tuning.preflight import Check, Wish, tools_of
from core.whole import ASKING, TITLES, TRAINING, Plan, models_of, words_of

Ended = Literal["done", "incomplete", "stopped", "limit", "asks"]
# No row carries what these cost.
NOTED = frozenset({"prompts"})
LEAST_ROOM = 500_000_000


class Done(Protocol):
    """What a verb says at its end."""

    status: str
    cost_usd: float
    failed: int
    more: dict[str, Any]


# Runs the words of a verb; raises CoreError as the verb does.
Do = Callable[[Sequence[str]], Done]
# Hears which stage begins: its name, its number from 1, of how many, and what was spent so far.
Tell = Callable[[str, int, int, float], None]


@dataclass(slots=True)
class Outcome:
    """How it went. `stage` is where it ended, `why` the sentence that says so, "" when all is done."""

    ended: Ended = "done"
    stage: str = ""
    why: str = ""
    spent_usd: float = 0.0
    before_usd: float = 0.0
    stages: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])


def run_whole(
    plan: Plan,
    run: Run,
    settings: Settings,
    *,
    budget: float | None,
    tag: PriceTag | None,
    do: Do,
    tell: Tell,
) -> Outcome:
    """Do every stage of a plan that is not done. Raises SettingsError for a limit over unknown prices.

    A stage that fails ends the way with its reason; one that lacks some rows lets the next go on, as its
    verb would. Whatever ends it, the same call goes on from there.
    """
    if budget is not None:
        refuse_unpriced(plan, settings)
    outcome = Outcome(before_usd=spent_on(run, settings).usd)
    for number, stage in enumerate(plan.shape.stages, 1):
        spent = spent_on(run, settings).usd
        left = None if budget is None else max(0.0, budget - spent)
        tell(stage, number, len(plan.shape.stages), spent)
        if left is not None and left <= 0 and costs_money(stage, plan, settings):
            return _over(outcome, run, settings, "limit", stage, _reached(budget or 0.0, spent))
        done = _stage(stage, plan, run, left, _cost_of(stage, tag), do)
        outcome.stages[stage] = {"status": done.status, "cost_usd": done.cost_usd, "failed": done.failed}
        if found := _end(stage, done, budget):
            return _over(outcome, run, settings, *found)
    return _over(outcome, run, settings, "incomplete" if _lacking(outcome) else "done", "", "")


def _stage(stage: str, plan: Plan, run: Run, left: float | None, cost: Cost | None, do: Do) -> Done:
    words = words_of(stage, plan)
    if left is not None and (stage in ASKING or stage in TRAINING):
        words += ["--budget", f"{left:.9f}"]
    at_most = cost.usd.high if cost is not None and cost.usd is not None else 0.0
    note = note_begun(run, stage, at_most if left is None else min(left, at_most)) if stage in NOTED else ""
    done = do(words)
    maybe = float(done.more.get("maybe_usd") or 0.0)
    if note or maybe:
        cost_usd = done.cost_usd if stage in NOTED else 0.0
        note_ended(run, note, stage, cost_usd=cost_usd, maybe_usd=maybe)
    return done


def _cost_of(stage: str, tag: PriceTag | None) -> Cost | None:
    return next((cost for cost in tag.costs if cost.stage == stage), None) if tag else None


def _end(stage: str, done: Done, budget: float | None) -> tuple[Ended, str, str] | None:
    """Why the way ends after a stage; None while it goes on."""
    title = TITLES[stage]
    if done.more.get("left_out") == "budget":
        limit = money(budget or 0.0)
        return "limit", stage, f"The limit of {limit} was reached while this ran: {title}."
    if stage in TRAINING and done.status == "incomplete":
        return (
            "asks",
            stage,
            f"A yes to the price is needed: {title}. Give a limit, or answer on the Train page.",
        )
    if done.status in ("done", "incomplete"):
        return None
    if done.status == "interrupted":
        return "stopped", stage, f"It was stopped while this ran: {title}."
    return "stopped", stage, f"This did not end well: {title}. Its own words above say why."


def _reached(budget: float, spent: float) -> str:
    return (
        f"The limit of {money(budget)} is reached: {money(spent)} were spent on this version. What is "
        "finished is kept; with a higher limit it goes on."
    )


def _lacking(outcome: Outcome) -> bool:
    return any(one["status"] == "incomplete" for one in outcome.stages.values())


def _over(outcome: Outcome, run: Run, settings: Settings, ended: Ended, stage: str, why: str) -> Outcome:
    outcome.ended, outcome.stage, outcome.why = ended, stage, why
    outcome.spent_usd = spent_on(run, settings).usd
    return outcome


# ---- before it begins


def costs_money(stage: str, plan: Plan, settings: Settings) -> bool:
    """Whether a stage is billed, or may be: an unknown price is not free."""
    if stage in TRAINING:
        return plan.backend == "together"
    table = PriceTable(settings)
    prices = [
        table.lookup(parse_model(model, default=PROVIDER))
        for model, stages in models_of(plan).items()
        if stage in stages
    ]
    return any(price is None or not price.is_free for price in prices)


def unpriced(plan: Plan, settings: Settings) -> list[str]:
    """The models of a plan without a known price."""
    table = PriceTable(settings)
    return [
        model for model in models_of(plan) if table.lookup(parse_model(model, default=PROVIDER)) is None
    ]


def refuse_unpriced(plan: Plan, settings: Settings) -> None:
    """Raise SettingsError naming every model whose price a limit would need."""
    unknown = unpriced(plan, settings)
    if unknown:
        raise SettingsError(
            f"--budget needs the price of {' and '.join(unknown)}, which is not known. Add it on the "
            f"Engines and keys page or with: character prices set {unknown[0]} --input USD --output USD"
        )


def preflight_whole(plan: Plan, settings: Settings) -> list[Check]:
    """Everything that can be looked at before the first click; what hinders comes with its cure."""
    checks = [_character(plan, settings), *_exchanges(plan, settings)]
    checks += [check for model in models_of(plan) if (check := _reachable(model, settings))]
    if any(stage in TRAINING for stage in plan.shape.stages):
        student = parse_model(plan.student, default=PROVIDER)
        checks += tools_of(Wish(plan.constitution, plan.backend, "dpo", student.slug), settings)  # type: ignore[arg-type]
    checks += _own_words(plan)
    return [*checks, _room(settings)]


def _character(plan: Plan, settings: Settings) -> Check:
    try:
        found = Library(settings).load(plan.constitution).constitution
    except CoreError as error:
        return Check("stop", str(error), "Mend it on the Traits page.", "traits")
    return Check("good", f"The character is complete: {len(found.traits)} traits.")


def _exchanges(plan: Plan, settings: Settings) -> list[Check]:
    try:
        found = Library(settings).load(plan.constitution).constitution
    except CoreError:
        return []
    if found.exchanges:
        return [Check("good", f"{len(found.exchanges)} exchanges show the teacher how it speaks.")]
    cure = "Write two to five: they matter most where the teacher is a small model."
    return [Check("note", "There is no exchange.", cure, "exchanges")]


def _reachable(name: str, settings: Settings) -> Check | None:
    """Whether a model's key is there; whether a server answers is seen when it is asked."""
    model = parse_model(name, default=PROVIDER)
    spec = PROVIDERS.get(model.provider)
    if spec is None or not spec.key_name:
        return None
    try:
        if settings.key(model.provider):
            return Check("good", f"The key of {spec.label} is there.")
    except CoreError as error:
        return Check("stop", str(error), "Enter it again under Engines and keys.", "settings")
    return Check(
        "stop",
        f"There is no key of {spec.label}.",
        f"Enter {spec.key_name} under Engines and keys.",
        "settings",
    )


def _own_words(plan: Plan) -> list[Check]:
    """Its own words are written by the trained model, which only the embedded server can wear at once."""
    if "reflect" not in plan.shape.stages or plan.student.startswith(("local/", "fake/")):
        return []
    cure = "Serve the trained model, then go on from there; or choose fewer stages."
    return [Check("note", "Its own words need the trained model to be served first.", cure)]


def _room(settings: Settings) -> Check:
    place = settings.data_path
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    if free < LEAST_ROOM:
        return Check(
            "stop", f"The disk is nearly full: {free / 1e9:.1f} GB free.", "Free some space first."
        )
    return Check("good", f"There is room on the disk ({free / 1e9:.0f} GB free).")
