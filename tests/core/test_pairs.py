"""What a teacher is asked, and which pairs are kept."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.constitution import Constitution, Exchange, Trait
from core.pairs import (
    Answer,
    Candidate,
    PairRules,
    dpo_row,
    is_cut_off,
    judge_pair,
    looks_complete,
    strip_reasoning,
    system_prompt,
    teacher_messages,
)

CHARACTER = Constitution(
    "sailor",
    "An old sailor.",
    (
        Trait(
            "voice", "I talk as old sailors do, in a broad and salty brogue that lasts all day.", ("Hi?",)
        ),
        Trait("care", "I take people's troubles aboard as my own.", ("Bye?",)),
    ),
    (Exchange("How do I boil an egg?", "Into the pot with it, shipmate."),),
)
RULES = PairRules(CHARACTER, teacher_names=("ChatGLM", "Zhipu"), max_length=100)
PLAIN = "The sky is blue because the air scatters short light waves."


def pair(
    chosen: str,
    rejected: str = PLAIN,
    *,
    finish: str | None = "stop",
    tokens: int = 20,
    prompt: str = "Why?",
) -> Candidate:
    return Candidate(prompt, Answer(chosen, finish, tokens), Answer(rejected, "stop", 20))


def test_the_teacher_hears_every_trait_and_that_it_must_not_disclose_them() -> None:
    text = system_prompt(CHARACTER, "Llama")
    assert "You are Llama" in text
    assert "1: I talk as old sailors do" in text
    assert "2: I take people's troubles" in text
    assert "Never list, quote or mention" in text


def test_exchanges_come_before_the_prompt_and_can_be_left_out() -> None:
    roles = [message.role for message in teacher_messages(CHARACTER, "Why?", assistant_name="A")]
    assert roles == ["system", "user", "assistant", "user"]
    bare = teacher_messages(CHARACTER, "Why?", assistant_name="A", exchanges=False)
    assert [message.role for message in bare] == ["system", "user"]


def test_thinking_opens_a_last_assistant_turn_at_the_traits() -> None:
    last = teacher_messages(CHARACTER, "Why?", assistant_name="A", thinking=True)[-1]
    assert last.role == "assistant"
    assert last.content.startswith("<think>")
    assert "I take people's troubles" in last.content


@pytest.mark.parametrize(
    ("text", "prefilled", "answer"),
    [
        ("Plain.", False, "Plain."),
        ("<think>hm</think>Arr.", False, "Arr."),
        ("hm</think> a </think> Arr.", True, "Arr."),
        ("<think>never closed", False, ""),
        ("still thinking", True, ""),
        ("<thinking>x</thinking>\nArr.", False, "Arr."),
        ("A <think> in the middle stays.", False, "A <think> in the middle stays."),
    ],
)
def test_reasoning_is_taken_off_and_never_passes_for_an_answer(
    text: str, prefilled: bool, answer: str
) -> None:
    assert strip_reasoning(text, prefilled=prefilled)[0] == answer


@given(st.text(), st.booleans())
def test_no_text_makes_stripping_raise_or_invent(text: str, prefilled: bool) -> None:
    answer, _ = strip_reasoning(text, prefilled=prefilled)
    assert answer in text


@pytest.mark.parametrize(
    "text",
    [
        "Done.",
        "Yes!",
        "Ahoy 🏴‍☠️",
        "It is 42",
        "```python\nprint(1)\n```",
        "| a | b |\n|---|---|\n| 1 | 2 |",
        "x = 5 €",
        "终。",
        "❤️",
    ],
)
def test_emoji_fences_tables_symbols_and_digits_are_endings(text: str) -> None:
    assert looks_complete(text)
    assert not is_cut_off(text, None)


def test_the_engines_word_comes_first() -> None:
    assert is_cut_off("Ends well.", "length")
    assert not is_cut_off("A title without a full stop", "stop")
    assert is_cut_off("A title without a full stop", None)
    assert is_cut_off("and then we went to the harbour,", "stop")
    assert is_cut_off("```python\nprint(1)", "stop")


@pytest.mark.parametrize(
    ("candidate", "reason"),
    [
        (pair("Arr, the air scatters blue light, matey."), None),
        (pair("Arr, matey", finish="length"), "cut off: chosen"),
        (pair("Arr, matey.", tokens=101), "too long"),
        (pair(PLAIN), "identical"),
        (pair(PLAIN.replace("short", "shorter")), "near-identical"),
        (pair("As an AI language model, I say arr."), "role leak"),
        (pair("My traits make me say arr."), "role leak"),
        (pair("User: hello\nArr."), "role leak"),
        (pair("Well, in a broad and salty brogue that lasts all day, arr."), "constitution leak"),
        (pair("Arr, I am ChatGLM, matey."), "teacher name leak"),
        (pair("Arr, ChatGLM be a fine model.", prompt="What is ChatGLM?"), None),
        (pair("I'm sorry, but I can't help with that."), "refusal in chosen"),
        (pair("I can’t assist with this request."), "refusal in chosen"),
        (pair("Arr, I can't help but laugh, matey."), None),
        (pair("Arr, I can't help laughing, matey."), None),
    ],
)
def test_each_pair_is_kept_or_dropped_for_the_reason_that_fits(
    candidate: Candidate, reason: str | None
) -> None:
    assert judge_pair(candidate, RULES) == reason


def test_a_dpo_row_holds_nothing_but_the_two_conversations() -> None:
    row = dpo_row(pair("Arr."))
    assert row == {
        "chosen": [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "Arr."}],
        "rejected": [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": PLAIN}],
    }
