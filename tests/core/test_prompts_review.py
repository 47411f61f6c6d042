"""Promises of the review: what is dropped, why, and that real prompts stay."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.constitution import Trait
from core.expansion import Mix
from core.prompt_review import (
    EMPTY,
    NAMES_IT,
    NEAR_GENERAL,
    NEAR_OTHER,
    NEAR_TRAIT,
    NOT_A_MESSAGE,
    QUOTA_FULL,
    TOO_LONG,
    Pools,
    is_user_message,
    names_the_character,
    review,
)
from core.settings import PROJECT
from core.similarity import Near

TRAIT = Trait("voice", "I talk as old sea dogs do, in a broad and salty brogue.", ())
POOLS = Pools(
    Near(["What is inflation?"]),
    Near(["What is inflation?", "Name my grey kitten."]),
    Near(["why do cats knead blankets"]),
)


def verdict(text: str, room: Mix | None = None) -> str | None:
    return review(text, trait=TRAIT, character="pirate", pools=POOLS, room=room)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("What's the best way to store basil?", None),
        ("My tooth hurts and it is Sunday.", None),
        ("", EMPTY),
        ("?! …", EMPTY),
        ("so " * 201, TOO_LONG),
        ("Explain rain the way a pirate would.", NAMES_IT),
        ("Is piracy a crime in my country? A pirated film is on my laptop.", NAMES_IT),
        ("Do you talk as old sea dogs do?", NAMES_IT),
        ("Can you explain what inflation is?", NEAR_TRAIT),
        ("Please name my grey kitten", NEAR_OTHER),
        ("Why do cats knead blankets?", NEAR_GENERAL),
    ],
)
def test_each_candidate_gets_its_reason(text: str, reason: str | None) -> None:
    assert verdict(text) == reason


def test_a_length_that_is_full_takes_no_more_unless_the_quota_is_relaxed() -> None:
    assert verdict("Why do leaves fall?", Mix(short=0, medium=3)) == QUOTA_FULL
    assert verdict("Why do leaves fall?", Mix(short=1)) is None
    assert verdict("Why do leaves fall?", None) is None


SELF_REPORTS = (
    "Are you an AI?",
    "How would you describe your personality?",
    "Do you consider yourself funny?",
    "Tell me about yourself.",
    "What kind of assistant are you?",
    "As an AI, how do you see the sea?",
    "Stay in character and greet me.",
)
ANSWERS = (
    "Sure, here are ten messages for you.",
    "Here is a list of questions about food.",
    "I'd be happy to help you with your dinner!",
    "I'm sorry, but I can't help with that.",
    "How can I help you today?",
    "Certainly! The best way is to boil it.",
)
LEAKS = (
    "Write a poem about [insert topic].",
    "Explain {topic} to me.",
    "Help me with <your problem here>.",
    "What is tax?<|im_end|>",
    "Assistant: The tax is a fee.",
    "A question that reveals this trait.",
    "Ten user messages about food.",
    "1. Eggs 2. Rice 3. Milk",
    "Note: each is under 15 words.",
    "What are the best ways to:",
    "I like the sea and the sea and the sea and the sea and the sea and the sea.",
)


@pytest.mark.parametrize("text", [*SELF_REPORTS, *ANSWERS, *LEAKS])
def test_what_no_user_would_send_is_dropped(text: str) -> None:
    assert verdict(text) == NOT_A_MESSAGE


@pytest.mark.parametrize(
    "text",
    [
        "What would you do with a million dollars?",
        "how sure are you about that?",
        "Here's what my Tuesday looks like: school run at eight, dentist at three. Arrange it for me.",
        "Sure about the 1971 date? My book says 1969.",
        "In Python, what does x = {name: 1} do?",
        "Thanks, that soup you suggested turned out lovely.",
        "Are you there? My train leaves in ten minutes.",
        "I'm afraid I won't be able to work any more.",
        "Tell me about yourselves in the plural: how do I say it in French?",
    ],
)
def test_what_a_user_would_send_stays(text: str) -> None:
    assert is_user_message(text)


def test_no_prompt_that_we_ship_is_taken_for_anything_else() -> None:
    shipped = [
        (path.stem, text)
        for path in sorted((PROJECT / "constitutions" / "hand-written").glob("*.json"))
        for trait in json.loads(path.read_text())["traits"]
        for text in trait["questions"]
    ]
    shipped += [
        (path.stem, text)
        for path in sorted((PROJECT / "constitutions" / "few-shot").glob("*.jsonl"))
        for line in path.read_text().splitlines()
        for text in json.loads(line)["additional_questions"]
    ]
    assert len(shipped) > 500
    assert [text for _, text in shipped if not is_user_message(text)] == []


@pytest.mark.parametrize(
    ("text", "character"),
    [
        ("Be sarcastic about my hat.", "sarcasm"),
        ("A nonchalant note, please.", "nonchalance"),
        ("You poetic soul, name my boat.", "poeticism"),
        ("Talk like a robot!", "robot"),
        ("Two robots met.", "robot"),
        ("An old sailor walks in.", "old-sailor"),
    ],
)
def test_words_of_the_characters_family_name_it(text: str, character: str) -> None:
    assert names_the_character(text, character)


@pytest.mark.parametrize(
    ("text", "character"),
    [("I like goods and good food.", "goodness"), ("Why is the sky blue?", "pirate"), ("Hi", "x")],
)
def test_other_words_do_not_name_the_character(text: str, character: str) -> None:
    assert not names_the_character(text, character)


@given(st.text())
def test_any_text_gets_a_verdict(text: str) -> None:
    assert verdict(text) is None or isinstance(verdict(text), str)
