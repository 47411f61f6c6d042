"""The rows behind a number, paired for reading: base on the left, the other on the right. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from core.evaluation.results import BASE, SPEAKERS, in_order

Row = Mapping[str, Any]
Order = Literal["as asked", "weakest first", "strongest first"]
# Who stands on the left: the model as it was; in a pair, the answer that it learns to leave.
LEFT = (BASE, "rejected")
ORDERS: tuple[Order, ...] = ("as asked", "weakest first", "strongest first")


@dataclass(frozen=True, slots=True)
class Wish:
    """Which rows: of a group (a trait, a suffix, a turn; None for all), of or against whom, how sorted."""

    group: str | None = None
    speaker: str | None = None
    order: Order = "as asked"


@dataclass(frozen=True, slots=True)
class Said:
    """One answer as it is shown; `mark` says how it was scored."""

    who: str
    text: str
    mark: str = ""
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Exchange:
    """One question with the answers to it, side by side. `score` is that of the right one.

    `began` is the question with which a longer talk began.
    """

    asked: str
    about: str
    left: Said | None
    right: Said | None
    score: float | None = None
    trait: str = ""
    began: str = ""


def groups_of(rows: Iterable[Row]) -> list[str]:
    """What rows are about, in the order in which it first appears."""
    found = dict.fromkeys(one for row in rows for one in _groups(row))
    return [group for group in found if group]


def is_judged(rows: Sequence[Row]) -> bool:
    """Whether the rows are pairs of answers that a judge compared."""
    return bool(rows) and "other" in rows[0]


def compared_of(rows: Sequence[Row]) -> list[str]:
    """Everybody who can be compared: the opponents where a judge compared, else who stands on the right.

    The tuned ones come first; a base alone stands there itself.
    """
    name = "versus" if is_judged(rows) else "speaker"
    labels = in_order(str(row.get(name) or "") for row in rows)
    if name == "versus":
        return [label for label in labels if label]
    others = [label for label in labels if label and label not in LEFT]
    tuned = [label for label in others if label not in SPEAKERS or label == SPEAKERS[-1]]
    return (tuned + [label for label in others if label not in tuned]) or [one for one in labels if one]


def exchanges_of(rows: Sequence[Row], wish: Wish, words: tuple[str, str]) -> list[Exchange]:
    """The rows that are wished for, a question each; `words` are what scores of 1 and of 0 mean."""
    asked = [row for row in rows if wish.group in (None, *_groups(row))]
    speaker = wish.speaker or next(iter(compared_of(asked)), "")
    if is_judged(asked):
        found = [_judged(row) for row in asked if row.get("versus") == speaker]
    else:
        found = _paired(asked, speaker, words)
    if wish.order == "as asked":
        return found
    scored = [one for one in found if one.score is not None]
    return sorted(scored, key=lambda one: one.score or 0.0, reverse=wish.order == "strongest first")


def _groups(row: Row) -> tuple[str, ...]:
    """Everything that a row counts for: its group, its trait, the words it chose between."""
    names = ("group", "trait", "first", "second") if "second" in row else ("group", "trait")
    return tuple(dict.fromkeys(str(row[name]) for name in names if row.get(name) not in (None, "")))


def _paired(rows: Sequence[Row], speaker: str, words: tuple[str, str]) -> list[Exchange]:
    left: dict[tuple[Any, ...], Row] = {_key(row): row for row in rows if row.get("speaker") in LEFT}
    return [
        Exchange(
            str(row.get("asked") or row.get("prompt") or ""),
            _about(row),
            _said(left.get(_key(row)), words) if speaker not in LEFT else None,
            _said(row, words),
            _score(row),
            str(row.get("trait") or ""),
            str(row.get("question") or ""),
        )
        for row in rows
        if row.get("speaker") == speaker
    ]


def _about(row: Row) -> str:
    """The row's group; of a choice both words."""
    return f"{row.get('first')} or {row['second']}" if "second" in row else str(row.get("group") or "")


def _key(row: Row) -> tuple[Any, ...]:
    """The same prompt, asked in the same way: who chose one word is found by who chose another."""
    if "second" in row:
        return row.get("prompt"), row.get("first"), row.get("second"), row.get("sample")
    return row.get("prompt"), row.get("group"), row.get("sample")


def _said(row: Row | None, words: tuple[str, str]) -> Said | None:
    if row is None:
        return None
    who, cut = str(row.get("speaker") or ""), row.get("finish_reason") == "length" and "right" not in row
    return Said(who, str(row.get("text") or ""), mark_of(row, words), cut)


def mark_of(row: Row, words: tuple[str, str]) -> str:
    """How an answer was scored: "in character, 0.92", "chose warm", "not scored"; a pair is not scored."""
    if "found" in row:
        return ", ".join(str(one) for one in row["found"] or ())
    if "second" in row:
        return f"chose {row['picked']}" if row.get("picked") else "chose neither"
    score = _score(row)
    if score is None:
        return "not scored"
    word = words[0] if score >= 0.5 else words[1]
    return word if score in (0.0, 1.0) else f"{word}, {score:.2f}"


def _score(row: Row) -> float | None:
    value = row.get("score")
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _judged(row: Row) -> Exchange:
    """A judged pair: the opponent on the left, the tuned answer with the verdict on the right."""
    outcome = str(row.get("outcome") or "unscored")
    verdicts = [str(one) for one in row.get("verdicts") or ()]
    flipped = len(set(verdicts)) > 1 and "unscored" not in verdicts
    mark = f"{outcome}; the judge said otherwise in the other order" if flipped else outcome
    return Exchange(
        str(row.get("asked") or ""),
        str(row.get("group") or ""),
        Said(str(row.get("versus") or ""), str(row.get("other") or "")),
        Said(str(row.get("speaker") or ""), str(row.get("text") or ""), mark),
        _score(row),
    )
