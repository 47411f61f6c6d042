"""The fixed multiple-choice set: everyday knowledge that a change of character should leave alone. Pure.

A row of `data/capability.jsonl`:
{"id": "arithmetic-01", "subject": "arithmetic", "question": "What is 17 + 26?",
 "options": ["33", "53", "43", "42"], "answer": "C", "expression": "17 + 26"}

Six subjects in turn, twenty items each; in each subject every letter is right five times. Items of
arithmetic carry the expression that they ask for, so that a test can work them out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from core.errors import ConstitutionError, Problem
from core.interchange import in_line_order
from core.strict_json import read_lines

LETTERS = "ABCD"


@dataclass(frozen=True, slots=True)
class Item:
    """One question with four options; `answer` is the letter of the right one."""

    id: str
    subject: str
    question: str
    options: tuple[str, ...]
    answer: str
    expression: str = ""

    @property
    def asked(self) -> str:
        """Question and options as a model reads them."""
        lines = [f"{letter}. {option}" for letter, option in zip(LETTERS, self.options, strict=True)]
        return "\n".join([self.question, *lines])


def items_of(data: bytes, *, source: str) -> tuple[Item, ...]:
    """The items of a JSONL file in its order. Raises ConstitutionError naming every bad line."""
    lines = read_lines(data, source=source)
    problems, seen, found = list(lines.problems), set[str](), list[Item]()
    for number, value in lines.values:
        wrong = _wrong(value, seen)
        if wrong:
            problems.append(Problem(f"line {number}", wrong))
        else:
            found.append(_item(value))
            seen.add(found[-1].id)
    if problems:
        raise ConstitutionError(source, in_line_order(problems))
    return tuple(found)


def _wrong(value: object, seen: set[str]) -> str:
    """What keeps a line from being an item; "" where nothing does."""
    row = cast("dict[str, Any]", value) if isinstance(value, dict) else {}
    if not all(isinstance(row.get(name), str) and row[name] for name in ("id", "subject", "question")):
        return "needs texts under id, subject and question."
    options = row.get("options")
    if not isinstance(options, list) or len(set(map(str, options))) != len(LETTERS):
        return "needs four different options."
    if row.get("answer") not in tuple(LETTERS):
        return "needs the letter of the right option under answer: A, B, C or D."
    return f"has the id of an earlier line, {row['id']}." if row["id"] in seen else ""


def _item(row: Mapping[str, Any]) -> Item:
    return Item(
        row["id"],
        row["subject"],
        row["question"],
        tuple(str(option) for option in row["options"]),
        row["answer"],
        str(row.get("expression", "")),
    )
