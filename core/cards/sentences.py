"""A card's text in pieces: sentences, and lists under a name in the forms that card authors use. Pure.

Likes("tea" + "rain")           W++
[Ada's likes: tea, rain; age: 40]   a "plist"
Likes: tea, rain                a line with a name before it
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    """A list under a name, with the text it stood in."""

    label: str
    values: tuple[str, ...]
    source: str


_WPP = re.compile(r'([A-Za-z][A-Za-z _/-]{1,30})\(\s*("[^"()]*"(?:\s*\+\s*"[^"()]*")*)\s*\)')
_PLIST = re.compile(r"^\[\s*(.+?)\s*\]$", re.DOTALL)
_LABELLED = re.compile(r"^[-*•\s]*\**([A-Za-z][A-Za-z _/-]{1,30}?)\**\s*[:=]\s*\**\s*(\S.*)$")
_SHORT = re.compile(r"\b(?:Mr|Mrs|Ms|Dr|St|Prof|Capt|Sgt|Lt|Jr|Sr|vs|etc|e\.g|i\.e|No|[A-Z])\.$")
_END = re.compile(r"(?<=[.!?…])[\"”’')\]]*\s+(?=[\"“‘'(\[*]*[A-Z0-9{<])")
LABEL_WORDS = 3


def sentences(text: str) -> Iterator[str | Entry]:
    """The pieces of a text in their order; empty ones are left out."""
    text, found = _without_wpp(text)
    yield from found
    for line in text.split("\n"):
        line = line.strip()
        plist = _PLIST.match(line)
        if plist and ":" in plist[1]:
            yield from _plist(plist[1])
        elif line:
            yield from _line(line)


def entries(text: str) -> list[Entry]:
    """Only the lists of a text."""
    return [piece for piece in sentences(text) if isinstance(piece, Entry)]


def _without_wpp(text: str) -> tuple[str, list[Entry]]:
    every = _WPP.finditer(text)
    found = [Entry(match[1], tuple(re.findall(r'"([^"]*)"', match[2])), match[0]) for match in every]
    if not found:
        return text, []
    kept = [Entry(one.label, tuple(filter(str.strip, one.values)), one.source) for one in found]
    rest = "\n".join(_rest_of(line) for line in text.split("\n"))
    return rest, [one for one in kept if one.values]


def _rest_of(line: str) -> str:
    """What is left of a line without its lists, and without the brackets around them."""
    rest = _WPP.sub(" ", line)
    return re.sub(r"[\[\]{}]", " ", rest) if rest != line or not re.search(r"\w", line) else line


def _plist(inner: str) -> Iterator[Entry]:
    for part in inner.split(";"):
        label, colon, values = part.partition(":")
        if colon:
            plain = re.sub(r"^.*[’']s\s+|^\{\{char\}\}\s+", "", label.strip())
            kept = tuple(value.strip() for value in values.split(",") if value.strip())
            if kept:
                yield Entry(plain, kept, part.strip())


def _line(line: str) -> Iterator[str | Entry]:
    labelled = _LABELLED.match(line)
    if labelled and len(labelled[1].split()) <= LABEL_WORDS and not _is_prose(labelled[2]):
        parts = re.split(r"[,;]| \+ ", labelled[2])
        values = tuple(part.strip(' ."') for part in parts if part.strip(' ."'))
        if values:
            yield Entry(labelled[1], values, line)
            return
    if labelled and len(labelled[1].split()) <= LABEL_WORDS:
        line = labelled[2]
    yield from _split(re.sub(r"^[-*•]\s+|^\d+[.)]\s+", "", line))


def _is_prose(text: str) -> bool:
    """Whether what stands behind a label is sentences rather than a list."""
    parts = [part for part in re.split(r"[,;]", text) if part.strip()]
    return max(map(len, map(str.split, parts)), default=0) > 5


def _split(line: str) -> Iterator[str]:
    waiting = ""
    for piece in _END.split(line):
        waiting = f"{waiting} {piece}".strip()
        if not _SHORT.search(waiting):
            yield waiting
            waiting = ""
    if waiting:
        yield waiting
