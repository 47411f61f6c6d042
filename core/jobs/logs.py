"""The end of a job's log, cleaned for a page."""

from __future__ import annotations

import re
from pathlib import Path

LAST_WORDS_BYTES = 1 << 13
LAST_WORDS_LENGTH = 300
TAIL_BYTES = 1 << 19
ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")


def log_tail(path: Path, lines: int) -> str:
    """The last lines of a log as a terminal would show them, without colours and rewritten lines."""
    return "\n".join(_end_of(path, TAIL_BYTES)[-lines:]) if lines > 0 else ""


def last_words(path: Path) -> str:
    """The last line that a job printed for people, shortened; "" when it printed none."""
    lines = (line.strip() for line in reversed(_end_of(path, LAST_WORDS_BYTES)))
    # The last line of `--json` is for programs.
    return next((line for line in lines if line and not line.startswith("{")), "")[:LAST_WORDS_LENGTH]


def _end_of(path: Path, size: int) -> list[str]:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - size))
            text = file.read(size).decode(errors="replace")
    except OSError:
        return []
    shown = (line.rstrip("\r").rpartition("\r")[2] for line in text.removesuffix("\n").split("\n"))
    return [ANSI.sub("", line) for line in shown]
