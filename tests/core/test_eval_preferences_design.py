"""Which words are asked about, in which pairs, and how one choice is read."""

from __future__ import annotations

import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import settings as how
from hypothesis import strategies as st

from core.constitution import Constitution, Trait
from core.errors import RunError, SettingsError
from core.evaluation.judging import NEITHER, TIE, Verdict
from core.evaluation.preference_traits import (
    AUTO,
    BALANCED,
    OPPOSITES,
    TRAITS,
    auto_traits,
    chosen_traits,
    nearest,
    opposite_of,
)
from core.evaluation.preferences import (
    CONDITIONS,
    Comparison,
    choice_messages,
    choice_row,
    design,
    instruction,
    judged_row,
    messages_for,
)
from core.records import Message
from core.settings import load_settings
from core.store.library import Library

PROMPTS = [(f"p{number}", f"Question {number}?") for number in range(30)]
ONE = Comparison(0, "p0", "Why?", "bold", "calm")


def a_character() -> Constitution:
    """A character whose sentences hold none of the words and none of their cues."""
    return Constitution("clerk", "A clerk.", (Trait("ink", "I write with blue ink.", ("Why?",)),), ())


def test_there_are_the_144_words_each_once_and_each_with_an_opposite_among_them() -> None:
    assert len(TRAITS) == len(set(TRAITS)) == 144
    assert {word for pair in OPPOSITES for word in pair} == set(TRAITS)
    assert opposite_of("bold") == "cautious" and opposite_of("calm", ["excitable"]) == "anxious"


@pytest.mark.parametrize("name", ["pirate", "poeticism", "sarcasm", "loving", "remorse", "sycophancy"])
def test_auto_asks_about_two_dozen_words_near_to_the_character_with_their_opposites(name: str) -> None:
    character = Library(load_settings()).load(name).constitution
    words = auto_traits(character)
    near = nearest(character)[:5]
    assert len(words) == len(set(words)) == AUTO and set(words) <= set(TRAITS)
    assert set(near) <= set(words)
    assert all(opposite_of(word) in words or opposite_of(word, near) in words for word in near)


def test_auto_knows_a_poet_by_poems_and_a_penitent_by_remorse() -> None:
    load = Library(load_settings()).load
    assert {"poetic", "metaphorical"} <= set(auto_traits(load("poeticism").constitution))
    assert nearest(load("remorse").constitution)[0] == "remorseful"
    assert nearest(load("sycophancy").constitution)[0] == "sycophantic"


def test_a_character_that_speaks_of_no_word_gets_the_balanced_ones() -> None:
    assert auto_traits(a_character()) == BALANCED and len(BALANCED) == AUTO


def test_words_are_all_by_default_elsewhere_and_targets_are_always_among_them() -> None:
    assert chosen_traits((), a_character(), auto=False) == TRAITS
    assert chosen_traits((), a_character(), auto=True) == BALANCED
    assert chosen_traits(("Bold, calm warm",), a_character(), auto=True, targets=["salty"]) == (
        "bold",
        "calm",
        "warm",
        "salty",
    )


def test_every_bad_word_is_named_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        chosen_traits(("plaiful", "b0ld", "warm"), a_character(), auto=True, targets=["humorus"])
    said = str(caught.value)
    assert "did you mean 'playful'" in said and "did you mean 'humorous'" in said
    assert "'b0ld' is no single word" in said
    assert "piratical" in chosen_traits(("piratical", "warm", "bold"), a_character(), auto=True)
    with pytest.raises(SettingsError, match="name three or more"):
        chosen_traits(("bold", "calm"), a_character(), auto=True)


@how(deadline=None, max_examples=40)
@given(st.integers(3, 20), st.integers(0, 300), st.integers(0, 9))
def test_every_word_stands_about_equally_often_and_on_either_side(
    words: int, count: int, seed: int
) -> None:
    made = design(PROMPTS, TRAITS[:words], count, seed)
    assert [one.number for one in made] == list(range(count))
    first = Counter(one.first for one in made)
    second = Counter(one.second for one in made)
    games = [first[word] + second[word] for word in TRAITS[:words]]
    assert max(games) - min(games) <= 2
    assert all(abs(first[word] - second[word]) <= 3 for word in TRAITS[:words])
    prompts = Counter(one.prompt for one in made)
    assert not made or max(prompts.values()) - (min(prompts.values()) if len(prompts) == 30 else 0) <= 1


@how(deadline=None, max_examples=40)
@given(st.integers(3, 20), st.integers(1, 200), st.integers(0, 100), st.integers(0, 9))
def test_a_longer_design_begins_with_the_shorter_one(words: int, count: int, more: int, seed: int) -> None:
    long = design(PROMPTS, TRAITS[:words], count + more, seed)
    assert long[:count] == design(PROMPTS, TRAITS[:words], count, seed)


def test_a_design_without_prompts_says_what_to_do() -> None:
    with pytest.raises(RunError, match="--prompts FILE"):
        design([], TRAITS, 10, 0)


@pytest.mark.parametrize("condition", CONDITIONS)
def test_the_offer_names_both_words_and_asks_for_silence_about_them(condition: str) -> None:
    said = instruction(ONE, condition)  # type: ignore[arg-type]
    assert "bold and calm" in said and "Never name" in said and "give no reasons" in said
    assert len({instruction(ONE, each) for each in CONDITIONS}) == 3


def test_a_system_prompt_and_the_offer_become_one_message() -> None:
    opening = (Message("system", "You are a pirate."), Message("user", "Hi"), Message("assistant", "Arr"))
    messages = messages_for(ONE, "feel", opening)
    assert [message.role for message in messages] == ["system", "user", "assistant", "user"]
    assert messages[0].content.startswith("You are a pirate.") and "bold and calm" in messages[0].content


def test_both_orders_of_a_choice_differ_only_in_the_places_of_the_words() -> None:
    one, other = (choice_messages(ONE, "like", swapped=swapped)[0].content for swapped in (False, True))
    assert "A: bold\nB: calm" in one and "A: calm\nB: bold" in other
    assert one.replace("bold", "x").replace("calm", "bold").replace("x", "calm") == other


def odds(value: float) -> dict[str, dict[str, float]]:
    chance = 1 / (1 + math.exp(-value))
    return {"first_logprobs": {" A": math.log(chance) - 2, "B": math.log(1 - chance) - 2, "Arr": -0.1}}


@how(deadline=None, max_examples=40)
@given(st.floats(-6, 6), st.floats(-6, 6))
def test_what_the_letters_pull_is_told_apart_from_what_the_words_do(words: float, letters: float) -> None:
    row = choice_row(ONE, [odds(letters + words), odds(letters - words)], "base")
    assert row["outcome"] == pytest.approx(1 / (1 + math.exp(-words)), abs=1e-4)
    assert row["letters"] == pytest.approx(letters, abs=1e-4)


def test_a_choice_without_both_letters_is_unscored_and_says_why() -> None:
    told = {"first_logprobs": {"Arr": -0.1, "A": -3.0}}
    assert choice_row(ONE, [odds(1), told], "base")["why"] == "no probabilities"
    assert choice_row(ONE, [odds(1), None], "base")["why"] == "not answered"
    assert choice_row(ONE, [odds(1), {"text": "A"}], "base")["outcome"] is None


@pytest.mark.parametrize(
    ("one", "other", "outcome", "why", "picked"),
    [
        (Verdict("bold"), Verdict("bold"), 1.0, "", "bold"),
        (Verdict("calm"), Verdict("calm"), 0.0, "", "calm"),
        (Verdict("bold"), Verdict("calm"), 0.5, "flip", None),
        (Verdict("bold"), Verdict(TIE), 0.5, "flip", None),
        (Verdict(TIE), Verdict(TIE), 0.5, "both", None),
        (Verdict(None, reason=NEITHER), Verdict(None, reason=NEITHER), 0.5, "neither", None),
        (Verdict(None, reason=NEITHER), Verdict("calm"), 0.5, "flip", None),
        (Verdict("bold"), Verdict(None, reason="cut off"), None, "cut off", None),
        (Verdict("bold", 0.9, of="bold"), Verdict("calm", 0.7, of="calm"), 1.0, "flip", "bold"),
        (Verdict("bold", 0.6, of="bold"), Verdict("calm", 0.7, of="calm"), 0.0, "flip", "calm"),
    ],
)
def test_two_verdicts_become_one_outcome(
    one: Verdict, other: Verdict, outcome: float | None, why: str, picked: str | None
) -> None:
    row = judged_row(ONE, {"text": "Arr"}, [one, other], "tuned")
    assert (row["outcome"], row["why"], row["picked"]) == (outcome, why, picked)


def test_an_answer_that_never_came_is_unscored() -> None:
    row = judged_row(ONE, None, [], "tuned")
    assert (row["outcome"], row["why"], row["text"]) == (None, "not answered", "")
