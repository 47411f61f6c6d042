"""What the evaluations of a plan will take, their judges included."""

from __future__ import annotations

from dataclasses import replace

from core.evaluation.counts import Size, counts
from core.price_tag import Cost, Range, about
from core.stages.pace_here import ANSWER_S
from core.stages.plan_reckoning import Reckoning, asked

# Seconds of a short answer of the embedded model, as evaluations ask for, and of a judgement by it.
SHORT_ANSWER_S, VERDICT_S = 0.35, 1.5
# Speakers compared: the plain model and the tuned one, or two more beside them.
FEW, ALL = 2, 4
JUDGED = ("traits", "coherence", "preferences")


def evaluation(stage: str, now: Reckoning) -> Cost:
    """The cost of measuring the plain model, the tuned one and, in a large plan, two beside them."""
    kind, model = stage.partition("-")[2], now.model(now.plan.student)
    local, judged = model.provider == "local", now.plan.judge is not None and kind in JUDGED
    speakers = ALL if now.plan.shape.name == "paper" else FEW
    size = Size(len(now.constitution.traits), speakers, local, judged)
    found = counts(kind, size)
    if not found.answers:
        return Cost(stage, seconds=Range(1.0, 3.0, 10.0), basis="Counted here; nothing is asked.")
    basis = f"{found.answers:,} answers"
    # What one evaluation has asked the others need not ask again; some answers are asked for twice.
    own = asked(
        stage,
        now,
        now.plan.student,
        about(found.answers, low=0.5, high=1.1),
        tokens_in=300,
        tokens_out=64 if local else 300,
        longest=64 if local else 512,
        basis=f"{basis}; {now.paces.basis}.",
    )
    if local:
        own = replace(own, seconds=_short_answers(kind, found.answers, now))
    if now.plan.judge is None or not found.verdicts:
        return own
    return _with_verdicts(own, found.verdicts, f"{basis}, {found.verdicts:,} judgements", now)


def _short_answers(kind: str, answers: int, now: Reckoning) -> Range:
    known = now.paces.evals.get(kind)
    if known is not None:
        return about(known * (2.0 if now.plan.shape.name == "paper" else 1.0), low=0.7, high=2.0)
    return about(answers * SHORT_ANSWER_S * now.paces.answer / ANSWER_S, low=0.25, high=2.5)


def _with_verdicts(own: Cost, verdicts: int, basis: str, now: Reckoning) -> Cost:
    """The stage with what its judge is asked besides."""
    name = now.plan.judge or ""
    said = asked(
        own.stage,
        now,
        name,
        about(verdicts, low=0.9, high=1.1),
        tokens_in=700,
        tokens_out=120,
        longest=600,
        basis="",
    )
    slow = now.model(name).provider == "local"
    seconds = about(verdicts * VERDICT_S, low=0.4, high=2.5) if slow else said.seconds
    return Cost(
        own.stage,
        own.requests.plus(said.requests),
        own.tokens_in.plus(said.tokens_in),
        own.tokens_out.plus(said.tokens_out),
        own.seconds.plus(seconds),
        None if own.usd is None or said.usd is None else own.usd.plus(said.usd),
        f"{basis}; {now.paces.basis}.",
    )
