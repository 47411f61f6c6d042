"""A model's list of user messages → the messages. Tolerant, because models format as they please. Pure.

Understood: "1." "1)" "(1)" "**1.**" "- " "* " "• ", JSON arrays of strings or objects, JSON lines, any of
these in a ``` fence, with quotes, labels ("User: …") and word counts around the items. Headings and
talk before and after the list are left out; a text cut off in the middle gives what was complete.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

Kind = Literal["number", "bullet", "heading", "blank", "text"]


def render_list(items: Iterable[str]) -> str:
    """The items as a numbered list, one a line."""
    return "\n".join(f"{number}. {item}" for number, item in enumerate(items, 1))


def parse_prompts(text: str) -> list[str]:
    """The messages of a model's list, in its order; none when there is no list and no text."""
    found = _from_json(text)
    items = _from_lines(text) if found is None else found
    return [item for item in map(clean_item, items) if item]


# JSON ------------------------------------------------------------------------------------------

_JSON_START = re.compile(r"^[ \t]*(?=\[[ \t]*(?:[\"{]|$)|\{[ \t]*(?:\"|$))", re.MULTILINE)
_TEXT_FIELDS = ("prompt", "question", "message", "text", "content", "user")


def _from_json(text: str) -> list[str] | None:
    """The strings of the first JSON list in the text, as far as it is whole; None where there is none."""
    start = _JSON_START.search(text)
    if start is None:
        return None
    values = list(_values(text, start.end()))
    return [found for value in values for found in _texts_in(value)] if values else None


def _values(text: str, at: int) -> Iterator[Any]:
    """Every complete value from `at` on; an array is entered, so that one cut short gives its items."""
    decoder = json.JSONDecoder()
    while at < len(text):
        if text[at] in "[, \t\r\n]":
            at += 1
            continue
        try:
            value, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            return
        yield value


def _texts_in(value: Any) -> list[str]:
    """A string itself, an object's text, or the texts of the list that an object wraps."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, list):
        return [found for item in cast(list[Any], value) for found in _texts_in(item)]
    if not isinstance(value, dict):
        return []
    fields = cast(dict[str, Any], value)
    for name in _TEXT_FIELDS:
        if isinstance(fields.get(name), str):
            return [fields[name]]
    return [found for inner in fields.values() if isinstance(inner, list) for found in _texts_in(inner)]


# Lines -----------------------------------------------------------------------------------------

_NUMBER = re.compile(r"^\s*(?:\*\*|__)?\(?\d{1,3}[.):](?:\*\*|__)?\)?(?:\s+|$)(?P<rest>.*)$")
_BULLET = re.compile(r"^\s*[-*•–‣▪](?:\s+|$)(?P<rest>.*)$")
_HEADING = re.compile(r"^\s*(?:#{1,6}\s.*|(?:\*\*|__)[^*_]{1,60}(?:\*\*|__):?|[-=*_]{3,}|```\w*)\s*$")
# Small models forget the line break: "… again. 2. The dog …" begins a new item.
_INLINE_NUMBER = re.compile(r"(?<=[.?!\"”]) +(?=\d{1,2}[.)] +[\"“A-Z])")
HEADING_WORDS = 8


@dataclass(frozen=True, slots=True)
class _Line:
    kind: Kind
    text: str
    indented: bool


def _from_lines(text: str) -> list[str]:
    lines = [_read(line) for line in _INLINE_NUMBER.sub("\n", text).splitlines()]
    if not any(line.kind in ("number", "bullet") for line in lines):
        return [line.text for line in lines if line.kind == "text" and _says_something(line.text)]
    return _items(lines)


def _says_something(text: str) -> bool:
    return bool(re.search(r"\w", text)) and not _introduces(text)


def _read(line: str) -> _Line:
    """One line, and what kind it is."""
    indented = line[:1] in (" ", "\t")
    if not line.strip():
        return _Line("blank", "", indented)
    if _HEADING.match(line):
        return _Line("heading", line.strip(), indented)
    if match := _NUMBER.match(line):
        return _Line("number", match["rest"].strip(), indented)
    if match := _BULLET.match(line):
        return _Line("bullet", match["rest"].strip(), indented)
    return _Line("text", line.strip(), indented)


def _items(lines: Sequence[_Line]) -> list[str]:
    """The list's items, each with the lines that belong to it."""
    numbered = any(line.kind == "number" and not _introduces(line.text) for line in lines)
    items: list[list[str]] = []
    open_item = after_blank = False
    for line in lines:
        if line.kind == "blank":
            after_blank = True
            continue
        begins = line.kind == "number" or (line.kind == "bullet" and not (numbered and open_item))
        if line.kind == "heading" or (begins and _introduces(line.text)):
            open_item = False
        elif begins:
            items.append([line.text])
            open_item = True
        elif open_item and (line.indented or not after_blank):
            items[-1].append(line.text)
        else:
            # An unindented line behind a blank one is talk about the list, not part of its last item.
            open_item = False
        after_blank = False
    return [" ".join(part for part in item if part) for item in items]


def _introduces(text: str) -> bool:
    """Whether a line announces what follows ("Short messages:", "**Long**") and is no item itself."""
    plain = text.strip("*_ ")
    bold = text.startswith(("**", "__")) and text.rstrip(":").endswith(("**", "__"))
    few = len(plain.split()) <= HEADING_WORDS
    return few and (plain.endswith(":") or (bold and not plain.endswith((".", "?", "!"))))


# Items -----------------------------------------------------------------------------------------

_LABEL = re.compile(r"^(?:user|human|prompt|question|message|q)(?: \d+)?\s*:\s+", re.IGNORECASE)
_LENGTH_LABEL = re.compile(r"^[\[(]?(?:short|medium|long)[\])]?\s*:\s+", re.IGNORECASE)
_WORD_COUNT = re.compile(r"\s*[\[(](?:~?\d+ words?|short|medium|long)[\])]$", re.IGNORECASE)
# Control signs and lone surrogates, which no prompt file takes.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_QUOTES = {'"': '"', "“": "”", "„": "“", "«": "»", "'": "'", "‘": "’", "`": "`"}


def clean_item(text: str) -> str:
    """An item without the quotes, labels, bold marks and word counts that models put around it."""
    text = " ".join(_UNPRINTABLE.sub(" ", text).split())
    while True:
        cleaned = _peeled(text)
        if cleaned == text:
            return text
        text = cleaned


def _peeled(text: str) -> str:
    """The text with one layer taken off."""
    for pattern in (_LABEL, _LENGTH_LABEL, _WORD_COUNT):
        text = pattern.sub("", text).strip()
    for mark in ("**", "__"):
        if len(text) > 4 and text.startswith(mark) and text.find(mark, 2) == len(text) - 2:
            return text[2:-2].strip()
    return _unquoted(text)


def _unquoted(text: str) -> str:
    """The text inside quotes that enclose all of it; a quotation within stays."""
    bare = text.removesuffix(",")
    closing = _QUOTES.get(bare[:1])
    if closing and len(bare) > 2 and bare.find(closing, 1) == len(bare) - 1:
        return bare[1:-1].strip()
    return text
