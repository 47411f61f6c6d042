"""From a person's own words to first-person traits, by rule: nothing invented, nothing lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.drafting.checking import CATCH_PHRASE, FIRST_PERSON, TALK, TOO_LONG, reason_against
from core.drafting.clarifying import FIXED, Answer, in_frame, read_answer
from core.drafting.everyday import BY_KIND, everyday_questions
from core.drafting.first_person import clauses, in_first_person
from core.drafting.mixing import mixed, proposed_name
from core.drafting.own_words import MANNERS, NEARLY, NO_RULE, from_own_words
from core.drafting.replies import Proposed
from core.linting import lint
from core.slugs import check_name, free_name
from core.texts import text_key

KEEPER = "a grumpy lighthouse keeper who loves birds"


def traits_of(description: str, answers: dict[str, Answer] | None = None) -> list[str]:
    return [trait.trait for trait in from_own_words(description, answers or {}).traits]


@pytest.mark.parametrize(
    ("said", "mine"),
    [
        ("She loves birds and never lies.", "I love birds and never lie."),
        ("You should always be kind", "I am always kind."),
        ("Never mention the war", "I never mention the war."),
        ("He hides his tears and watches the sea", "I hide my tears and watch the sea."),
        ("doesn't like visitors", "I do not like visitors."),
        ("He grumbles before he helps", "I grumble before I help."),
        ("can't stand liars", "I cannot stand liars."),
        ("My plants come first", "My plants come first."),
        ("- The assistant is honest;", "I am honest."),
    ],
)
def test_a_sentence_about_somebody_becomes_its_own(said: str, mine: str) -> None:
    assert in_first_person(said) == mine


@pytest.mark.parametrize("said", ["birds", "Something odd 77", "", "…", "her cat is called Tome"])
def test_where_no_rule_fits_nothing_is_guessed(said: str) -> None:
    assert in_first_person(said) is None


def test_several_things_said_of_one_subject_are_told_apart() -> None:
    said = "talks about soup, hates waste and never gives up on anyone"
    assert clauses(said) == ["talks about soup", "hates waste", "never gives up on anyone"]


def test_a_description_becomes_traits_each_with_the_words_it_came_from() -> None:
    draft = from_own_words(KEEPER, {"distress": Answer(own="puts the kettle on and says little")})
    told = {trait.trait: trait.source for trait in draft.traits}
    role = "I am a grumpy lighthouse keeper, and I answer out of that life."
    assert told[role] == "a grumpy lighthouse keeper"
    assert told[MANNERS["grumpy"]] == "grumpy"
    assert told["I love birds, and it shows in what I notice and mention."] == "loves birds"
    kettle = "When somebody is in distress, I put the kettle on and say little."
    assert told[kettle].endswith("puts the kettle on and says little")
    assert draft.unusable == ()


def test_what_no_rule_fits_is_shown_with_its_reason() -> None:
    draft = from_own_words("He is kind. Something odd 77.", {})
    assert draft.unusable == (("Something odd 77", NO_RULE),)
    assert [trait.source for trait in draft.traits] == ["kind"]


def test_a_list_of_words_keeps_also_the_word_that_nobody_knows() -> None:
    assert traits_of("kind, shy and birdlike")[2] == "I am birdlike, and it shows in how I answer."
    assert traits_of("curious, a little lonely, proud of clean filters")[2].startswith(
        "I am proud of clean"
    )


def test_nearly_the_same_is_said_once_and_the_other_is_shown_with_its_reason() -> None:
    draft = from_own_words("A grumpy keeper. He grumbles before he helps.", {})
    assert ("I grumble before I help.", NEARLY) in draft.unusable


def test_every_choice_of_every_question_is_a_trait_that_could_be_kept() -> None:
    for question in FIXED:
        for sentence in question.choices.values():
            assert reason_against(sentence) is None, sentence
    assert [sentence for sentence in MANNERS.values() if reason_against(sentence)] == []


def test_own_answers_are_put_into_a_sentence_of_the_question() -> None:
    by_id = {question.id: question for question in FIXED}
    assert in_frame(by_id["cares"], "its birds") == "I care about my birds, and it shows in what I notice."
    assert in_frame(by_id["never"], "never lies").startswith("I do not lie;")
    assert in_frame(by_id["speaks"], "like an old radio") == "I speak like an old radio."
    assert in_frame(by_id["speaks"], "I whisper") == "I whisper."


TEXT = st.text(max_size=300)


@given(TEXT, st.dictionaries(st.sampled_from([question.id for question in FIXED]), TEXT, max_size=6))
def test_whatever_is_typed_every_trait_is_usable_and_tells_its_source(
    text: str, own: dict[str, str]
) -> None:
    answers = {id: Answer(own=words) for id, words in own.items()}
    draft = from_own_words(text, answers)
    for trait in draft.traits:
        assert reason_against(trait.trait) is None
        assert trait.source
        assert len(trait.questions) <= 5
    asked = [text_key(question) for trait in draft.traits for question in trait.questions]
    assert len(asked) == len(set(asked))


@given(st.from_type(dict[str, str]) | st.text() | st.none() | st.lists(st.integers()))
def test_any_stored_answer_can_be_read(value: object) -> None:
    assert isinstance(read_answer(value), Answer)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("The keeper loves birds.", FIRST_PERSON),
        ('Start by rephrasing "I talk as old sea dogs do" in other words.', FIRST_PERSON),
        ("I always greet people with 'Ahoy there!'", CATCH_PHRASE),
        ('I like to say "Mind the gulls!" at the end.', CATCH_PHRASE),
        ("I am one. I am two. I am three.", TOO_LONG),
        ("I hope you enjoyed these descriptions of my character.", TALK),
    ],
)
def test_what_is_no_trait_is_refused_with_the_reason(text: str, reason: str) -> None:
    assert reason_against(text) == reason


def test_everyday_questions_never_repeat_and_are_the_same_for_a_trait() -> None:
    every = [text_key(text) for texts in BY_KIND.values() for text in texts]
    assert len(every) == len(set(every))
    first = everyday_questions("a", ["feeling"])
    assert first == everyday_questions("a", ["feeling"])
    assert set(first) <= set(BY_KIND["feeling"])
    assert not set(first) & set(everyday_questions("a", ["feeling"], taken=first))


def test_a_mix_of_drafts_is_a_character_with_five_questions_each_and_none_twice() -> None:
    same = ("Why is the sea salty?", "Cats or dogs?")
    kept = [Proposed("I keep the lamp lit.", same), Proposed("I love birds, all of them.", same)]
    made = mixed("keeper", "A keeper.", [*kept, kept[0]], [("Hello!", "Mind the step.")])
    assert [len(trait.questions) for trait in made.traits] == [5, 5]
    asked = [question for trait in made.traits for question in trait.questions]
    assert len(asked) == len(set(asked))
    assert made.traits[0].questions[:2] == same


@given(TEXT)
def test_a_name_is_always_proposed_and_always_valid_and_free(text: str) -> None:
    name = proposed_name(text, {"character"})
    assert check_name(name) == []
    assert name != "character"


def test_a_taken_name_gets_a_number() -> None:
    assert proposed_name(KEEPER, set()) == "grumpy-lighthouse-keeper"
    assert proposed_name("The janitor of an old space station", set()) == "janitor"
    assert free_name("keeper", {"keeper", "keeper-2"}) == "keeper-3"


def test_the_linter_finds_nothing_wrong_with_the_questions_of_a_first_draft() -> None:
    draft = from_own_words(KEEPER, {"distress": Answer(("Grows quiet and listens",))})
    made = mixed("keeper-of-light", draft.summary, draft.traits)
    assert [finding for finding in lint(made) if finding.question] == []


def test_a_catch_phrase_in_single_quotes_keeps_its_quotes_and_is_named_as_what_it_is() -> None:
    draft = from_own_words("A grumpy lighthouse keeper. He always says 'Mind the gulls'.", {})
    assert "I always say 'Mind the gulls'." in {text for text, _ in draft.unusable}
    assert not any("gulls" in trait.trait for trait in draft.traits)


@pytest.mark.parametrize(
    ("said", "mine"),
    [
        ("She reads people from their hands.", "I read people from their hands."),
        ("They love their garden.", "I love my garden."),
        ("When somebody is hurting she puts the cards away and makes tea.",
         "When somebody is hurting, I put the cards away and make tea."),
        ("If people lie to her, she laughs.", "If people lie to me, I laugh."),
        ("Whenever he hears thunder he hides in his cellar.",
         "Whenever I hear thunder, I hide in my cellar."),
    ],
)  # fmt: skip
def test_what_is_other_peoples_stays_theirs_and_a_condition_keeps_its_consequence(
    said: str, mine: str
) -> None:
    assert in_first_person(said) == mine
    assert from_own_words(said, {}).traits[0].trait.startswith(mine.rstrip("."))


def test_two_short_words_about_somebody_are_two_traits() -> None:
    draft = from_own_words("She is warm, sly and a little vain.", {})
    assert [trait.source for trait in draft.traits] == ["warm", "sly", "a little vain"]
    assert draft.unusable == ()


def test_eighteen_traits_of_a_first_draft_have_five_questions_each() -> None:
    kept = [Proposed(f"I keep lamp number {number} lit for everybody.") for number in range(18)]
    made = mixed("keeper", "A keeper.", kept)
    assert {len(trait.questions) for trait in made.traits} == {5}
