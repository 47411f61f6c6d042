"""Names on the pages stand as a person writes them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.drafting.mixing import proposed_name, summary_of
from core.drafting.naming import name_in
from core.drafting.own_words import MANNERS, from_own_words
from core.slugs import slug_for
from core.titles import title_of

ODILE = (
    "Madame Odile, a retired stage magician who runs a tea room. "
    "She never reveals a trick. Odile loves rain."
)


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("Madame Odile", ODILE),
        ("Old McGee", "Old McGee runs the pub by the harbour."),
        ("Maria de la Cruz", "A nurse called Maria de la Cruz."),
        ("de la Cruz", "They call him de la Cruz, and only that."),
        ("R2D2", "R2D2, a droid who beeps."),
        ("O'Brien", "O'Brien knows everybody."),
        ("Ada Löwe", "Ada Löwe counts."),
        ("Jean-Luc", "Jean-Luc drinks tea."),
    ],
)
def test_a_name_stands_as_its_own_sentence_writes_it(written: str, text: str) -> None:
    assert title_of(slug_for(written), text) == written


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("dry-wit", "Dry wit"),
        ("grumpy-lighthouse-keeper", "Grumpy lighthouse keeper"),
        ("madame-odile", "Madame Odile"),
        ("mrs-van-houten", "Mrs van Houten"),
        ("r2d2", "R2D2"),
        ("pirate-2", "Pirate 2"),
        ("19th-century-butler", "19th century butler"),
    ],
)
def test_a_name_that_is_written_nowhere_gets_a_plain_title(name: str, title: str) -> None:
    assert title_of(name) == title


def test_words_that_only_look_alike_are_no_writing_of_the_name() -> None:
    assert title_of("odile", "Odile's tea room, Odiles, and MELODILE") == "Odile"
    assert title_of("wit", "A wise owl.\nWITHOUT WIT") == "WIT"


@given(st.text(max_size=60), st.text(max_size=200))
def test_every_name_has_a_title_that_leads_back_to_it(name: str, text: str) -> None:
    assert slug_for(title_of(slug_for(name), text)) == slug_for(name)


@pytest.mark.parametrize(
    ("description", "name"),
    [
        (ODILE, "Madame Odile"),
        ("Odile runs a tea room.", "Odile"),
        ("R2D2 is a droid.", "R2D2"),
        ("Mr. Darcy, a proud man.", "Mr. Darcy"),
        ("Maria de la Cruz is a nurse.", "Maria de la Cruz"),
        ("A grumpy lighthouse keeper.", ""),
        ("Curious, a little lonely.", ""),
        ("Loves gardens.", ""),
        ("The janitor of an old station", ""),
        ("Kind and shy.", ""),
        ("", ""),
    ],
)
def test_the_name_that_a_description_begins_with_is_taken_and_no_other_word(
    description: str, name: str
) -> None:
    assert name_in(description, MANNERS) == name


def test_a_character_with_a_name_is_called_by_it() -> None:
    assert proposed_name(ODILE, set()) == "madame-odile"
    assert proposed_name("Maria de la Cruz is a nurse.", set()) == "maria-de-la-cruz"
    assert proposed_name(ODILE, {"madame-odile"}) == "madame-odile-2"


def test_what_is_said_of_somebody_by_name_becomes_traits_as_well() -> None:
    draft = from_own_words(ODILE, {})
    assert [trait.trait for trait in draft.traits] == [
        "I am a retired stage magician, and I answer out of that life.",
        "I run a tea room.",
        "I never reveal a trick.",
        "I love rain, and it shows in what I notice and mention.",
    ]
    assert draft.unusable == ()
    assert all(trait.source in ODILE for trait in draft.traits)


def test_the_sentence_about_a_character_is_one_sentence() -> None:
    assert summary_of(ODILE) == "Madame Odile, a retired stage magician who runs a tea room."
    assert summary_of("Mr. Darcy is proud. He dances.") == "Mr. Darcy is proud."
    assert summary_of("loves birds\nhates noise") == "Loves birds."
    assert summary_of("") == summary_of("", "Odile") == ""


def test_a_name_that_was_typed_beside_the_description_stands_in_the_sentence() -> None:
    about = "A retired magician. She loves rain."
    assert summary_of(about, "Madame Odile") == "Madame Odile, a retired magician."
    assert summary_of("Loves rain.", "Old McGee") == "Old McGee: Loves rain."
    assert (
        summary_of(ODILE, "madame odile") == "Madame Odile, a retired stage magician who runs a tea room."
    )
