"""Bytes from anywhere → plain JSON values, or every reason why not, in words a novelist can act on. Pure.

`read_value(b'{"name": "pirate", "nam', source="pirate.json")` raises a ConstitutionError that says:
"line 1, column 21: the file ends in the middle; …".

Size, encoding and nesting are judged before the parser sees anything, so that a hostile file costs nothing.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from core.errors import ConstitutionError, Problem

MAX_BYTES = 5_000_000
MAX_LINES_BYTES = 20_000_000
MAX_DEPTH = 32
MAX_LINES = 1_000

_UTF16_OR_32 = (b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")
# A text, closed or not, or a bracket outside of any text.
_TEXT_OR_BRACKET = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[\]{}]', re.DOTALL)

_CURES = (
    ("Invalid control character", r"a line break or tab stands inside a text; write it as \n or \t."),
    ("Invalid \\", r"a backslash stands alone; write it twice (\\)."),
    ("Extra data", "the file goes on after its end; delete what follows, or join both parts."),
    ("trailing comma", "there is a comma too many; delete the last one before the bracket."),
    ("Expecting property name", "a name in double quotes belongs here; look for a comma too many."),
    (
        "Expecting ',' delimiter",
        r"a comma is missing, or a quotation mark in a text lacks its backslash (\").",
    ),
    ("Expecting ':' delimiter", 'a colon is missing between a name and its value ("trait": "I …").'),
    ("Expecting value", "a value is missing or lacks its double quotes; look for a comma too many."),
)


@dataclass(slots=True)
class Lines:
    """The values of a JSONL file with their line numbers, and what was wrong with the other lines."""

    values: list[tuple[int, Any]] = field(default_factory=list[tuple[int, Any]])
    problems: list[Problem] = field(default_factory=list[Problem])


def read_value(data: bytes, *, source: str) -> Any:
    """The one JSON value of a file. Raises ConstitutionError."""
    value, problems = _parse(decode(data, source=source))
    if problems:
        raise ConstitutionError(source, problems)
    return value


def read_lines(data: bytes, *, source: str, max_lines: int = MAX_LINES) -> Lines:
    """The values of a JSONL file, bad lines apart. Raises ConstitutionError for a file that is no text."""
    text = decode(data, source=source, limit=MAX_LINES_BYTES)
    # Only "\n" ends a row: U+2028 and its kin are ordinary letters of a text.
    numbered = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    if len(numbered) > max_lines:
        message = f"has {len(numbered):,} lines; such a file may have {max_lines:,}. Is it the right file?"
        raise ConstitutionError(source, [Problem("", message)])
    lines = Lines()
    for number, line in numbered:
        value, problems = _parse(line)
        lines.problems += [Problem(_line_place(number, problem), problem.message) for problem in problems]
        if not problems:
            lines.values.append((number, value))
    return lines


def _line_place(number: int, problem: Problem) -> str:
    _, _, column = problem.place.partition(", ")
    return f"line {number}, {column}" if column else f"line {number}"


def decode(data: bytes, *, source: str, limit: int = MAX_BYTES) -> str:
    """The text of a file, without a byte order mark. Raises ConstitutionError."""
    if problem := size_problem(len(data), limit) or _bytes_problem(data):
        raise ConstitutionError(source, [problem])
    try:
        return data.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        message = f"byte {error.start} (line {line}) is not UTF-8; save it as UTF-8 in your editor."
        raise ConstitutionError(source, [Problem("", message)]) from error


def size_problem(size: int, limit: int = MAX_BYTES) -> Problem | None:
    """What is wrong with a file of `size` bytes, so that a huge one is refused before it is read."""
    if size <= limit:
        return None
    allowed = f"a character file may have {limit / 1e6:.0f} MB"
    return Problem("", f"is {size / 1e6:.1f} MB, and {allowed}. Is it the right file?")


def _bytes_problem(data: bytes) -> Problem | None:
    if data.startswith(_UTF16_OR_32):
        return Problem("", "is UTF-16 or UTF-32 text from byte 0 on; save it as UTF-8 in your editor.")
    if not data.strip(b"\x00 \t\r\n\xef\xbb\xbf"):
        return Problem("", "is empty; bring back an earlier version or write the character anew.")
    if (zero := data.find(b"\x00")) >= 0:
        cause = f"byte {zero} is a zero, as a crash or a full disk leaves it"
        return Problem("", f"{cause}; bring back an earlier version.")
    return None


def _parse(text: str) -> tuple[Any, list[Problem]]:
    if _too_deep(text):
        message = f"its brackets are nested more than {MAX_DEPTH} deep; no character file looks like that."
        return None, [Problem("", message)]
    problems: list[Problem] = []

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        problems.extend(_repeated(items))
        return dict(items)

    def refuse(constant: str) -> None:
        problems.append(Problem("", f"{constant} is not JSON; write a text or a number."))

    try:
        # parse_int: a number of a million digits would take forever, and no field wants one.
        value = json.loads(text, object_pairs_hook=pairs, parse_constant=refuse, parse_int=float)
    except json.JSONDecodeError as error:
        return None, [Problem(f"line {error.lineno}, column {error.colno}", _cure(error))]
    return value, problems


def _too_deep(text: str) -> bool:
    depth = 0
    for match in _TEXT_OR_BRACKET.finditer(text):
        if (letter := match[0]) in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                return True
        elif letter in "]}":
            depth -= 1
    return False


def _repeated(items: list[tuple[str, Any]]) -> list[Problem]:
    seen: dict[str, Any] = {}
    problems: list[Problem] = []
    for name, value in items:
        if name in seen:
            both = f"{_short(seen[name])} and {_short(value)}"
            problems.append(Problem("", f"the field {name[:40]!r} stands twice ({both}); keep one."))
        seen[name] = value
    return problems


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    # Half a surrogate pair in a message could not even be printed.
    text = text.encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= 40 else text[:39] + "…"


def _cure(error: json.JSONDecodeError) -> str:
    if error.msg.startswith("Unterminated string") or error.pos >= len(error.doc.rstrip()):
        return "the file ends in the middle; add what is missing or bring back an earlier version."
    for sign, cure in _CURES:
        if sign.lower() in error.msg.lower():
            return cure
    return f"this is not JSON ({error.msg}); compare it with a shipped character."
