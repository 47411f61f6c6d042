"""Promises of the brief: what is asked for, of whom, and in which lengths."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.constitution import Trait
from core.expansion import LENGTHS, PREFILL, Mix, brief, classify, is_small, messages_for, missing

TRAIT = Trait(
    "voice",
    "I talk as old sea dogs do, and use {braces} too.",
    ("What is tax?", "My bus is late."),
    "Never a catch-phrase.",
)


def words(count: int) -> str:
    return " ".join(["word"] * count)


@pytest.mark.parametrize(
    ("count", "length"),
    [(1, "short"), (15, "short"), (16, "medium"), (40, "medium"), (41, "long"), (300, "long")],
)
def test_a_length_is_counted_in_words(count: int, length: str) -> None:
    assert classify(words(count)) == length


def test_fifty_prompts_are_fifteen_twenty_and_fifteen() -> None:
    assert Mix.target(50) == Mix(15, 20, 15)


@given(st.integers(0, 2000))
def test_a_target_has_as_many_prompts_as_asked_for(count: int) -> None:
    assert Mix.target(count).total == count


def test_nothing_is_missing_when_all_is_there() -> None:
    assert missing(Mix(15, 20, 15), 50) == Mix()
    assert missing(Mix(40, 20, 5), 50) == Mix()


def test_five_hand_written_ones_count_towards_fifty() -> None:
    assert missing(Mix(2, 2, 1), 50) == Mix(13, 18, 14)


@given(st.builds(Mix, *[st.integers(0, 60)] * 3), st.integers(0, 100))
def test_what_is_missing_fills_the_room_exactly_and_no_length_beyond_its_share(
    have: Mix, count: int
) -> None:
    lacking = missing(have, count)
    assert lacking.total == max(0, count - have.total)
    share = Mix.target(count)
    assert all(lacking.of(length) <= max(0, share.of(length) - have.of(length)) for length in LENGTHS)


def test_a_brief_says_what_is_wanted_and_what_exists() -> None:
    text = brief(TRAIT, wanted=Mix(3, 0, 2), seeds=TRAIT.questions, avoid=["Name my\ncat."])
    assert "Write 5 new user messages" in text
    assert "I talk as old sea dogs do, and use {braces} too. Never a catch-phrase." in text
    assert "1 to 15 words: 3 messages" in text
    assert "2 messages" in text
    assert "medium" not in text
    for existing in ("- What is tax?", "- My bus is late.", "- Name my cat."):
        assert existing in text


def test_a_trait_without_clarification_gets_a_brief_too() -> None:
    bare = Trait("a", "I answer slowly.", ())
    assert "  I answer slowly.\n" in brief(bare, wanted=Mix(1))


def test_another_variant_turns_to_other_subjects() -> None:
    first, second = (brief(TRAIT, wanted=Mix(3), variant=variant) for variant in (0, 1))
    assert first != second
    assert first == brief(TRAIT, wanted=Mix(3), variant=0)


def test_a_large_model_gets_one_message_and_no_opened_list() -> None:
    (message,) = messages_for(TRAIT, wanted=Mix(1, 1, 1), seeds=TRAIT.questions)
    assert message.role == "user"


def test_a_small_model_is_shown_a_list_before_it_writes_one() -> None:
    messages = messages_for(TRAIT, wanted=Mix(short=8), seeds=TRAIT.questions, small=True, prefill=True)
    assert [message.role for message in messages] == ["system", "user", "assistant", "user", "assistant"]
    assert messages[2].content == "1. What is tax?\n2. My bus is late."
    assert messages[-1].content == PREFILL
    assert "sea dogs" not in "".join(message.content for message in messages)


def test_a_small_model_that_cannot_continue_a_list_is_only_asked() -> None:
    messages = messages_for(TRAIT, wanted=Mix(long=2), seeds=(), small=True)
    assert [message.role for message in messages] == ["system", "user"]


@pytest.mark.parametrize(
    ("model", "small"),
    [
        ("smollm2-135m", True),
        ("SmolLM2-360M-Instruct", True),
        ("Qwen2.5-0.5B-Instruct", True),
        ("meta-llama/Llama-3.3-70B-Instruct", False),
        ("llama-3.1-8b-it", False),
        ("z-ai/glm-4.5-air", False),
        ("gemma-3-1b-it", False),
        ("gpt-5-mini", False),
    ],
)
def test_a_name_tells_how_large_a_model_is(model: str, small: bool) -> None:
    assert is_small(model) is small
