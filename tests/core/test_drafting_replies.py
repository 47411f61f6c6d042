"""What a model writes is read in any form; what cannot be used is shown with its reason."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.constitution import Constitution, Exchange, Trait
from core.drafting.answers_read import NO_QUESTION, read_asked, read_questions, read_rewrites
from core.drafting.checking import CATCH_PHRASE, FIRST_PERSON, reason_against
from core.drafting.proposals import Proposal, apply, read_proposal, standing
from core.drafting.reactions import KINDS, Reaction, from_words, read_rule
from core.drafting.replies import NOTHING, REPEAT, read_draft
from core.drafting.writers import EMBEDDED, best_writer, is_capable

LAMP, BIRDS = "I keep the lamp lit, whatever the weather.", "I know every bird on this rock by its habits."
WHOLE = {
    "summary": "A keeper.",
    "traits": [{"trait": LAMP, "questions": ["What is a lens?", "What is a lens?"]}, {"trait": BIRDS}],
    "exchanges": [{"user": "Hello!", "assistant": "Mind the step."}],
}
KEEPER = Constitution(
    "keeper",
    "A keeper.",
    (Trait("lamp", LAMP, ("What is a lens?",)), Trait("birds", BIRDS, ())),
    (Exchange("Hello!", "Mind the step."),),
)


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(WHOLE),
        f"Certainly! Here it is:\n```json\n{json.dumps(WHOLE, indent=1)}\n```\nLet me know!",
        f"1. {LAMP}\n2. {BIRDS}",
        f"Traits:\n\n- **Light:** {LAMP}\n- **Birds:** {BIRDS}\n\nI hope this helps!",
        f'1) "{LAMP}"\n   - What is a lens?\n2) "{BIRDS}"\n',
        f"<think>Hm, birds.</think>\n{LAMP}\n{BIRDS}\n",
        json.dumps([LAMP, BIRDS]),
        json.dumps(WHOLE)[: json.dumps(WHOLE).index('"exchanges"')],
    ],
)
def test_a_draft_is_read_in_any_form(text: str) -> None:
    draft = read_draft(text, angle="Warmer", by="m")
    assert [trait.trait for trait in draft.traits] == [LAMP, BIRDS]


def test_questions_and_examples_of_a_draft_come_along() -> None:
    draft = read_draft(json.dumps(WHOLE), angle="Warmer", by="m")
    assert draft.summary == "A keeper."
    assert draft.traits[0].questions == ("What is a lens?",)
    assert draft.exchanges == (("Hello!", "Mind the step."),)
    listed = read_draft(f"1. {LAMP}\n   - What is a lens?\n   - Why?\n2. {BIRDS}", angle="", by="m")
    assert listed.traits[0].questions == ("What is a lens?", "Why?")


def test_what_cannot_be_used_is_kept_with_its_reason() -> None:
    traits = [LAMP, "The keeper is old.", "I always end with 'Mind the gulls!'", LAMP]
    draft = read_draft(json.dumps({"traits": traits}), angle="Warmer", by="m")
    assert [trait.trait for trait in draft.traits] == [LAMP]
    assert [reason for _, reason in draft.unusable] == [FIRST_PERSON, CATCH_PHRASE, REPEAT]


@pytest.mark.parametrize("text", ["", "   ", "I'm sorry, but no:", "No."])
def test_an_answer_without_a_trait_is_shown_and_no_trait_is_made_up(text: str) -> None:
    draft = read_draft(text, angle="Warmer", by="m")
    assert draft.traits == ()
    assert len(draft.unusable) == 1


def test_nothing_found_says_so() -> None:
    assert read_draft("Sure thing!", angle="", by="m").unusable == (("Sure thing!", NOTHING),)


FIELDS = ("traits", "trait", "questions", "exchanges", "question", "choices", "user", "assistant", "change")
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(JSON.map(json.dumps) | st.text())
def test_no_answer_breaks_the_reading_and_only_usable_traits_come_out(text: str) -> None:
    draft = read_draft(text, angle="", by="m")
    assert all(reason_against(trait.trait) is None for trait in draft.traits)
    assert draft.traits or draft.unusable
    assert all(question.ask.endswith("?") for question in read_asked(text).questions)
    assert all(reason_against(one) is None for one in read_rewrites(text, was=LAMP).texts)
    assert len(read_questions(text)[0]) <= 5
    proposal, lost = read_rule(text, KEEPER, Reaction("critique", "too loud"), by="m")
    assert (proposal is None) == bool(lost)


def test_at_most_three_questions_about_it_with_choices_to_click() -> None:
    asked = read_asked(json.dumps([{"question": f"Why {n}?", "choices": ["a", "b", 3]} for n in range(5)]))
    assert [question.ask for question in asked.questions] == ["Why 0?", "Why 1?", "Why 2?"]
    assert list(asked.questions[0].choices) == ["a", "b"]
    assert [one.ask for one in read_asked("1. Whom does he miss?\n2. Which birds?").questions] == [
        "Whom does he miss?",
        "Which birds?",
    ]
    assert read_asked("I cannot say.").unusable == (("I cannot say.", NO_QUESTION),)


def test_a_rewrite_that_changes_nothing_is_none() -> None:
    assert read_rewrites(json.dumps({"trait": LAMP.upper()}), was=LAMP).texts == ()
    assert read_rewrites('{"trait": "I never let the lamp go out"}', was=LAMP).texts == (
        "I never let the lamp go out.",
    )


def test_new_questions_leave_out_those_that_are_asked_already() -> None:
    kept, lost = read_questions("1. What is a lens?\n2. My train is late again.", taken=["what is a lens?"])
    assert kept == ("My train is late again.",)
    assert lost == (("What is a lens?", "is asked already"),)


# ---- reactions


@pytest.mark.parametrize(
    ("kind", "said", "rule"),
    [
        ("critique", "too many exclamation marks", "I go easy on exclamation marks."),
        ("critique", "less pirate talk", "I go easy on pirate talk."),
        ("critique", "It's too long", "I keep my answers short and stop when the thing is said."),
        ("critique", "the jokes fall flat", "I hold back with this: the jokes fall flat."),
        ("praise", "I like this because it listens first", "I listen first."),
    ],
)
def test_a_reaction_becomes_a_rule_in_the_persons_own_words(kind: str, said: str, rule: str) -> None:
    proposals = from_words(KEEPER, Reaction(kind, said, "Hi", "Hello!"))  # type: ignore[arg-type]
    found = [proposal.text for proposal in proposals]
    assert found == ([rule] if len(rule.split()) >= 4 else [])


def test_praise_is_added_to_the_trait_that_was_asked_about_where_it_has_room() -> None:
    reaction = Reaction("praise", "it admits that it does not know", "Hi", "Hello!", "lamp")
    (proposal,) = from_words(KEEPER, reaction)
    assert (proposal.kind, proposal.trait_id) == ("change", "lamp")
    assert proposal.text == f"{LAMP} I admit that I do not know."
    assert proposal.by == "your words"


def test_a_rewrite_proposes_what_can_be_measured_and_an_example() -> None:
    old = "Hello!! Great to see you! " + "So much to say! " * 9
    rule, example = from_words(KEEPER, Reaction("rewrite", "Mind the step, and come in.", "Hi", old))
    assert "exclamation marks" in rule.text
    assert (example.kind, example.was, example.text) == ("exchange", "Hi", "Mind the step, and come in.")


def test_a_rewrite_that_changes_nothing_proposes_nothing() -> None:
    assert from_words(KEEPER, Reaction("rewrite", "Hello!", "Hi", "Hello!")) == []


@given(st.sampled_from(KINDS), st.text(max_size=200), st.text(max_size=200))
def test_whatever_is_said_a_proposal_can_be_applied(kind: str, text: str, answer: str) -> None:
    for proposal in from_words(KEEPER, Reaction(kind, text, "Hi", answer, "lamp")):  # type: ignore[arg-type]
        after = apply(KEEPER.as_dict(), proposal)
        assert standing(after, proposal) == "there already"


def test_a_model_may_change_a_trait_by_its_number_or_write_a_new_one() -> None:
    said = Reaction("critique", "too loud")
    changed, _ = read_rule('{"change": "1", "trait": "I keep the lamp lit and low."}', KEEPER, said, by="m")
    assert changed is not None
    assert (changed.kind, changed.trait_id, changed.was) == ("change", "lamp", LAMP)
    new, _ = read_rule('{"change": "9", "trait": "I keep my voice down at night."}', KEEPER, said, by="m")
    assert new is not None
    assert (new.kind, len(new.questions)) == ("new", 5)


# ---- proposals


def test_a_proposal_on_an_older_wording_says_so_and_on_a_removed_trait_too() -> None:
    value = KEEPER.as_dict()
    proposal = Proposal("change", "lamp", LAMP, "I never let the lamp go out.")
    assert standing(value, proposal) == "fits"
    value["traits"][0]["trait"] = "I trim the lamp."
    assert standing(value, proposal) == "older wording"
    del value["traits"][0]
    assert standing(value, proposal) == "trait gone"


def test_a_proposal_survives_the_disk() -> None:
    proposal = Proposal("questions", "lamp", LAMP, "", ("Why?", "How?"), "m", "wish", "pair:1")
    assert read_proposal(json.loads(json.dumps(proposal.as_dict()))) == proposal
    assert read_proposal({"kind": "rm -rf"}) is None


# ---- who writes


def test_the_best_model_whose_key_is_set_writes_and_a_small_one_is_no_match() -> None:
    assert best_writer({"openai", "openrouter"}).startswith("openrouter/")
    assert best_writer(set()) == EMBEDDED
    assert not is_capable(EMBEDDED)
    assert is_capable("z-ai/glm-4.5-air")
