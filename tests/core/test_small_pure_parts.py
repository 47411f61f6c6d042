"""Prompt order and files, edits of a draft, and the words that differ."""

from __future__ import annotations

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import editing
from core.constitution import Constitution, Trait
from core.diff import reading, word_spans
from core.errors import RunError
from core.prompts import prompt_set, prompts_from_file

TWO = Constitution(
    "two", "", (Trait("a", "I am a.", ("a1", "a2")), Trait("b", "I am b.", ("b1", "shared"))), ()
)


def test_prompts_run_across_the_traits_then_few_shot_then_the_general_pool() -> None:
    prompts = prompt_set(TWO, {"b": ("b3",), "a": ("a3", "a4")}, ["g1", "shared"])
    assert [prompt.text for prompt in prompts] == ["a1", "b1", "a2", "shared", "a3", "b3", "a4", "g1"]
    assert [prompt.source for prompt in prompts][-3:] == ["few-shot", "few-shot", "general"]


def test_a_new_few_shot_prompt_moves_no_earlier_one() -> None:
    before = [prompt.id for prompt in prompt_set(TWO, {"a": ("a3",)})]
    after = [prompt.id for prompt in prompt_set(TWO, {"a": ("a3", "a4")})]
    assert after[: len(before)] == before


def test_a_prompt_file_may_be_text_or_jsonl_and_every_bad_line_is_named() -> None:
    data = b'Why?\n"quoted"\n{"prompt": "p", "trait": "a"}\n{"text": "t"}\n'
    assert [prompt.text for prompt in prompts_from_file(data, source="f")] == ["Why?", "quoted", "p", "t"]
    with pytest.raises(RunError, match=r"line 1.*line 3"):
        prompts_from_file(b'{"prompt": ""}\nfine\n{"x"\n', source="f")
    with pytest.raises(RunError, match="byte 1"):
        prompts_from_file(b"a\xff", source="f")
    with pytest.raises(RunError, match="no prompt"):
        prompts_from_file(b"\n\n", source="f")


VALUE = {
    "name": "x",
    "summary": "s",
    "traits": [
        {"id": "a", "trait": "I a.", "questions": ["q1", "q2"]},
        {"id": "b", "trait": "I b.", "questions": []},
    ],
    "exchanges": [{"user": "u", "assistant": "v"}],
}


def test_an_edit_changes_a_copy_and_never_the_value_that_undo_holds() -> None:
    before = copy.deepcopy(VALUE)
    edits = [
        editing.set_field(VALUE, "summary", "new"),
        editing.set_trait(VALUE, "a", "trait", "new"),
        editing.add_trait(VALUE, "c"),
        editing.remove_trait(VALUE, "a"),
        editing.move_trait(VALUE, "a", 1),
        editing.set_question(VALUE, "a", 0, "new"),
        editing.add_exchange(VALUE),
        editing.set_exchange(VALUE, 0, "user", "new"),
        editing.remove_exchange(VALUE, 0),
    ]
    assert before == VALUE
    assert all(edit != VALUE for edit in edits)


def test_an_emptied_question_goes_and_one_at_the_end_is_added() -> None:
    assert editing.set_question(VALUE, "a", 0, " ")["traits"][0]["questions"] == ["q2"]
    assert editing.set_question(VALUE, "a", 2, "q3")["traits"][0]["questions"] == ["q1", "q2", "q3"]


def test_a_trait_at_the_edge_stays_and_an_emptied_option_leaves_the_file() -> None:
    assert editing.move_trait(VALUE, "a", -1)["traits"] == VALUE["traits"]
    assert "assistant_name" not in editing.set_field(VALUE, "assistant_name", " ")
    with_note = editing.set_trait(VALUE, "a", "clarification", "note")
    assert "clarification" not in editing.set_trait(with_note, "a", "clarification", "")["traits"][0]


@given(st.text(), st.text())
def test_the_spans_of_a_text_joined_are_the_text(text: str, other: str) -> None:
    assert "".join(span.text for span in word_spans(text, other)) == text


@given(st.text())
def test_equal_texts_have_no_differing_span(text: str) -> None:
    assert not any(span.differs for span in word_spans(text, text))


def test_words_compare_without_case_and_punctuation() -> None:
    spans = word_spans("Arr, Boil the egg!", "boil the egg")
    assert [(span.text.strip(), span.differs) for span in spans] == [
        ("Arr,", True),
        ("Boil the egg!", False),
    ]


def test_two_wordings_are_read_as_one() -> None:
    told = reading("You are cheerful today.", "I am cheerful today.")
    assert told == [("You are ", "gone"), ("I am ", "new"), ("cheerful today.", "same")]
    assert reading("", "New.") == [("New.", "new")] and reading("Old.", "") == [("Old.", "gone")]


@given(st.text(max_size=60), st.text(max_size=60))
def test_a_reading_holds_both_wordings_whole(before: str, after: str) -> None:
    told = reading(before, after)
    for mark, text in (("new", before), ("gone", after)):
        assert "".join(piece.text for piece in told if piece.mark != mark).split() == text.split()
