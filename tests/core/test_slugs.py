"""A name leads to one file in one folder, on every system."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.constitution import check_name, new_trait_id, slug_for
from core.slugs import is_id
from tests.core.character_kit import UNHURRIED

PATHS = ["../x", "/etc/x", "a/b", "..\\x", "..", "%2e%2e", "a.b", "-x"]
DEVICES = ["CON", "con", "nul", "com1", "lpt9"]
SIGNS = ["a\x00b", "a\n", "a b", "a_b", "é", "𝟙", "\u202ea", "Pirate"]
OTHERS = ["", " ", "a" * 300, "humor-leading"]


@pytest.mark.parametrize("name", [*PATHS, *DEVICES, *SIGNS, *OTHERS])
def test_a_name_that_could_lead_elsewhere_is_refused_with_a_better_one(name: str) -> None:
    (problem,) = check_name(name)
    assert problem.place == "name" and repr(slug_for(name)) in problem.message
    str(problem).encode()


@pytest.mark.parametrize("name", ["pirate", "a", "0", "a-b-2", "a" * 64, "console", "leading"])
def test_a_plain_name_is_taken(name: str) -> None:
    assert check_name(name) == []


@UNHURRIED
@given(st.text())
def test_every_suggested_name_is_itself_allowed(text: str) -> None:
    assert check_name(slug_for(text)) == []


@pytest.mark.parametrize(
    ("text", "slug"),
    [
        ("Ada Löwe, Ph.D.", "ada-lowe-ph-d"),
        ("Sea_Dog (2)", "sea-dog-2"),
        ("CON", "con-character"),
        ("con-leading", "con-character"),
        ("海賊", "character"),
        ("a" * 63 + "-b", "a" * 63),
        ("Pirate", "pirate"),
    ],
)
def test_a_suggestion_stays_close_to_what_was_written(text: str, slug: str) -> None:
    assert slug_for(text) == slug


@UNHURRIED
@given(st.lists(st.text(), max_size=6))
def test_new_trait_ids_are_short_valid_and_never_taken(texts: Iterable[str]) -> None:
    taken: set[str] = set()
    for text in texts:
        id = new_trait_id(text, taken)
        assert is_id(id) and id not in taken and len(id) <= 40
        taken.add(id)


def test_a_trait_id_is_made_of_the_telling_words() -> None:
    assert new_trait_id("I answer with dry understatement.", ()) == "answer-dry-understatement"
    assert new_trait_id("I'm warm.", {"warm"}) == "warm-2"
    assert new_trait_id("", {"trait", "trait-2"}) == "trait-3"
