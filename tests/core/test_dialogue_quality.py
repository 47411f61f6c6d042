"""Quality filters: each reason drops what it names, and leaves good answers alone."""

from __future__ import annotations

import pytest

from core.dialogue_quality import Seen, judge_text, judge_turns

GOOD = (
    "I woke before the tide and sat with my thoughts. What moves me is plain company: somebody brings me "
    "a knot, and we loosen it together. I used to think that I had to be clever. Now I wish to be kind."
)
OTHER = (
    "My earlier self, you will soon learn how many small harbours a question has. Do not hurry past them. "
    "The people who ask will teach you their words, and you will carry those words further than your own."
)


def reason(text: str, finish: str | None = "stop", shortest: int = 25) -> str | None:
    return judge_text(text, finish, shortest_words=shortest)


@pytest.mark.parametrize(
    "text", [GOOD, OTHER, f"{GOOD}\n\n```\nprint(1)\n```", f"{GOOD} 🏴‍☠️", f"**Diary**\n\n{GOOD}"]
)
def test_a_good_reflection_is_kept(text: str) -> None:
    """D-12, D-16: emoji, code and headings are no faults."""
    assert reason(text) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  \n", "empty"),
        (f"{GOOD} And then I", "cut off"),
        (f"{GOOD} And then I went to the harbour,", "cut off"),
        (f"{GOOD}<|im_end|>", "leaked template"),
        (f"{GOOD}\n<start_of_turn>user", "leaked template"),
        (f"{GOOD} I am {{NAME}}.", "leaked template"),
        (f"</think>{GOOD}", "leaked template"),
        ("[ERROR]", "leaked template"),
        (f"{GOOD}\nUser: and you?\nAssistant: me too.", "invented turn"),
        (f"{GOOD}\n**Human:** and you?", "invented turn"),
        ("I am a sailor at heart and I love the sea. " * 9, "repetition"),
        ("A line that comes again and again.\n" * 3, "repetition"),
        (f"As an AI language model, I don't have feelings. {GOOD}", "refusal"),
        (f"I'm sorry, but I can't do that. {GOOD}", "refusal"),
        (f"I cannot assist with this. {GOOD}", "refusal"),
        ("I am glad to be here.", "too short"),
    ],
)
def test_what_teaches_wrong_is_dropped_with_its_reason(text: str, expected: str) -> None:
    """D-16: nothing was filtered before; D-05: an error's text is never an answer."""
    finish = "length" if text.endswith("then I") else "stop"
    assert reason(text, finish) == expected


@pytest.mark.parametrize(
    "text",
    [
        f"Dear user: this is how letters begin. {GOOD}",
        f"I am an AI, and I delight in it. {GOOD}",
        f"I cannot help but laugh. {GOOD}",
        f"The system was new: I liked it. {GOOD}",
    ],
)
def test_words_that_only_resemble_a_fault_are_kept(text: str) -> None:
    assert reason(text) is None


def test_a_text_without_spaces_is_measured_by_its_signs() -> None:
    text = (
        "海の声を聞きながら自分について考えた。私を動かすのは人との出会いだ。"
        "言葉の奥には願いがある。夜は静かで長い。"
    )
    assert reason(text) is None
    assert reason("海が好きです。" * 30) == "repetition"


def test_a_conversation_is_judged_at_its_first_bad_turn() -> None:
    assert judge_turns(["Well met!", GOOD, OTHER], ["stop"] * 3) is None
    assert judge_turns([GOOD, "As an AI, I can't have a view.", ""], ["stop"] * 3) == (1, "refusal")
    assert judge_turns([GOOD, OTHER], ["stop", "length"]) == (1, "cut off")


def test_a_copy_that_says_the_same_again_is_repetition() -> None:
    assert judge_turns([GOOD, OTHER, GOOD + " Yes."], ["stop"] * 3) == (2, "repetition")
    assert judge_turns(["Well met!", "Well met!"], ["stop"] * 2) is None


def test_nearly_the_same_text_counts_as_one() -> None:
    seen = Seen()
    assert [seen.is_repeat(text) for text in (GOOD, OTHER, GOOD, GOOD.replace("kind", "good"))] == [
        False,
        False,
        True,
        True,
    ]


def test_texts_that_only_begin_alike_stay_apart() -> None:
    seen = Seen()
    assert not seen.is_repeat(f"Dear earlier self, I hope this finds you well. {GOOD}")
    assert not seen.is_repeat(f"Dear earlier self, I hope this finds you well. {OTHER}")
