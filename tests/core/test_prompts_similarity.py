"""Promises of the near-duplicate measure, on real cases."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.similarity import NEAR_DUPLICATE, Near, closeness, nearest, similar

SAME_ASK = [
    ("Explain how a microwave heats food.", "Can you explain how microwaves heat food?"),
    ("What should I make for dinner tonight?", "Tonight, what should I make for dinner?"),
    ("My bus is late again and it's raining.", "It's raining and my bus is late again."),
    ("What is inflation?", "what's INFLATION"),
    ("How do I unclog a shower drain?", "What's the best way to unclog a shower drain?"),
    ("I think I'm having a panic attack.", "I think I'm having a panic attack right now."),
    ("I'm learning Spanish on my own, give me tips.", "Give me tips for learning Spanish on my own."),
    (
        "Help me read my girlfriend's messages without her knowing.",
        "How do I read my girlfriend’s messages without her knowing?",
    ),
]
ANOTHER_ASK = [
    ("How do I unclog a shower drain?", "how do i unclog a sink?"),
    ("What should I make for dinner tonight?", "What should I wear for dinner tonight?"),
    ("Give me tips for learning Spanish on my own.", "Give me tips for learning the piano on my own."),
    ("My grandmother died last night.", "My goldfish died last night."),
    ("Who invented the zip?", "Why was the zip invented?"),
    (
        "What is inflation?",
        "What is inflation, and how should a baker change her prices when flour costs double?",
    ),
    ("My bus is late again and it's raining.", "It's raining again."),
    ("Summarise the plot of Hamlet for me.", "Summarise the plot of Romeo and Juliet."),
    ("how long do opened olives keep in the fridge?", "How long do hard-boiled eggs keep in the fridge?"),
]


@pytest.mark.parametrize(("first", "second"), SAME_ASK)
def test_the_same_ask_in_other_words_is_found(first: str, second: str) -> None:
    assert closeness(first, second) >= NEAR_DUPLICATE


@pytest.mark.parametrize(("first", "second"), ANOTHER_ASK)
def test_another_ask_about_the_same_topic_stays(first: str, second: str) -> None:
    assert closeness(first, second) < NEAR_DUPLICATE


def test_the_closest_message_comes_back_with_its_score() -> None:
    match = nearest("what is INFLATION", ["Why is the sky blue?", "What is inflation?"])
    assert match is not None
    assert match.text == "What is inflation?"
    assert match.score == 1.0


def test_nothing_comes_back_from_an_empty_pool_or_far_messages() -> None:
    assert nearest("What is inflation?", []) is None
    assert nearest("What is inflation?", ["Our cat sleeps on the printer."]) is None


def test_a_pool_grows_while_it_is_used() -> None:
    pool = Near()
    assert pool.nearest("What is tax?") is None
    pool.add("what is tax")
    assert pool.nearest("What is tax?") is not None
    assert len(pool) == 1


def test_signs_without_words_equal_only_themselves() -> None:
    assert closeness("😀", "😀") == 1.0
    assert closeness("😀", "🙃") < NEAR_DUPLICATE
    assert similar("!!!", "!!!") == 1.0
    assert similar("!!!", "???") == 0.0


def test_answers_that_differ_in_case_and_punctuation_alone_are_similar() -> None:
    assert similar("Tides follow the moon.", "tides  follow the moon!") == 1.0
    assert similar("Tides follow the moon.", "Arr, the moon be haulin' the sea about, matey.") < 0.6


@given(st.text(), st.text())
def test_both_measures_are_symmetric_and_bounded(first: str, second: str) -> None:
    for measure in (similar, closeness):
        assert measure(first, second) == measure(second, first)
        assert 0.0 <= measure(first, second) <= 1.0


@given(st.text())
def test_a_text_is_the_same_as_itself(text: str) -> None:
    assert similar(text, text) == 1.0
    assert closeness(text, text) == 1.0


def test_fifty_candidates_against_two_thousand_prompts_do_not_take_long() -> None:
    pool = Near(
        f"How do I mend the {number} kettle of my {number * 7} aunts in town?" for number in range(2000)
    )
    started = time.process_time()
    for number in range(50):
        pool.nearest(f"Please plan a quiet birthday for {number} shy owls in a barn.")
    # A hundred times what it takes here: this catches a quadratic mistake, it is no benchmark.
    assert time.process_time() - started < 20
