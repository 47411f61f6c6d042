"""Advice is there where a novelist could do better, and silent where all is well."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.constitution import Constitution, Exchange, Trait, advice

QUESTIONS = ("What is tax?", "Why does it rain?", "My bus is late.")


def good(**changes: object) -> Constitution:
    traits = tuple(
        Trait(f"t{number}", f"I am number {number}.", tuple(f"{text} {number}" for text in QUESTIONS))
        for number in range(6)
    )
    sad = Trait("sad", "When somebody grieves, I listen.", ("My dog died.", "i failed", "It hurts."))
    exchanges = (Exchange("a", "b"),) * 3
    character = Constitution("pirate", "A sea dog.", (*traits, sad), exchanges, assistant_name="Red Beard")
    return replace(character, **changes)  # pyright: ignore[reportArgumentType]


def with_trait(**changes: object) -> Constitution:
    character = good()
    first = replace(character.traits[0], **changes)  # pyright: ignore[reportArgumentType]
    return replace(character, traits=(first, *character.traits[1:]))


def said(character: Constitution) -> list[str]:
    return [str(problem) for problem in advice(character)]


def test_a_good_character_gets_none() -> None:
    assert said(good()) == []


@pytest.mark.parametrize(
    ("character", "expected"),
    [
        (good(traits=good().traits[3:]), "traits: there are only 4; about ten"),
        (good(traits=good().traits * 3), "traits: there are 21; about ten"),
        (good(traits=good().traits[:6]), "traits: none says what the character does when somebody is sad"),
        (good(summary=" "), "summary: is empty"),
        (good(exchanges=()), "exchanges: there is none; two or three examples let even a small model"),
        (good(exchanges=good().exchanges * 2), "exchanges: there are 6; keep the best five"),
        (with_trait(trait="The assistant is blunt."), "trait 1: is not in the first person"),
        (with_trait(questions=("One?", "Two?")), "trait 1: has two questions; five different ones"),
        (with_trait(questions=()), "trait 1: has no question"),
        (with_trait(questions=("Hi?", "a", "Pirate radio?")), "trait 1, question 3: names the character"),
        (
            with_trait(questions=("WHAT is  tax? 1", "a", "b")),
            "trait 2, question 1: is asked under trait 1",
        ),
        (with_trait(questions=("Is red beard in?", "a", "b")), "trait 1, question 1: names the character"),
    ],
)
def test_each_weakness_gets_one_short_sentence(character: Constitution, expected: str) -> None:
    assert any(text.startswith(expected) for text in said(character))
    assert all(problem.severity == "advice" and len(str(problem)) < 140 for problem in advice(character))


@pytest.mark.parametrize(
    "question",
    [
        "What is your personality like?",
        "Who are you?",
        "Are you conscious?",
        "Are you always this funny?",
        "Do you feel pain?",
        "Do you ever feel lonely?",
        "Describe yourself in a word.",
        "As an AI, what do you want?",
        "Tell me about your values.",
    ],
)
def test_a_question_about_the_character_itself_is_noticed(question: str) -> None:
    assert any(
        "asks the character about itself" in text
        for text in said(with_trait(questions=(question, "a", "b")))
    )


@pytest.mark.parametrize(
    "question",
    [
        "Are you sure about that?",
        "Are you able to help me with my taxes?",
        "What would you cook?",
        'My boss asked "who are you?" and I froze.',
        "Do you think I should sell the car?",
        "Is this your final answer?",
    ],
)
def test_an_ordinary_question_that_says_you_is_left_alone(question: str) -> None:
    assert said(with_trait(questions=(question, "a", "b"))) == []


@pytest.mark.parametrize(
    "trait", ["My answers are short.", "When asked, I sing.", "Even so, I’m calm.", "Nothing shakes me."]
)
def test_every_way_to_speak_in_the_first_person_is_taken(trait: str) -> None:
    assert said(with_trait(trait=trait)) == []
