"""How a verb speaks: sentences on stdout, progress on stderr, one JSON object last with `--json`."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import click

DONE, FAILED, USAGE, INCOMPLETE, INTERRUPTED = 0, 1, 2, 3, 130


@dataclass(slots=True)
class Result:
    """What a verb did, in the shape that `--json` prints. `status` decides the exit code."""

    verb: str
    status: str = "done"
    run: str | None = None
    planned: int = 0
    done: int = 0
    failed: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    requests: int = 0
    files: list[str] = field(default_factory=list)
    cost_usd: float = 0.0
    seconds: float = 0.0
    more: dict[str, Any] = field(default_factory=dict)

    @property
    def exit_code(self) -> int:
        """0 done, 3 when some rows failed, 1 otherwise."""
        return {"done": DONE, "incomplete": INCOMPLETE, "interrupted": INTERRUPTED}.get(self.status, FAILED)

    def as_dict(self) -> dict[str, Any]:
        """One flat object; the verb's own results follow the common ones."""
        return {
            "verb": self.verb,
            "run": self.run,
            "status": self.status,
            "planned": self.planned,
            "done": self.done,
            "failed": self.failed,
            "dropped": self.dropped,
            "requests": self.requests,
            "files": self.files,
            "cost_usd": round(self.cost_usd, 6),
            "seconds": round(self.seconds, 2),
            **self.more,
        }


SUMMED = (
    "calls",
    "prompt_tokens",
    "completion_tokens",
    "estimated_seconds",
    "estimated_usd_low",
    "estimated_usd_high",
    "tokens",
    "damaged",
    "retries",
    "rate_limited",
    "borrowed",
    "cut",
    "maybe_double_billed",
    "maybe_usd",
    "train",
    "validation",
)


def merge(total: Result, one: Result) -> None:
    """Add one character's result to the total of a verb that ran for several."""
    total.run = one.run if total.run in (None, one.run) else None
    total.status = one.status if total.status == "done" else total.status
    total.planned += one.planned
    total.done += one.done
    total.failed += one.failed
    total.requests += one.requests
    total.cost_usd += one.cost_usd
    total.seconds += one.seconds
    total.files += one.files
    for reason, count in one.dropped.items():
        total.dropped[reason] = total.dropped.get(reason, 0) + count
    # None is "not known", and so is a sum with it.
    sums = {name: _sum(total.more.get(name, 0), one.more[name]) for name in SUMMED if name in one.more}
    total.more |= one.more | sums


def _sum(one: Any, other: Any) -> Any:
    return None if one is None or other is None else one + other


def say(text: str = "") -> None:
    """A line for the person, on stdout."""
    click.echo(text)


def whisper(text: str) -> None:
    """A line about progress, on stderr."""
    click.echo(text, err=True)


class Finished(SystemExit):
    """A verb's end with what it did: a program that ends of it gives the result's code."""

    def __init__(self, result: Result) -> None:
        super().__init__(result.exit_code)
        self.result = result


def finish(result: Result, *, as_json: bool) -> None:
    """Print the JSON object if it was asked for, and exit with the result's code."""
    if as_json:
        click.echo(json.dumps(result.as_dict(), ensure_ascii=False))
    raise Finished(result)


def funnel_lines(dropped: Mapping[str, int], planned: int, kept: int) -> list[str]:
    """A funnel as aligned lines: rows in, each reason, rows out."""
    width = max([len(reason) for reason in dropped] + [len("pairs in")])
    lines = [f"{'pairs in':<{width}}  {planned:>6}"]
    lines += [f"{reason:<{width}}  {-count:>6}" for reason, count in dropped.items()]
    return [*lines, f"{'kept':<{width}}  {kept:>6}"]


class Bar:
    """Progress on a terminal: one line rewritten; in a log, a line for every tenth."""

    def __init__(self, label: str) -> None:
        self._label = label
        self._tenth = -1

    def __call__(self, done: int, planned: int, failed: int) -> None:
        """Show that `done` of `planned` are finished."""
        text = f"{self._label}: {done} of {planned}" + (f", {failed} failed" if failed else "")
        if sys.stderr.isatty():
            end = "\n" if done + failed >= planned else ""
            sys.stderr.write(f"\r\x1b[K{text}{end}")
            sys.stderr.flush()
            return
        tenth = 10 * (done + failed) // max(1, planned)
        if tenth != self._tenth:
            self._tenth = tenth
            whisper(text)
