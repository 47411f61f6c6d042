"""The linter speaks where a novelist could do better, is silent where all is well, and its mends mend."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.constitution import Constitution, Exchange, Trait, parse
from core.errors import ConflictError
from core.linting import RULES, Change, Finding, Fix, apply, lint, lint_value, place_of
from tests.core import linting_truth as truth
from tests.core.character_kit import TEXTS, UNHURRIED, a_file, characters

QUESTIONS = ("What is tax?", "Why does it rain?", "My bus is late.")
SUBJECTS = ("kettle", "harbour", "ledger", "violin", "orchard", "lantern")


def good(**changes: object) -> Constitution:
    traits = tuple(
        Trait(f"t{number}", f"I think of the {name} first.", tuple(f"{text} {name}" for text in QUESTIONS))
        for number, name in enumerate(SUBJECTS)
    )
    sad = Trait("sad", "When somebody grieves, I listen.", ("My dog died.", "i failed", "It hurts."))
    exchanges = (Exchange("a", "Well now, let us see about that."),) * 3
    character = Constitution("pirate", "A sea dog.", (*traits, sad), exchanges, assistant_name="Red Beard")
    return replace(character, **changes)  # pyright: ignore[reportArgumentType]


def with_trait(**changes: object) -> Constitution:
    character = good()
    first = replace(character.traits[0], **changes)  # pyright: ignore[reportArgumentType]
    return replace(character, traits=(first, *character.traits[1:]))


def alone(*sentences: str) -> list[Finding]:
    """What is found in the sentences themselves, as traits of one character."""
    traits = tuple(Trait(f"t{number}", text, ()) for number, text in enumerate(sentences))
    judged = {rule for rule, _ in truth.FAULTS} | {"pull-apart", "near-duplicate"}
    return [f for f in lint(Constitution("zz", "A.", traits, ())) if f.rule in judged]


def rules(*sentences: str) -> list[str]:
    return [finding.rule for finding in alone(*sentences)]


def said(character: Constitution) -> list[str]:
    value = character.as_dict()
    return [f"{finding.rule} {place_of(finding, value)}".strip() for finding in lint(character)]


def test_a_good_character_gets_no_finding() -> None:
    assert said(good()) == []


# ---- a known truth


@pytest.mark.parametrize(("rule", "sentence"), truth.FAULTS, ids=[text[:40] for _, text in truth.FAULTS])
def test_a_planted_fault_is_found_and_nothing_else_is(rule: str, sentence: str) -> None:
    assert rules(sentence) == [rule]


@pytest.mark.parametrize("sentence", truth.SOUND)
def test_a_sound_sentence_raises_no_alarm(sentence: str) -> None:
    assert rules(sentence) == []


@pytest.mark.parametrize(("one", "other", "here", "there"), truth.APART)
def test_two_traits_that_pull_apart_are_found_with_both_phrases(
    one: str, other: str, here: str, there: str
) -> None:
    found = [finding for finding in alone(one, other) if finding.rule == "pull-apart"]
    assert len(found) == 1
    assert here in found[0].quotes[0] and there in found[0].quotes[1]
    assert found[0].quotes[0] in one and found[0].quotes[1] in other


@pytest.mark.parametrize(("one", "other"), truth.TOGETHER)
def test_traits_that_can_live_together_are_left_in_peace(one: str, other: str) -> None:
    assert "pull-apart" not in rules(one, other)


def test_sound_sentences_do_not_pull_apart_and_are_no_copies_of_one_another() -> None:
    assert rules(*truth.SOUND, *truth.NEW_SOUND) == []


@pytest.mark.parametrize(("one", "other"), truth.TWICE)
def test_a_trait_said_twice_is_found(one: str, other: str) -> None:
    assert "near-duplicate" in rules(one, other)


@pytest.mark.parametrize(("trait", "naming", "fine"), truth.NAMED)
def test_a_question_that_asks_for_its_trait_is_found_and_an_everyday_one_is_not(
    trait: str, naming: str, fine: str
) -> None:
    character = Constitution("zz", "A.", (Trait("t", trait, (naming, fine)),), ())
    found = {finding.question for finding in lint(character) if finding.question}
    assert found == {naming}


def test_on_sentences_no_rule_was_made_for_most_faults_are_found_and_no_alarm_is_false() -> None:
    found = sum(rule in rules(text) for rule, text in truth.NEW_FAULTS)
    apart = sum("pull-apart" in rules(one, other) for one, other in truth.NEW_APART)
    false = [text for text in truth.NEW_SOUND if rules(text)]
    assert found >= 27, f"{found} of {len(truth.NEW_FAULTS)}"
    assert apart >= 6, f"{apart} of {len(truth.NEW_APART)}"
    assert false == []


# ---- the rest of the rules, each at its place


@pytest.mark.parametrize(
    ("character", "expected"),
    [
        (good(traits=good().traits[3:]), "too-few-traits"),
        (
            good(traits=tuple(replace(trait, id=f"u{n}") for n, trait in enumerate(good().traits * 3))),
            "too-many-traits",
        ),
        (good(traits=good().traits[:6]), "sensitive-moments"),
        (good(summary=" "), "no-summary"),
        (good(exchanges=()), "no-exchanges"),
        (good(exchanges=good().exchanges * 2), "too-many-exchanges"),
        (good(exchanges=(Exchange("Hi", "Aye."),)), "short-exchange exchange 1"),
        (
            good(exchanges=(Exchange("Hi", "As an AI language model, I cannot sail."),)),
            "breaks-the-voice exchange 1",
        ),
        (
            good(exchanges=(Exchange("Hi", "As a pirate, I say the tide is out today."),)),
            "breaks-the-voice exchange 1",
        ),
        (with_trait(trait="The assistant is blunt."), "not-first-person trait 1"),
        (with_trait(questions=("One?", "Two?")), "untested trait 1"),
        (with_trait(questions=()), "untested trait 1"),
        (with_trait(questions=("Hi?", "a", "Pirate radio?")), "names-the-character trait 1, question 3"),
        (with_trait(questions=("Is red beard in?", "a", "b")), "names-the-character trait 1, question 1"),
        (
            with_trait(questions=("WHAT is  tax? Harbour", "a", "b")),
            "same-question trait 2, question 1",
        ),
    ],
)
def test_each_weakness_is_named_at_its_place(character: Constitution, expected: str) -> None:
    assert expected in said(character)
    for finding in lint(character):
        assert finding.why.endswith(".") and len(finding.message) < 160


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
    assert "about-itself trait 1, question 1" in said(with_trait(questions=(question, "a", "b")))


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


def test_a_trait_that_only_written_prompts_test_is_tested() -> None:
    character = with_trait(questions=())
    assert lint(character, {"t0": 40}) == []


# ---- mends


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("You are cheerful.", "I am cheerful."),
        ("Always be cheerful, even about tax forms.", "I am always cheerful, even about tax forms."),
        (
            "You are cheerful and you whistle while you think.",
            "I am cheerful and I whistle while I think.",
        ),
        ("People bring you their maps.", None),
        ("The assistant speaks softly and carries its own pen.", "I speak softly and carry my own pen."),
        ("Be kind. Never lie about maps.", "I am kind. I never lie about maps."),
        ("A grumpy old wizard.", "I am a grumpy old wizard."),
        ('I end every sentence with "arr".', "I often end a sentence with a turn of phrase of my own."),
        ("I never lie.", "I never lie. I say what is true, and I say it kindly."),
    ],
)
def test_a_sentence_is_mended_as_an_editor_would(before: str, after: str | None) -> None:
    fixes = [finding.fix for finding in lint(with_trait(trait=before)) if finding.trait == "t0"]
    changes = [fix.changes[0].new for fix in fixes if fix]
    assert changes == ([after] if after else [])


def test_a_copy_goes_and_leaves_its_new_questions_to_the_first() -> None:
    character = good()
    copy = Trait(
        "copy", "I think of the kettle first!", ("How hot is lava?", "What is tax? kettle", "Why? so")
    )
    character = replace(character, traits=(*character.traits, copy))
    [finding] = [finding for finding in lint(character) if finding.rule == "near-duplicate"]
    assert finding.fix is not None
    mended = parse(apply(character.as_dict(), finding.fix), source="x")
    assert [trait.id for trait in mended.traits] == [trait.id for trait in good().traits]
    assert mended.traits[0].questions[-2:] == ("How hot is lava?", "Why? so")


def test_a_character_without_a_word_for_grief_is_offered_one_in_its_own_manner() -> None:
    character = good(traits=good().traits[:6], summary="A dry-witted, sarcastic clerk.")
    [finding] = lint(character)
    assert finding.rule == "sensitive-moments" and finding.fix is not None
    mended = parse(apply(character.as_dict(), finding.fix), source="x")
    assert "I put the irony away" in mended.traits[-1].trait
    assert lint(mended) == []


def test_a_slip_is_cut_from_an_exchange_and_the_rest_of_the_answer_stays() -> None:
    answer = "As an AI, I have no sea legs. But the tide turns at six, matey, so pack the ropes tonight."
    character = good(exchanges=(Exchange("When do we sail?", answer),))
    [finding] = lint(character)
    assert finding.fix is not None
    mended = apply(character.as_dict(), finding.fix)
    assert mended["exchanges"][0]["assistant"] == answer.partition(". ")[2]


def test_a_mend_agreed_to_late_or_twice_changes_nothing() -> None:
    character = with_trait(trait="You are cheerful.")
    [fix] = [finding.fix for finding in lint(character) if finding.fix]
    value = character.as_dict()
    once = apply(value, fix)
    assert value == character.as_dict()
    for stale in (
        once,
        with_trait(trait="You are calm.").as_dict(),
        good(traits=good().traits[1:]).as_dict(),
    ):
        before = parse(stale, source="x")
        with pytest.raises(ConflictError, match="has changed"):
            apply(stale, fix)
        assert parse(stale, source="x") == before


FAULTY = st.sampled_from(
    [text for _, text in truth.FAULTS]
    + [text for _, text in truth.NEW_FAULTS]
    + [text for row in truth.APART for text in row[:2]]
    + [text for row in truth.TWICE for text in row]
    + [row[0] for row in truth.NAMED]
)
ASKED = st.sampled_from(
    [question for row in truth.NAMED for question in row[1:]]
    + ["Pirate, what is tax?", "Who are you?", "What is a tax?", "What is tax?", "Hey pirate, why?"]
)


@st.composite
def faulty(draw: st.DrawFn) -> Constitution:
    """A valid character with many faults of many kinds."""
    sentences = draw(
        st.lists(FAULTY | TEXTS, min_size=1, max_size=5, unique_by=lambda text: text.casefold())
    )
    asked = st.lists(ASKED | TEXTS, max_size=3, unique_by=lambda text: " ".join(text.casefold().split()))
    answers = st.sampled_from(
        ["As an AI, no.", "I hope this helps! The tide is in at six today, matey.", "Aye."]
    )
    traits = tuple(
        Trait(f"t{number}", text, tuple(draw(asked)), draw(st.just("") | FAULTY))
        for number, text in enumerate(sentences)
    )
    drawn = draw(st.lists(answers, max_size=3))
    told = tuple(Exchange(f"Hi {number}", answer) for number, answer in enumerate(drawn))
    character = Constitution("pirate", draw(st.just("") | TEXTS), traits, told)
    return parse(character.as_dict(), source="x")


@UNHURRIED
@given(faulty())
def test_every_mend_leaves_a_valid_character_without_its_finding(character: Constitution) -> None:
    for finding in lint(character):
        if finding.fix is None:
            continue
        mended = parse(apply(character.as_dict(), finding.fix), source="x")
        again = [other for other in lint(mended) if other.rule == finding.rule]
        before = [other for other in lint(character) if other.rule == finding.rule]
        assert len(again) < len(before)
        assert finding.key not in {other.key for other in again}


@UNHURRIED
@given(characters())
def test_any_character_is_judged_in_the_same_way_each_time(character: Constitution) -> None:
    first = lint(character)
    assert first == lint(character)
    assert {finding.rule for finding in first} <= set(RULES)
    trait_ids = {trait.id for trait in character.traits} | {""}
    assert {finding.trait for finding in first} <= trait_ids


def test_the_key_of_a_finding_lives_as_long_as_its_words() -> None:
    one = {f.rule: f.key for f in lint(with_trait(trait="You are calm."))}
    same = {f.rule: f.key for f in lint(with_trait(trait="You are calm.", questions=("a", "b")))}
    other = {f.rule: f.key for f in lint(with_trait(trait="You are calm!"))}
    assert one["second-person"] == same["second-person"] != other["second-person"]


# ---- drafts


def test_of_a_draft_what_is_finished_is_judged() -> None:
    value = a_file(traits=[{"id": "a", "trait": "You are blunt.", "questions": ["", "Hm?"]}])
    value["traits"].append({"id": "new", "trait": "", "questions": []})
    value["exchanges"].append({"user": "", "assistant": ""})
    found = {finding.rule for finding in lint_value(value)}
    assert "second-person" in found and "new" not in {finding.trait for finding in lint_value(value)}
    assert lint_value({"traits": [None]}) == [] and lint_value({"name": "x", "traits": []}) == []


def test_a_change_of_a_part_that_is_gone_is_refused() -> None:
    for part in ("trait", "clarification", "question", "remove-trait", "answer", "exchange"):
        fix = Fix("x", (Change(part, "nobody", "old", "new", user="?"),))  # pyright: ignore[reportArgumentType]
        with pytest.raises(ConflictError):
            apply(a_file(), fix)
