"""How an evaluation is told in a shell: its size before, its progress, its numbers after."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from core.cli.output import Bar, say
from core.errors import SettingsError
from core.evaluation.results import Cell, EvalResult, with_interval
from core.jobs import ProgressReporter
from core.prices import estimate_words, money
from core.stages.evals.session import Side
from core.stages.writing import Standing


def refuse_unpriced(sides: Sequence[Side]) -> None:
    """Raises SettingsError where a limit cannot hold, before anything is asked or spent."""
    unknown = list(dict.fromkeys(side.model.full for side in sides if side.price is None))
    if unknown:
        raise SettingsError(
            f"--budget needs the price of {' and '.join(unknown)}, which is not known. Add it on the "
            f"Engines and keys page or with: character prices set {unknown[0]} --input USD --output USD"
        )


def side_words(side: Side) -> str:
    """What asking one speaker would take, in a sentence."""
    low, high = side.cost or (0.0, 0.0)
    return (
        f"{side.label} ({side.model.full}): {side.planned} answers planned, {side.there} there, "
        f"{side.calls} calls to send; about {side.prompt_tokens:,} tokens in and at most "
        f"{side.completion_tokens:,} out; about {max(1, round(side.seconds / 60))} minutes; "
        f"{estimate_words(low, high, side.price)}."
    )


def size_figures(sides: Sequence[Side]) -> dict[str, Any]:
    """All sides together, as `--json` prints them."""
    known = all(side.price for side in sides)
    return {
        "dry_run": True,
        "calls": sum(side.calls for side in sides),
        "prompt_tokens": sum(side.prompt_tokens for side in sides),
        "completion_tokens": sum(side.completion_tokens for side in sides),
        "estimated_seconds": round(sum(side.seconds for side in sides)),
        "estimated_usd_low": sum((side.cost or (0.0, 0.0))[0] for side in sides) if known else None,
        "estimated_usd_high": sum((side.cost or (0.0, 0.0))[1] for side in sides) if known else None,
    }


def say_result(title: str, result: EvalResult) -> None:
    """Say what was found, every number, what belongs beside it, and what it took."""
    say(result.headline)
    say()
    for line in table_lines(result.cells):
        say(line)
    for caveat in result.caveats:
        say(f"Note: {caveat}")
    if not result.complete:
        why = ", ".join(f"{count} {reason}" for reason, count in result.missing.items())
        say(f"Incomplete ({why}): run the same command again to ask only for what is missing.")
    price = f", {money(result.cost_usd)}" if result.cost_usd else ""
    say(f"{title}: {result.requests} requests{price}, {result.seconds:.0f} s.")


def table_lines(cells: Sequence[Cell]) -> list[str]:
    """Every cell as a line: what, of whom, about what, with its interval; aligned."""
    rows = [
        (
            cell.measure,
            cell.who,
            cell.group,
            with_interval(cell) + (" *" if cell.marked else ""),
        )
        for cell in cells
    ]
    widths = [max((len(row[place]) for row in rows), default=0) for place in range(3)]
    return ["  ".join([*(row[i].ljust(widths[i]) for i in range(3)), row[3]]).rstrip() for row in rows]


def reporter() -> Callable[[str, Standing], None]:
    """Progress for the terminal and, inside a job, for its page."""
    told, bars = ProgressReporter.from_environment(), dict[str, Bar]()

    def report(stage: str, now: Standing) -> None:
        bars.setdefault(stage, Bar(stage))(now.done, now.planned, now.failed)
        told.update(stage=stage, done=now.done, planned=now.planned, failed=now.failed, figures=now.figures)
        for row in now.history:
            told.note_history(row)
        if now.done + now.failed >= now.planned:
            told.flush()

    return report
