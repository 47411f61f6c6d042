"""What a text in a file may be, wherever it stands: not empty, not endless, nothing unprintable. Pure.

`check_text("", "trait 3, question 2", limit=4000, cure="write a question or remove it.")` is
`[Problem("trait 3, question 2", "is empty; write a question or remove it.")]`.
"""

from __future__ import annotations

import re

from core.errors import Problem

# Control characters but tab and line breaks, and halves of surrogate pairs.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


def check_text(value: object, place: str, *, limit: int, cure: str) -> list[Problem]:
    """What keeps `value` from being a text of the file; `cure` says what to do about an empty one."""
    if not isinstance(value, str):
        return [Problem(place, f"is {kind_of(value)}; write a text in double quotes.")]
    if not value.strip():
        return [Problem(place, f"is empty; {cure}")]
    problems: list[Problem] = []
    if len(value) > limit:
        problems.append(Problem(place, f"has {len(value):,} characters; shorten it to {limit:,}."))
    if bad := _UNPRINTABLE.search(value):
        where = f"U+{ord(bad[0]):04X} at character {bad.start() + 1}"
        problems.append(Problem(place, f"contains a sign that no text should have ({where}); delete it."))
    return problems


def kind_of(value: object) -> str:
    """What a JSON value is, for a sentence: "a list"."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    kinds: tuple[tuple[type, str], ...] = ((dict, "an object"), (list, "a list"), (str, "a text"))
    return next((words for kind, words in kinds if isinstance(value, kind)), "a number")


def text_key(text: str) -> str:
    """What two texts share that differ in case and spacing alone."""
    return " ".join(text.casefold().split())
