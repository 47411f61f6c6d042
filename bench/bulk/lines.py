"""The table: one `Line` a measure, as markdown, and its place in bench/README.md."""

from __future__ import annotations

import os
import platform
import re
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path

BEGIN, END = "<!-- bulk: begin -->", "<!-- bulk: end -->"
HEAD = ("| measure | measured | bar | stretch | verdict | beside it |", "|---|---|---|---|---|---|")
NONE = "not measured yet"


@dataclass(frozen=True, slots=True)
class Line:
    """One measure. `holds` None: it is only shown."""

    measure: str
    measured: str = NONE
    bar: str = ""
    stretch: str = ""
    holds: bool | None = None
    stretches: bool = False
    beside: str = ""

    def markdown(self) -> str:
        """The line as a row of the table."""
        verdict = {None: "shown", False: "**misses**", True: "holds"}[self.holds]
        if self.holds and self.stretches:
            verdict = "holds, stretch too"
        if self.measured == NONE:
            verdict = ""
        cells = (self.measure, self.measured, self.bar, self.stretch, verdict, self.beside)
        return "| " + " | ".join(cell.replace("|", "/") for cell in cells) + " |"


def at_least(
    measure: str, value: float, bar: float, stretch: float | None, *, form: str = ".2f", beside: str = ""
) -> Line:
    """A line whose value must not be below the bar."""
    bar_text, stretch_text = _limit("≥", bar, form), _limit("≥", stretch, form)
    better = stretch is not None and value >= stretch
    return Line(measure, f"{value:{form}}", bar_text, stretch_text, value >= bar, better, beside)


def at_most(
    measure: str, value: float, bar: float, stretch: float | None, *, form: str = ".2f", beside: str = ""
) -> Line:
    """A line whose value must not be above the bar."""
    bar_text, stretch_text = _limit("≤", bar, form), _limit("≤", stretch, form)
    better = stretch is not None and value <= stretch
    return Line(measure, f"{value:{form}}", bar_text, stretch_text, value <= bar, better, beside)


def _limit(sign: str, limit: float | None, form: str) -> str:
    return "" if limit is None else f"{sign} {limit:{form}}"


def table(lines: list[Line]) -> str:
    """The lines as a markdown table."""
    return "\n".join([*HEAD, *(line.markdown() for line in lines)])


def machine(note: str = "") -> str:
    """What the figures were taken on."""
    names = ("aiohttp", "openai")
    versions = ", ".join(f"{name} {version(name)}" for name in names)
    return (
        f"{os.cpu_count()} CPUs ({_processor()}), {platform.system()}, Python {platform.python_version()}, "
        f"{versions}; {date.today():%-d %B %Y}; load before {os.getloadavg()[0]:.1f}. {note}".strip()
    )


def _processor() -> str:
    try:
        found = re.search(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text())
    except OSError:
        found = None
    return found.group(1) if found else platform.machine()


def written(readme: str, lines: list[Line], taken_on: str) -> str:
    """The README's text with these lines in its table; lines of other measures stay as they are."""
    begin, rest = readme.split(BEGIN, 1)
    old, end = rest.split(END, 1)
    rows = {_name(row): row for row in old.splitlines() if row.startswith("| ") and row not in HEAD}
    rows |= {line.measure: line.markdown() for line in lines}
    return f"{begin}{BEGIN}\n{taken_on}\n\n" + "\n".join([*HEAD, *rows.values()]) + f"\n{END}{end}"


def _name(row: str) -> str:
    return row.split("|")[1].strip()
