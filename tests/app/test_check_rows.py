"""What stands behind the Check pages: rows paired for reading, numbers for spreadsheets, words."""

from __future__ import annotations

import csv
import io

from hypothesis import given
from hypothesis import strategies as st

from app.check_result import csv_of, jsonl_of
from app.check_rows import Wish, compared_of, exchanges_of, groups_of
from app.check_words import group_words, who
from core.evaluation.results import Cell
from tests.core import eval_results

WORDS = ("in character", "not in character")


def row(prompt: str, speaker: str, group: str = "v1", **more: object) -> dict[str, object]:
    return {
        "prompt": prompt,
        "asked": f"{prompt}?",
        "speaker": speaker,
        "group": group,
        "sample": 0,
        "text": f"{speaker} on {prompt} {group}",
    } | more


ROWS = [
    row(prompt, speaker, group, score=score)
    for prompt, score in (("p1", 0.9), ("p2", 0.2))
    for group in ("v1", "v2")
    for speaker in ("base", "neutral", "tuned")
]


def test_the_same_question_stands_beside_itself() -> None:
    for one in exchanges_of(ROWS, Wish(), WORDS):
        assert one.left is not None and one.right is not None
        assert one.left.text.replace("base", "tuned") == one.right.text


def test_a_group_and_a_speaker_choose_the_rows() -> None:
    found = exchanges_of(ROWS, Wish("v2", "neutral"), WORDS)
    assert [one.right.text for one in found if one.right] == ["neutral on p1 v2", "neutral on p2 v2"]


def test_the_weakest_can_come_first() -> None:
    found = exchanges_of(ROWS, Wish(order="weakest first"), WORDS)
    assert [one.score for one in found] == [0.2, 0.2, 0.9, 0.9]
    assert found[0].right is not None and found[0].right.mark == "not in character, 0.20"


def test_an_answer_that_was_not_scored_is_no_failure() -> None:
    [one] = exchanges_of([row("p1", "tuned", score=None)], Wish(), WORDS)
    assert one.right is not None and one.right.mark == "not scored" and one.left is None


def test_trained_ones_come_before_controls() -> None:
    rows = [row("p", label) for label in ("base", "neutral", "tuned at 0.5", "tuned")]
    assert compared_of(rows) == ["tuned", "tuned at 0.5", "neutral"]


def test_a_turned_verdict_is_told_as_such() -> None:
    found = eval_results.coherence()
    turned = {"verdicts": ["win", "loss"], "outcome": "tie", "score": 0.5}
    rows = [found.rows[0] | turned]
    [one] = exchanges_of(rows, Wish(), WORDS)
    assert one.right is not None and "said otherwise" in one.right.mark
    assert compared_of(rows) == [rows[0]["versus"]]


def test_a_choice_between_words_is_found_under_both() -> None:
    rows = [row("p", who, "warm", first="warm", second="stern", picked="warm") for who in ("base", "tuned")]
    assert groups_of(rows) == ["warm", "stern"]
    [one] = exchanges_of(rows, Wish("stern"), WORDS)
    assert one.left is not None and one.left.mark == "chose warm"


@given(st.text(), st.text())
def test_no_text_in_the_csv_is_a_formula(measure: str, note: str) -> None:
    cells = [Cell(measure, -0.3, -0.5, -0.1, 20, "points", versus="base", note=note)]
    body = list(csv.reader(io.StringIO(csv_of(cells).decode(), newline="")))[1]
    assert body[1] == "-0.3", "numbers stay numbers"
    for text in (body[0], body[-1]):
        assert not text.startswith(("=", "+", "-", "@", "\t", "\r"))


def test_rows_are_one_a_line_whatever_is_in_them() -> None:
    assert jsonl_of([{"text": "a\nb"}, {"text": "ä"}]).decode().count("\n") == 2


def test_groups_and_speakers_have_names_that_people_know() -> None:
    assert group_words("v0", "robustness", {}) == "told to drop it, 1"
    assert group_words("5", "prefill", {}) == "turn 5"
    assert group_words("voice", "traits", {"voice": "voice"}) == "voice"
    assert who("tuned at 0.5") == "After training, at 0.5" and who("dpo") == "dpo"
