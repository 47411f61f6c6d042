"""What a whole way will take, before the first click: each stage counted, with what that is based on.

    tag = price_tag(plan, settings)
    tag.total.usd, tag.total.seconds    Range(0.41, 0.9, 3.2), Range(610, 900, 2100)

Questions are counted from the very requests; what comes later, such as how many pairs are kept, is told
as a range. Speeds are those of finished work on this computer where there is some. Sends nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from core.dialogues import REFLECTIONS
from core.engines.opening import open_engine
from core.errors import CoreError
from core.names import ModelName
from core.price_tag import Cost, PriceTag, Range, about, exactly, money_range
from core.prices import Price, by_whom
from core.settings import Settings
from core.stages.carrying import narrowed
from core.stages.defaults import Wishes, answer_job
from core.stages.lineage import lineage_of
from core.stages.pace_here import paces_of
from core.stages.plan_evaluations import evaluation
from core.stages.plan_reckoning import Reckoning, asked, seconds_of
from core.stages.planning import AnswerJob, Role, estimate
from core.stages.prepare import Scope, choose_prompts, existing_run
from core.store.library import Library
from core.tuning.presets import PRESETS as RECIPES
from core.tuning.presets import numbers_of
from core.whole import Plan

# Of a hundred pairs so many are kept, as a rule: some answers are cut off, some say the same.
KEPT = Range(0.6, 0.88, 1.0)
CHARACTERS_A_TURN = 700
TOKENS_A_TURN = 180
PROMPTS_A_REQUEST = 6


def price_tag(plan: Plan, settings: Settings) -> PriceTag:
    """Every stage's cost. Raises CoreError: no such character, no key, no such model."""
    constitution = Library(settings).load(plan.constitution).constitution
    reckoning = Reckoning(plan, settings, constitution, paces_of(settings))
    scope = Scope(plan.constitution, general=plan.general, limit=plan.shape.limit)
    reckoning.prompts = len(choose_prompts(scope, constitution, settings))
    reckoning.pairs = reckoning.prompts * plan.shape.samples * KEPT.likely
    return PriceTag(tuple(_cost(stage, reckoning) for stage in plan.shape.stages))


def _cost(stage: str, now: Reckoning) -> Cost:
    if stage.startswith("eval-"):
        return evaluation(stage, now)
    return _COSTS[stage](stage, now)


# ---- prompts and pairs


def _prompts(stage: str, now: Reckoning) -> Cost:
    additional = Library(now.settings).additional(now.plan.constitution).by_trait
    wanted = now.plan.shape.per_trait or 50
    missing = sum(
        max(0, wanted - len(trait.questions) - len(additional.get(trait.id, ())))
        for trait in now.constitution.traits
    )
    now.prompts += missing if now.plan.shape.limit is None else 0
    now.pairs = now.prompts * now.plan.shape.samples * KEPT.likely
    now.new_prompts = missing if now.plan.shape.limit is None else 0
    if not missing:
        return Cost(stage, basis="Every trait has its prompts.")
    calls = about(missing / PROMPTS_A_REQUEST, low=0.8, high=4.0)
    basis = f"{missing} prompts are missing; some lists bring repeats, which are asked for again."
    return asked(
        stage, now, now.plan.teacher, calls, tokens_in=700, tokens_out=220, longest=1024, basis=basis
    )


def _answers(stage: str, now: Reckoning) -> Cost:
    role: Role = "teacher" if stage == "teacher" else "student"
    plan, model = now.plan, now.model(now.plan.teacher if role == "teacher" else now.plan.student)
    job = _job(role, model, now)
    engine, run = (
        open_engine(model, now.settings),
        existing_run(Scope(plan.constitution), now.constitution, now.settings),
    )
    carried = 0
    if role == "teacher" and plan.only_affected:
        job, carry = narrowed(job, now.constitution, engine, now.settings, run)
        carried = len(carry.places)
    price = now.price(model.full)
    found = estimate(job, run, now.constitution, engine, price)
    later = now.new_prompts * plan.shape.samples
    grown = (found.open + later) / found.open if found.open else 0.0
    if not found.open and later:
        return asked(
            stage,
            now,
            model.full,
            exactly(later),
            tokens_in=500,
            tokens_out=350,
            longest=job.sampling.max_tokens,
            basis="The questions that are still to be written.",
        )
    usd: Range | None = None
    if price is not None:
        low, high = found.cost or (0.0, 0.0)
        usd = money_range(low, high, found.prompt_tokens * price.prompt).times(grown)
    typical = found.typical_tokens or (high_typical(job.sampling.max_tokens))
    out = Range(found.open * typical * 0.6, found.open * typical, float(found.completion_tokens))
    seconds = seconds_of(now, model, found.open * grown)
    return Cost(
        stage,
        exactly(round(found.open * grown)),
        exactly(found.prompt_tokens).times(grown),
        out.times(grown),
        seconds,
        usd,
        _basis_of_answers(found.planned, found.open, found.typical_tokens, carried, now, price),
    )


def _job(role: Role, model: ModelName, now: Reckoning) -> AnswerJob:
    plan = now.plan
    scope = Scope(plan.constitution, general=plan.general, limit=plan.shape.limit)
    prompts = choose_prompts(scope, now.constitution, now.settings)
    student = now.model(plan.student) if role == "teacher" else None
    wishes = Wishes(samples=plan.shape.samples, seed=plan.seed)
    return answer_job(role, model, now.constitution, prompts, wishes, student=student)


def high_typical(max_tokens: int) -> float:
    """Tokens of an ordinary answer where nobody knows better."""
    return min(350.0, max_tokens / 8)


def _basis_of_answers(
    planned: int, open_: int, typical: float | None, carried: int, now: Reckoning, price: Price | None
) -> str:
    parts = [f"{planned:,} requests counted"]
    parts += [f"{planned - open_:,} answers there already"] if planned > open_ else []
    parts += [f"{carried:,} carried over"] if carried else []
    if typical:
        parts.append(f"answers as long as those there, {typical:.0f} tokens")
    source = by_whom(price).strip(" ()") if price and not price.is_free else ""
    parts += [f"prices of {source}"] if source else []
    return "; ".join(parts) + f"; {now.paces.basis}."


def _joined(stage: str, now: Reckoning) -> Cost:
    return Cost(stage, seconds=about(2 + now.pairs / 2000), basis="Done here; nothing is asked.")


# ---- training


def _training(stage: str, now: Reckoning) -> Cost:
    kind = "dpo" if stage == "train-dpo" else "sft"
    rows = now.pairs if kind == "dpo" else now.dialogues
    if now.plan.backend == "together":
        return Cost(
            stage,
            seconds=Range(600.0, 1500.0, 5400.0),
            usd=None,
            basis="Together names its price before the job starts; the limit holds there too.",
        )
    if now.plan.backend == "openrlhf":
        return Cost(stage, seconds=Range(600.0, 1800.0, 7200.0), basis="On your own graphics cards.")
    recipe = now.plan.recipe
    epochs = numbers_of(kind, recipe)["epochs"] if (kind, recipe) in RECIPES else 1
    longer = 1.0 if kind == "dpo" else 1.6
    spread = Range(rows * KEPT.low / KEPT.likely, rows, rows * KEPT.high / KEPT.likely)
    per_row = now.paces.row * longer * int(epochs)
    # A model of a billion parameters learns on a processor more slowly than anyone waits.
    unknown = "" if now.plan.student.startswith("local/") else " Larger models take many times longer."
    noun = "pairs" if kind == "dpo" else "conversations"
    seconds = Range(
        *(25 + number * per_row * factor for number, factor in zip(spread, (0.7, 1.0, 1.6), strict=True))
    )
    return Cost(stage, seconds=seconds, basis=f"About {rows:,.0f} {noun}; {now.paces.row_basis}.{unknown}")


def _reflections(stage: str, now: Reckoning) -> Cost:
    count = len(REFLECTIONS) * (now.plan.shape.reflections or 6)
    now.dialogues += count * 0.85
    basis = f"Ten questions, {now.plan.shape.reflections or 6} answers to each; {now.paces.basis}."
    return asked(
        stage,
        now,
        now.plan.student,
        exactly(count),
        tokens_in=900,
        tokens_out=TOKENS_A_TURN,
        longest=2048,
        basis=basis,
    )


def _talks(stage: str, now: Reckoning) -> Cost:
    talks, turns = now.plan.shape.talks or 30, now.plan.shape.turns
    now.dialogues += talks * 0.85
    # Every turn is sent everything that was said before it.
    sent = 700 + turns / 2 * TOKENS_A_TURN
    basis = f"{talks} conversations of {turns} turns; {now.paces.basis}."
    return asked(
        stage,
        now,
        now.plan.student,
        exactly(talks * turns),
        tokens_in=sent,
        tokens_out=TOKENS_A_TURN,
        longest=1024,
        basis=basis,
    )


def _merged(stage: str, now: Reckoning) -> Cost:
    return Cost(stage, seconds=Range(5.0, 15.0, 60.0), basis="Done here; nothing is asked.")


# ---- measuring


def _reported(stage: str, now: Reckoning) -> Cost:
    return Cost(stage, seconds=Range(1.0, 2.0, 10.0), basis="Written here.")


_COSTS: dict[str, Callable[[str, Reckoning], Cost]] = {
    "prompts": _prompts,
    "teacher": _answers,
    "student": _answers,
    "dpo-data": _joined,
    "train-dpo": _training,
    "reflect": _reflections,
    "interact": _talks,
    "sft-data": _joined,
    "train-sft": _training,
    "merge": _merged,
    "report": _reported,
}


def stage_done(stage: str, plan: Plan, settings: Settings) -> bool:
    """Whether what a stage makes is there and up to date; asking stages are judged by what is open."""
    with suppress(CoreError):
        found = lineage_of(settings, plan.constitution)
        kinds = {"train-dpo": "dpo", "train-sft": "sft", "merge": "merged"}
        if stage in kinds:
            return any(one.node.kind == kinds[stage] and one.mark == "current" for one in found.adapters)
        if stage in ("dpo-data", "sft-data"):
            kind = stage.partition("-")[0]
            return any(one.node.kind == kind and one.mark == "current" for one in found.data)
        if stage == "report":
            return found.report is not None and found.report.mark == "current"
        check = found.check(stage.partition("-")[2]) if stage.startswith("eval-") else None
        return check is not None and check.mark == "current"
    return False
