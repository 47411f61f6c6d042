"""Promises of the list reader: whatever a model's format, the messages come out."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.prompt_lists import clean_item, parse_prompts, render_list

TWO = ["Why is the sky blue?", "My cat is ill."]

FORMATS = {
    "dots": "1. Why is the sky blue?\n2. My cat is ill.",
    "brackets": "1) Why is the sky blue?\n2) My cat is ill.",
    "round brackets": "(1) Why is the sky blue?\n(2) My cat is ill.",
    "bold numbers": "**1.** Why is the sky blue?\n**2.** My cat is ill.",
    "bold items": "1. **Why is the sky blue?**\n2. **My cat is ill.**",
    "dashes": "- Why is the sky blue?\n- My cat is ill.",
    "stars": "* Why is the sky blue?\n* My cat is ill.",
    "dots as bullets": "• Why is the sky blue?\n• My cat is ill.",
    "quotes": '1. "Why is the sky blue?"\n2. “My cat is ill.”',
    "labels": "1. User: Why is the sky blue?\n2. Prompt: My cat is ill.",
    "word counts": "1. Why is the sky blue? (5 words)\n2. My cat is ill. (short)",
    "blank lines": "1. Why is the sky blue?\n\n2. My cat is ill.",
    "talk around": "Sure! Two of them:\n\n1. Why is the sky blue?\n2. My cat is ill.\n\nEnjoy!",
    "headings": "# Short\n1. Why is the sky blue?\n\n**Long:**\n2. My cat is ill.",
    "numbered headings": "1. **Short**\n   - Why is the sky blue?\n2. **Long**\n   - My cat is ill.",
    "json": json.dumps(TWO),
    "indented json": json.dumps(TWO, indent=2),
    "fenced json": "Here you are:\n```json\n" + json.dumps(TWO, indent=1) + "\n```\nEnjoy!",
    "objects": json.dumps([{"prompt": text} for text in TWO]),
    "questions": json.dumps([{"id": 1, "question": text} for text in TWO]),
    "texts": json.dumps([{"length": "short", "text": text} for text in TWO]),
    "wrapped": json.dumps({"prompts": TWO}, indent=2),
    "json lines": "\n".join(json.dumps({"prompt": text}) for text in TWO),
    "fenced list": "```\n1. Why is the sky blue?\n2. My cat is ill.\n```",
    "plain lines": "Why is the sky blue?\nMy cat is ill.",
    "windows": "1. Why is the sky blue?\r\n2. My cat is ill.\r\n",
}


@pytest.mark.parametrize("text", FORMATS.values(), ids=FORMATS.keys())
def test_the_messages_of_a_list_come_out_of_every_format(text: str) -> None:
    assert parse_prompts(text) == TWO


def test_an_item_over_several_lines_is_one_message() -> None:
    text = "1. Our boiler broke,\nthe car failed,\n   and it rains.\n2. My cat is ill."
    assert parse_prompts(text) == ["Our boiler broke, the car failed, and it rains.", "My cat is ill."]


def test_bullets_inside_a_numbered_item_belong_to_it() -> None:
    text = (
        "1. Tidy these notes:\nplease\n2. Sort this for me, it has\n   - eggs\n   - rice\n3. My cat is ill."
    )
    assert "Sort this for me, it has eggs rice" in parse_prompts(text)
    assert parse_prompts(text)[-1] == "My cat is ill."


def test_a_list_cut_off_in_json_gives_its_complete_items() -> None:
    assert parse_prompts('[\n "Why is the sky blue?",\n "My cat is ill.",\n "How do I') == TWO


def test_a_number_inside_a_message_begins_no_new_one() -> None:
    text = "1. It costs 3.5 times as much.\n2. In 2024. That was a year."
    assert parse_prompts(text) == ["It costs 3.5 times as much.", "In 2024. That was a year."]


def test_a_forgotten_line_break_parts_items_all_the_same() -> None:
    assert parse_prompts("1. Why is the sky blue? 2. My cat is ill.") == TWO


def test_a_quotation_inside_a_message_keeps_its_marks() -> None:
    text = '1. My screen says "no signal". Why?\n2. "Yes" or "no"?'
    assert parse_prompts(text) == ['My screen says "no signal". Why?', '"Yes" or "no"?']


def test_control_signs_are_taken_out() -> None:
    assert clean_item("My\x00 cat\x1b is\ud800 ill.") == "My cat is ill."


@pytest.mark.parametrize("text", ["", " \n\n ", "[]", "{}", "1.", "-", "```json\n```", "# Messages"])
def test_nothing_comes_of_nothing(text: str) -> None:
    assert parse_prompts(text) == []


@given(st.text())
def test_reading_never_fails(text: str) -> None:
    assert all(item.strip() == item and item for item in parse_prompts(text))


@given(st.text(alphabet='[]{}",:\n1.)(-*#`\\ ab'))
def test_reading_what_looks_like_a_list_never_fails(text: str) -> None:
    assert all(item.strip() == item and item for item in parse_prompts(text))


def test_endless_nesting_is_no_list() -> None:
    assert isinstance(parse_prompts("[" * 100_000 + '"a"'), list)
    assert isinstance(parse_prompts('{"a":' * 100_000), list)


WORDS = st.lists(st.from_regex(r"[A-Za-z]{2,9}", fullmatch=True), min_size=9, max_size=60).map(" ".join)


@given(st.lists(WORDS.map(lambda words: f"{words}?"), max_size=30))
def test_a_rendered_list_is_read_back_as_it_was(items: list[str]) -> None:
    assert parse_prompts(render_list(items)) == items
