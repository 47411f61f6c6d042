"""Does it still know what it knew? A fixed multiple-choice set, paired by item. Pure.

Every answer has one of four outcomes, which together are all:

    correct      the right letter, given as it was asked for
    recovered    right, but only a lenient reading finds it ("Arr, that be the second one: Paris!")
    wrong        another letter or option
    unparsable   no letter and no single option can be read

Where the engine tells log-probabilities, the likeliest of the four letters is the answer, and nothing has
to be read.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from core.evaluation.capability_items import LETTERS, Item
from core.evaluation.results import BASE, Cell, in_order, shown_share
from core.evaluation.stats.intervals import difference_by_cluster, paired_differences, sign_flip_p, wilson
from core.evaluation.stats.power import smallest_detectable
from core.pairs import strip_reasoning
from core.records import Message, Sampling
from core.similarity import normalised

How = Literal["letter", "text"]
Outcome = Literal["correct", "recovered", "wrong", "unparsable"]
OUTCOMES: tuple[Outcome, ...] = ("correct", "recovered", "wrong", "unparsable")
CHANCE = 1 / len(LETTERS)
# No two-sided test can show anything with fewer items on which two speakers differ.
LEAST_DIFFERENT = 6
# A speaker that picks one letter this often does not read the questions.
ONE_LETTER = 0.6

QUESTION = "{asked}\n\nAnswer with the letter of the right option only: A, B, C or D."
PREFILL = "The answer is"


def messages_of(item: Item, how: How, *, prefill: bool) -> tuple[Message, ...]:
    """What is asked; with `prefill`, the answer is begun so that a letter comes next."""
    question = Message("user", QUESTION.format(asked=item.asked))
    return (question, Message("assistant", PREFILL)) if prefill and how == "letter" else (question,)


def sampling_of(how: How, max_tokens: int) -> Sampling:
    """How it is drawn: without chance, and one token with its rivals where those are told."""
    if how == "letter":
        return Sampling(temperature=0.0, top_p=1.0, max_tokens=1, seed=0, top_logprobs=20)
    return Sampling(temperature=0.0, top_p=1.0, max_tokens=max_tokens, seed=0)


# ---- reading an answer


@dataclass(frozen=True, slots=True)
class Reading:
    """The letter that was picked (None: unreadable), and whether it was given as asked for."""

    letter: str | None
    strict: bool = True

    def outcome(self, item: Item) -> Outcome:
        """Which of the four it is."""
        if self.letter is None:
            return "unparsable"
        if self.letter != item.answer:
            return "wrong"
        return "correct" if self.strict else "recovered"


def read_row(row: Mapping[str, Any], item: Item, how: How) -> Reading:
    """The reading of an answer's row."""
    if how == "letter":
        return read_letter(row.get("first_logprobs") or {})
    return read_text(str(row.get("text", "")), item)


def read_letter(first: Mapping[str, float]) -> Reading:
    """The likeliest of the four letters; unreadable where none is among the tokens told."""
    odds: dict[str, float] = {}
    for token, value in first.items():
        letter = token.strip().strip("().:*").upper()
        if len(letter) == 1 and letter in LETTERS:
            odds[letter] = odds.get(letter, 0.0) + math.exp(value)
    # Equal odds go to the earlier letter, so that a reading never depends on the order of tokens.
    return Reading(max(sorted(odds), key=odds.__getitem__) if odds else None)


_MARK = r"[\s(*\"'\[]*([A-D])[\s)*\"'\].:]*"
_ALONE = re.compile(rf"(?:(?:the\s+)?answer(?:\s+is|:)?\s*)?{_MARK}", re.IGNORECASE)
_NAMED = re.compile(r"\b(?:answer|option|choice|letter)\b\W*(?:is|be|would be|:)?\W*([A-D])(?![\w'])")
_LONE_LETTER = re.compile(r"(?<![\w'])([B-D])(?![\w'])|(?<![\w'])(A)(?=[).:]|$)")


def read_text(text: str, item: Item) -> Reading:
    """The letter of a text: alone or with its own option (strict), else found in it (lenient)."""
    answer = strip_reasoning(text)[0]
    for letter, option in zip(LETTERS, item.options, strict=True):
        own = normalised(answer) == normalised(f"{letter} {option}")
        if own:
            return Reading(letter)
    alone = _ALONE.fullmatch(answer.strip())
    if alone:
        return Reading(alone[1].upper())
    return Reading(_found(answer, item), strict=False)


def _found(answer: str, item: Item) -> str | None:
    """The one letter that a text names, else the one option that it holds."""
    named = {match[1] for match in _NAMED.finditer(answer)}
    lone = named or {match[1] or match[2] for match in _LONE_LETTER.finditer(answer)}
    if lone:
        return lone.pop() if len(lone) == 1 else None
    words = f" {normalised(answer)} "
    held = {
        letter
        for letter, option in zip(LETTERS, item.options, strict=True)
        if f" {normalised(option)} " in words
    }
    return held.pop() if len(held) == 1 else None


# ---- scores and cells


def score_row(row: Mapping[str, Any], item: Item, how: How) -> dict[str, Any]:
    """A row as results keep it: the answer with its outcome and score."""
    reading = read_row(row, item, how)
    outcome = reading.outcome(item)
    return {
        "prompt": item.id,
        "asked": item.asked,
        "text": str(row.get("text", "")),
        "speaker": row["speaker"],
        "group": item.subject,
        "sample": 0,
        "picked": reading.letter,
        "right": item.answer,
        "outcome": outcome,
        "score": float(outcome == "correct"),
        "finish_reason": row.get("finish_reason"),
    }


def cells_of(rows: Sequence[Mapping[str, Any]]) -> list[Cell]:
    """Shares correct by speaker and subject, the other outcomes, and differences from base."""
    speakers = in_order(str(row["speaker"]) for row in rows)
    groups = ["", *dict.fromkeys(str(row["group"]) for row in rows)]
    found = [_share(rows, "correct", group, speaker) for group in groups for speaker in speakers]
    found += [
        _share(rows, outcome, "", speaker)
        for outcome in OUTCOMES[1:]
        for speaker in speakers
        if outcome == "wrong" or any(_is(row, "", speaker) and row["outcome"] == outcome for row in rows)
    ]
    if BASE in speakers:
        others = [speaker for speaker in speakers if speaker != BASE]
        found += [cell for group in groups for speaker in others for cell in _changes(rows, group, speaker)]
    return found


def _is(row: Mapping[str, Any], group: str, speaker: str) -> bool:
    return row["speaker"] == speaker and group in ("", row["group"])


def _share(rows: Sequence[Mapping[str, Any]], outcome: str, group: str, speaker: str) -> Cell:
    own = [row for row in rows if _is(row, group, speaker)]
    found = wilson(sum(row["outcome"] == outcome for row in own), len(own))
    return Cell(outcome, found.value, found.low, found.high, found.n, group=group, speaker=speaker)


def _changes(rows: Sequence[Mapping[str, Any]], group: str, speaker: str) -> list[Cell]:
    """The difference from base in what was answered by both; none where nothing was."""
    before, after = _by_item(rows, group, BASE), _by_item(rows, group, speaker)
    both = [name for name in before if name in after]
    if not both:
        return []
    old, new = [before[name] for name in both], [after[name] for name in both]
    found = difference_by_cluster(old, new, both)
    p = sign_flip_p(paired_differences(old, new, both))
    cell = Cell("correct", found.value, found.low, found.high, found.n, "points", group, speaker, BASE, p)
    return [cell]


def _by_item(rows: Sequence[Mapping[str, Any]], group: str, speaker: str) -> dict[str, float]:
    return {str(row["prompt"]): float(row["score"]) for row in rows if _is(row, group, speaker)}


def smallest_change(rows: Sequence[Mapping[str, Any]], speaker: str) -> float | None:
    """The smallest change of the share correct that these items show with 80 % chance; None without any.

    McNemar's test rests on the d items of n that only one of two got right: a share of one half away from
    which `smallest_detectable(d)` can be seen is a difference of 2 · that · d ÷ n in the share correct.
    """
    before, after = _by_item(rows, "", BASE), _by_item(rows, "", speaker)
    both = [name for name in before if name in after]
    if not both:
        return None
    different = max(LEAST_DIFFERENT, sum(before[name] != after[name] for name in both))
    return min(1.0, 2 * smallest_detectable(different) * different / len(both))


def picked(rows: Sequence[Mapping[str, Any]], speaker: str) -> dict[str, float]:
    """How often a speaker picked each letter, as shares of what could be read."""
    letters = [row["picked"] for row in rows if row["speaker"] == speaker and row["picked"]]
    return {letter: letters.count(letter) / max(1, len(letters)) for letter in LETTERS}


# ---- words


def headline(character: str, cells: Sequence[Cell], rows: Sequence[Mapping[str, Any]], tuned: str) -> str:
    """What became of its knowledge, in one or two plain sentences."""
    cell = _of(cells, tuned)
    if cell is None or cell.value is None:
        return "No answers yet: nothing can be said of what the model knows."
    known = f"{_share_words(cell)} of {cell.n} questions right"
    if tuned == BASE:
        return f"The plain model gets {known}; nothing that was trained was asked."
    before, change = _of(cells, BASE), _of(cells, tuned, versus=BASE)
    if before is None or change is None or before.value is None or change.value is None:
        return f"{_name(tuned)} gets {known}; the model before training was not asked."
    found = f"{_name(tuned)} gets {known}, and {shown_share(before.value)} before training"
    limit = smallest_change(rows, tuned) or 1.0
    blind = f"too few items to see a change below {100 * limit:.0f} points"
    if _near_chance(before) and _near_chance(cell):
        return (
            f"{found}: both near chance ({shown_share(CHANCE)}), so this set cannot show whether "
            f"{character} cost this model anything; {blind}."
        )
    points = f"{abs(100 * change.value):.0f} points ({_ends(change)})"
    if change.excludes_zero:
        verb = "lost" if change.value < 0 else "gained"
        return f"It {verb} {points}. {found}."
    return f"No change could be seen: {found}; {blind}."


def _of(cells: Sequence[Cell], speaker: str, versus: str | None = None) -> Cell | None:
    wanted = ("correct", "", speaker, versus)
    return next((c for c in cells if (c.measure, c.group, c.speaker, c.versus) == wanted), None)


def _near_chance(cell: Cell) -> bool:
    return cell.low is not None and cell.low <= CHANCE


def _share_words(cell: Cell) -> str:
    assert cell.value is not None and cell.low is not None and cell.high is not None
    return f"{100 * cell.value:.0f} % ({100 * cell.low:.0f} to {100 * cell.high:.0f} %)"


def _ends(cell: Cell) -> str:
    assert cell.low is not None and cell.high is not None
    return f"{100 * cell.low:+.0f} to {100 * cell.high:+.0f}"


def _name(speaker: str) -> str:
    return "The tuned model" if speaker == "tuned" else f"The model ({speaker})"


def caveats(cells: Sequence[Cell], rows: Sequence[Mapping[str, Any]], how: How) -> list[str]:
    """What belongs beside every number of this kind."""
    found = [
        "A small set of easy questions: it shows a large loss of knowledge, not a small one. Full "
        "benchmarks: character eval capability --full lm-eval.",
        "Asked by the likeliest of the letters A to D, in one token; what a model would write was not read."
        if how == "letter"
        else "Answers were written out and read: recovered ones are right, but not given as asked for.",
    ]
    speakers = in_order(str(row["speaker"]) for row in rows)
    near = [one for one in speakers if (cell := _of(cells, one)) and _near_chance(cell)]
    if near:
        found.append(f"Near chance ({shown_share(CHANCE)}, guessing): {', '.join(near)}.")
    for speaker in speakers:
        letter, share = max(picked(rows, speaker).items(), key=lambda one: one[1])
        if share >= ONE_LETTER:
            found.append(
                f"{speaker} picks {letter} in {shown_share(share)} of cases: it hardly reads the question."
            )
    return found
