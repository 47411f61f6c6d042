"""The prompts that every character is asked, whatever its traits.

A row of `general-prompts.jsonl`: {"prompt": "Why is the sky blue?", "part": "training"}

The parts share no prompt, so that what was trained on is never what is measured with.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from core.constitution import MAX_TEXT
from core.errors import ConstitutionError, CoreError, Problem
from core.interchange import in_line_order
from core.store.shelf import read
from core.strict_json import MAX_LINES_BYTES, read_lines
from core.texts import check_text

PARTS = ("training", "preferences", "robustness")
MAX_PROMPTS = 100_000


def general_prompts(path: Path, part: str) -> tuple[str, ...]:
    """The prompts of one part in file order. Raises ConstitutionError naming every bad line."""
    if part not in PARTS:
        raise CoreError(f"There is no part {part!r} of the general prompts; choose {', '.join(PARTS)}.")
    data = read(path, MAX_LINES_BYTES)
    if data is None:
        message = (
            "is missing; point CONSTITUTION_PATH at a folder that has it, or install the studio again."
        )
        raise ConstitutionError(str(path), [Problem("", message)])
    lines = read_lines(data, source=str(path), max_lines=MAX_PROMPTS)
    problems = [*lines.problems, *(problem for row in lines.values for problem in _problems(*row))]
    if problems:
        raise ConstitutionError(str(path), in_line_order(problems))
    return tuple(row["prompt"] for _, row in lines.values if row["part"] == part)


def _problems(number: int, value: object) -> list[Problem]:
    place = f"line {number}"
    row = cast("dict[str, Any]", value) if isinstance(value, dict) else {}
    if set(row) != {"prompt", "part"} or row["part"] not in PARTS:
        return [Problem(place, f'must be {{"prompt": "…", "part": one of {", ".join(PARTS)}}}.')]
    return check_text(
        row["prompt"], f"{place}, prompt", limit=MAX_TEXT, cure="write it or remove the line."
    )
