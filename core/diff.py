"""Which words two answers do not share. Pure.

`word_spans("Aye, boil the egg", "Boil the egg")` → [("Aye,", True), (" ", False), ("boil the egg", False)]
"""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from typing import Literal, NamedTuple


class Span(NamedTuple):
    """A stretch of text; `differs` where the other text has no match for it."""

    text: str
    differs: bool


LONGEST_COMPARED = 4000


def word_spans(text: str, other: str) -> list[Span]:
    """`text` cut into spans, those marked that have no counterpart in `other`; joined they are `text`.

    Words compare without case and punctuation. Very long texts come back as one unmarked span.
    """
    pieces = re.findall(r"\s+|\S+", text)
    mine, theirs = _keys(pieces), _keys(re.findall(r"\s+|\S+", other))
    if len(pieces) > LONGEST_COMPARED or len(theirs) > LONGEST_COMPARED:
        return [Span(text, False)]
    words = [(index, key) for index, key in enumerate(mine) if key is not None]
    matched = _matched([key for _, key in words], [key for key in theirs if key is not None])
    shared = {words[position][0] for position in matched}
    marks = [key is not None and index not in shared for index, key in enumerate(mine)]
    return _joined(pieces, _bridged(pieces, marks))


def differing_share(spans: list[Span]) -> float:
    """The share of a text's characters that differ, 0 to 1."""
    total = sum(len(span.text) for span in spans)
    return sum(len(span.text) for span in spans if span.differs) / total if total else 0.0


def _keys(pieces: list[str]) -> list[str | None]:
    """The word that a piece stands for, None for white space."""
    return [None if piece.isspace() else (re.sub(r"\W", "", piece).casefold() or piece) for piece in pieces]


def _matched(mine: list[str], theirs: list[str]) -> set[int]:
    blocks = SequenceMatcher(None, mine, theirs, autojunk=False).get_matching_blocks()
    return {block.a + offset for block in blocks for offset in range(block.size)}


def _bridged(pieces: list[str], marks: list[bool]) -> list[bool]:
    """Mark the space between two marked words too, so that a marked phrase is one span."""
    inner = range(1, len(pieces) - 1)
    spaces = {index for index in inner if pieces[index].isspace() and marks[index - 1] and marks[index + 1]}
    return [mark or index in spaces for index, mark in enumerate(marks)]


def _joined(pieces: list[str], marks: list[bool]) -> list[Span]:
    spans: list[Span] = []
    for piece, mark in zip(pieces, marks, strict=True):
        if spans and spans[-1].differs == mark:
            spans[-1] = Span(spans[-1].text + piece, mark)
        else:
            spans.append(Span(piece, mark))
    return spans


class Told(NamedTuple):
    """A stretch of two texts read as one: in both ("same"), only in the first ("gone"), or "new"."""

    text: str
    mark: Literal["same", "gone", "new"]


# Two wordings that share less than this are told one after the other: a word in common here and there
# would only tear both apart.
RETOLD = 0.35
SHORT = 12


def reading(before: str, after: str) -> list[Told]:
    """Two texts as one that can be read: what went stands before what came in its place.

    Joined without "new" the stretches are `before`, without "gone" they are `after`, white space aside.
    """
    old, new = re.findall(r"\S+\s*", before), re.findall(r"\S+\s*", after)
    if max(len(old), len(new)) > LONGEST_COMPARED:
        return [Told(before, "gone"), Told(after, "new")]
    told: list[Told] = []
    matcher = SequenceMatcher(None, [word.strip() for word in old], [word.strip() for word in new], False)
    if old and new and len(old) + len(new) > SHORT and matcher.ratio() < RETOLD:
        return [_apart(Told(before, "gone"), [Told(after, "new")]), Told(after, "new")]
    for tag, i, j, k, m in matcher.get_opcodes():
        if tag == "equal":
            told.append(Told("".join(new[k:m]), "same"))
            continue
        told += [Told("".join(old[i:j]), "gone")] if j > i else []
        told += [Told("".join(new[k:m]), "new")] if m > k else []
    return [_apart(piece, told[number + 1 :]) for number, piece in enumerate(told)]


def _apart(piece: Told, rest: list[Told]) -> Told:
    """A stretch that the end of its own text left without a space before the next one."""
    return Told(f"{piece.text} ", piece.mark) if rest and piece.text[-1:].strip() else piece
