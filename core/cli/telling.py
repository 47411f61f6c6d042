"""How a verb that asks a model tells of it: progress, the last sentence, the figures of `--json`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from core.cli.output import Bar
from core.jobs import ProgressReporter
from core.prices import money
from core.stages.writing import Standing, Tally


def reporter(stage: str) -> Callable[[Standing], None]:
    """Progress for the terminal and, inside a job, for its page."""
    bar, told = Bar(stage), ProgressReporter.from_environment()

    def report(now: Standing) -> None:
        bar(now.done, now.planned, now.failed)
        told.update(stage=stage, done=now.done, planned=now.planned, failed=now.failed, figures=now.figures)
        for row in now.history:
            told.note_history(row)
        if now.done + now.failed >= now.planned:
            told.flush()

    return report


def how_it_went(what: str, unit: str, model: str, tally: Tally) -> str:
    """The sentence that a person reads at the end of a stage; `model` is what was asked for."""
    parts = [
        f"{what}: {tally.done} of {tally.planned} {unit}",
        f"{tally.failed} failed (run again to retry them)" if tally.failed else "",
        f"{tally.requests} requests",
        money(tally.cost_usd) if tally.cost_usd else "",
        f"{tally.seconds:.0f} s",
    ]
    return " ".join([", ".join(part for part in parts if part) + ".", *_warnings(model, tally)])


def _warnings(model: str, tally: Tally) -> list[str]:
    """What a person should know besides, each a sentence."""
    found: list[str] = []
    if tally.left_out:
        found.append("Stopped at the budget: run again with a larger one to go on.")
    if tally.maybe_double_billed:
        worst = f", at most {money(tally.maybe_usd)}" if tally.maybe_usd else ""
        lost = tally.maybe_double_billed
        found.append(f"{lost} requests found no answer and may be billed all the same{worst}.")
    if tally.cut:
        found.append(f"{tally.cut} answers were cut off at the token limit.")
    others = sorted(name for name in tally.served if not _same_model(name, model))
    if others:
        found.append(f"The endpoint says that {', '.join(others)} answered.")
    return found


def _same_model(served: str, asked: str) -> bool:
    """Whether two spellings may be one model: a server may leave out the maker or add a date."""
    short, wanted = (name.rsplit("/", 1)[-1].lower() for name in (served, asked))
    return short.startswith(wanted) or wanted.startswith(short)


def figures_of(tally: Tally) -> dict[str, Any]:
    """The tally as `--json` prints it beside the common results."""
    return {
        "tokens": tally.tokens,
        "damaged": tally.damaged,
        "failures": tally.reasons,
        "retries": tally.retries,
        "rate_limited": tally.rate_limited,
        "borrowed": tally.borrowed,
        "cut": tally.cut,
        "maybe_double_billed": tally.maybe_double_billed,
        "maybe_usd": round(tally.maybe_usd, 6),
        "left_out": tally.left_out,
        "served": tally.served,
    }
