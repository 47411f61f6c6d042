"""The table's place in bench/README.md."""

from __future__ import annotations

import os
import platform
import re
from datetime import date
from importlib.metadata import version
from pathlib import Path

from bench.bulk.lines import HEAD, Line
from bench.bulk.lines import table as table

BEGIN, END = "<!-- evaluation: begin -->", "<!-- evaluation: end -->"


def machine() -> str:
    """What the figures were taken on."""
    try:
        found = re.search(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text())
    except OSError:
        found = None
    chip = found.group(1) if found else platform.machine()
    return (
        f"{os.cpu_count()} CPUs ({chip}), of which one is used; {platform.system()}, Python "
        f"{platform.python_version()}, numpy {version('numpy')}; {date.today():%-d %B %Y}."
    )


def written(readme: str, lines: list[Line], taken_on: str) -> str:
    """The README's text with these lines in the table; lines of measures that were not taken stay."""
    begin, rest = readme.split(BEGIN, 1)
    old, end = rest.split(END, 1)
    rows = {_name(row): row for row in old.splitlines() if row.startswith("| ") and row not in HEAD}
    rows |= {line.measure: line.markdown() for line in lines}
    return f"{begin}{BEGIN}\n{taken_on}\n\n" + "\n".join([*HEAD, *rows.values()]) + f"\n{END}{end}"


def _name(row: str) -> str:
    return row.split("|")[1].strip()
