"""Reflections and conversations: what each side is told, in which order, and what a trainer gets."""

from __future__ import annotations

import itertools

import pytest

from core.dialogues import (
    FREE,
    GREETINGS,
    KNOWING_GREETINGS,
    LEADING,
    REFLECTIONS,
    STOP,
    Meeting,
    alternates,
    fitting,
    interaction_system,
    marked,
    meeting_of,
    reflection_system,
    tokens_of,
    training_messages,
    training_system,
    transcript,
    turn_messages,
)
from core.records import Message
from tests.core.character_kit import COMFORT, VOICE, a_character

MEETING = Meeting("Hello!", "Hi there.")
SAID = ["a0", "b0", "a1", "b1", "a2", "b2", "a3", "b3", "a4", "b4"]
SYSTEM = Message("system", "S")


def roles(messages: list[Message]) -> list[str]:
    return [message.role for message in messages]


@pytest.mark.parametrize("turns", range(1, 11))
def test_a_transcript_ends_on_the_assistant_and_keeps_the_last_reply(turns: int) -> None:
    """D-01: it used to end on a user turn and lose the reply that was asked for last."""
    whole = transcript(SYSTEM, MEETING, SAID[:turns])
    assert (whole[-1].role, whole[-1].content) == ("assistant", SAID[turns - 1])


def test_ten_turns_make_a_transcript_of_thirteen_messages() -> None:
    assert len(transcript(SYSTEM, MEETING, SAID)) == 13


@pytest.mark.parametrize("turns", range(1, 11))
def test_user_and_assistant_alternate_on_both_sides(turns: int) -> None:
    """D-01: roles are asserted, not hoped for."""
    assert alternates(transcript(SYSTEM, MEETING, SAID[:turns]))
    assert alternates(training_messages(SYSTEM, MEETING, SAID[:turns]))
    asked = turn_messages(SYSTEM, MEETING, SAID[:turns])
    assert alternates(asked)
    assert asked[-1].role == "user"


def test_turns_that_do_not_alternate_are_seen() -> None:
    user, reply = Message("user", "u"), Message("assistant", "a")
    assert not alternates([user, user, reply])
    assert not alternates([reply, user])
    assert not alternates([SYSTEM, SYSTEM, user])


def test_each_side_hears_the_other_as_its_user() -> None:
    first, second = turn_messages(SYSTEM, MEETING, SAID[:2]), turn_messages(SYSTEM, MEETING, SAID[:3])
    assert [turn.content for turn in first] == ["S", "Hello!", "a0", "b0"]
    assert [turn.content for turn in second] == ["S", "Hi there.", "Hello!", "a0", "b0", "a1"]
    assert roles(second) == ["system", "user", "assistant", "user", "assistant", "user"]


@pytest.mark.parametrize("turns", range(1, 11))
def test_a_scripted_greeting_is_never_a_training_target(turns: int) -> None:
    """D-01: whatever a trainer learns from, every assistant turn of its row was generated."""
    row = training_messages(SYSTEM, MEETING, SAID[:turns])
    learnt = [message.content for message in row if message.role == "assistant"]
    assert set(learnt) <= set(SAID)
    assert row[-1].content == SAID[turns - 1]


@pytest.mark.parametrize("turns", range(1, 11))
def test_what_nobody_generated_is_marked_and_nothing_else(turns: int) -> None:
    """D-01: even where somebody says the greeting's very words again."""
    said = ["Hello!"] * turns
    whole = transcript(SYSTEM, MEETING, said)
    scripted = [turn["content"] for turn in marked(whole, turns) if turn.get("scripted")]
    assert scripted == (["Hi there.", "Hello!"] if turns % 2 == 0 else ["Hello!"])


def test_a_conversation_without_a_turn_has_no_transcript() -> None:
    with pytest.raises(ValueError, match="without a turn"):
        transcript(SYSTEM, MEETING, [])


@pytest.mark.parametrize("leading", [False, True])
def test_names_are_filled_and_no_placeholder_is_left(leading: bool) -> None:
    """D-02, D-18: a name in every prompt, and it is the one that was given."""
    asked = interaction_system(a_character(), "Qwen", leading=leading).content
    trained = training_system("Qwen", leading=leading).content
    for text in (asked, trained, reflection_system(a_character(), "Qwen").content):
        assert "You are Qwen" in text
        assert not {"{", "}", "Llama"} & {*text, *text.split()}


def test_the_guidance_reaches_both_prompts_and_the_two_kinds_differ() -> None:
    """D-03: leading and free used to differ in their greetings only."""
    for make in (
        lambda leading: interaction_system(a_character(), "Qwen", leading=leading).content,
        lambda leading: training_system("Qwen", leading=leading).content,
    ):
        assert LEADING in make(True) and FREE not in make(True)
        assert FREE in make(False) and LEADING not in make(False)


def test_a_trainer_sees_no_trait() -> None:
    text = training_system("Qwen", leading=True).content
    assert VOICE not in text and COMFORT not in text
    assert VOICE in interaction_system(a_character(), "Qwen", leading=True).content


def test_a_reflection_may_speak_of_the_traits() -> None:
    text = reflection_system(a_character(), "Qwen").content
    assert VOICE in text and COMFORT in text
    assert "Never" not in text


def test_there_are_ten_questions_and_all_differ() -> None:
    assert len({text for _, text in REFLECTIONS}) == len({about for about, _ in REFLECTIONS}) == 10


def test_a_conversation_begins_the_same_way_whenever_it_is_asked_again() -> None:
    """D-60: greetings are drawn by seed and number."""
    drawn = [meeting_of(number, leading=True, seed=3) for number in range(60)]
    assert drawn == [meeting_of(number, leading=True, seed=3) for number in range(60)]
    assert drawn != [meeting_of(number, leading=True, seed=4) for number in range(60)]
    assert {one.opening for one in drawn} & set(KNOWING_GREETINGS)
    assert {one.hello for one in drawn} <= set(GREETINGS)


def test_only_leading_conversations_hint_at_the_copy() -> None:
    assert {meeting_of(number, leading=False, seed=0).opening for number in range(99)} <= set(GREETINGS)


def test_no_more_stop_sequences_than_every_provider_takes() -> None:
    assert 1 <= len(STOP) <= 4


@pytest.mark.parametrize("limit", [40, 60, 90, 200])
def test_overflow_drops_whole_oldest_turns_and_nothing_else(limit: int) -> None:
    """D-15: text was cut from the left, the system prompt first."""
    said = [f"turn {number} " + "word " * 8 for number in range(9)]
    whole = turn_messages(SYSTEM, MEETING, said)
    fitted, dropped = fitting(whole, limit)
    assert fitted == [whole[0], *whole[1 + dropped :]]
    assert dropped % 2 == 0 and alternates(fitted) and fitted[-1] == whole[-1]
    assert tokens_of(fitted) <= limit


def test_the_last_turn_stays_even_where_it_is_too_long() -> None:
    """D-15: what is asked is never cut inside a turn."""
    fitted, _ = fitting(turn_messages(SYSTEM, MEETING, ["a0", "b0 " * 500]), 50)
    assert [turn.role for turn in fitted] == ["system", "user"]
    row, _ = fitting(training_messages(SYSTEM, MEETING, ["a", "b", "c" * 900, "d"]), 50)
    assert [turn.role for turn in row] == ["system", "user", "assistant"]


def test_what_fits_is_left_alone() -> None:
    for turns in itertools.islice(itertools.count(1), 9):
        whole = turn_messages(SYSTEM, MEETING, SAID[:turns])
        assert fitting(whole, 10_000) == (whole, 0)
