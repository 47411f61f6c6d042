"""The finished sample: what it is called, what cannot be done with it, how a real run becomes it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

SAMPLE = "sample-pirate"
# Whom the sample shows, and who takes over where the sample can do nothing.
MADE_FROM = "pirate"
UNCHANGED = (
    "This is the finished sample: its character stays as it was made, and nothing runs on it. Make your "
    "own copy; that one can be changed, taught and measured."
)
MARK = '<p class="standfirst"><b>Sample.</b> Comes with Character Studio; real answers.</p>'


def is_sample(name: str | None) -> bool:
    """Whether a character is the sample."""
    return name == SAMPLE


def about_sample(words: Sequence[str]) -> bool:
    """Whether a command would work on the sample; taking it out or away is no work on it."""
    return SAMPLE in words and "sample" not in words[:1]


def renamed(value: Any, names: Mapping[str, str]) -> Any:
    """A JSON value of the original as the sample's: names, run and hash exchanged, folders cut off.

    `names` maps whole strings; a path of the machine that made it keeps its last part only.
    """
    if isinstance(value, dict):
        fields = cast("dict[str, Any]", value)
        return {key: _field(key, one, names) for key, one in fields.items()}
    if isinstance(value, list):
        return [renamed(one, names) for one in cast("list[Any]", value)]
    if isinstance(value, str):
        return names.get(value, value.rpartition("/")[2] if value.startswith("/") else value)
    return value


def _field(key: str, value: Any, names: Mapping[str, str]) -> Any:
    # "pirate" is a word of many texts; only where it names the character is it exchanged.
    if key in ("constitution", "name") and value == MADE_FROM:
        return SAMPLE
    return renamed(value, names)


def marked(html: str) -> str:
    """A report that says on its first page that it is the sample's."""
    return html.replace("<h1>", f"{MARK}<h1>", 1)
