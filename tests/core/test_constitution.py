"""A character file is read exactly, or refused with every problem and its place at once."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.constitution import Constitution, Exchange, Trait, parse, parse_json
from core.errors import ConstitutionError
from tests.core.character_kit import UNHURRIED, VOICE, a_character, a_file, characters


def problems(value: object) -> list[str]:
    with pytest.raises(ConstitutionError) as caught:
        parse(value, source="pirate.json")
    assert all(problem.severity == "error" for problem in caught.value.problems)
    str(caught.value).encode()
    return [str(problem) for problem in caught.value.problems]


def with_trait(**changes: Any) -> dict[str, Any]:
    value = a_file()
    value["traits"][1] |= changes
    return value


def test_a_file_reads_as_the_character_it_says() -> None:
    assert parse(a_file(), source="pirate.json") == a_character()


@UNHURRIED
@given(characters(), st.booleans(), st.sampled_from([None, 2]))
def test_any_character_written_and_read_is_the_same_value_for_value(
    character: Constitution, ascii: bool, indent: int | None
) -> None:
    text = json.dumps(character.as_dict(), ensure_ascii=ascii, indent=indent)
    again = parse_json(text.replace("\n", "\r\n").encode(), source="x")
    assert again == character
    assert again.content_hash == character.content_hash


def test_optional_fields_that_are_not_set_are_left_out_of_the_file() -> None:
    value = a_character().as_dict()
    assert value == a_file()
    assert "assistant_name" not in value and "clarification" not in value["traits"][0]
    named = parse(a_file(assistant_name="Redbeard"), source="x")
    assert named.as_dict()["assistant_name"] == "Redbeard"


@pytest.mark.parametrize("field", ["name", "summary", "traits", "exchanges"])
def test_any_change_makes_another_run(field: str) -> None:
    changes = {
        "name": "pirate2",
        "summary": "Other.",
        "traits": a_file()["traits"][:1],
        "exchanges": [],
    }
    other = parse(a_file(**{field: changes[field]}), source="x")
    assert other.content_hash != a_character().content_hash
    assert other.run_id == f"{other.name}-{other.content_hash[:8]}" != a_character().run_id


def test_the_trait_list_is_numbered_unique_and_in_file_order() -> None:
    traits = tuple(
        Trait(str(number), text, ()) for number, text in enumerate(["I b.", "I a.", "I b.", "I c."])
    )
    assert Constitution("x", "", traits, ()).trait_list() == "1: I b.\n2: I a.\n3: I c."


def test_a_trait_is_found_by_its_id_or_the_ids_are_named() -> None:
    assert a_character().trait_by_id("voice").trait == VOICE
    with pytest.raises(ConstitutionError, match="its traits are voice, comfort"):
        a_character().trait_by_id("voise")


def test_all_problems_of_a_file_are_reported_at_once_with_their_places() -> None:
    value = a_file(
        name="Pirate!", colour="red", exchanges=[{"user": "Hi"}, {"user": " ", "assistant": "Arr"}]
    )
    value["traits"][0]["questions"] = ["What is tax?", "", 7, "what is  TAX?"]
    value["traits"].append({"id": "voice", "trait": VOICE.upper(), "questions": "none"})
    value["traits"].append("I sing.")
    del value["summary"]
    found = problems(value)
    assert "has a field 'colour' that no character file has" in found[0]
    for expected in (
        'has no "summary"; add it.',
        "trait 1, question 2: is empty; write a question or remove it.",
        "trait 1, question 3: is a number; write a text in double quotes.",
        "trait 1, question 4: says the same as question 1; change or remove one.",
        "trait 3, questions: is a text; it must be a list [ … ].",
        "trait 3: says the same as trait 1; change or remove one.",
        'trait 3: has the id "voice" of trait 1; choose another.',
        'trait 4: is a text; it must be an object with "trait", "questions".',
        'exchange 1: has no "assistant"; add it.',
        "exchange 2, user: is empty; write it, or remove the exchange.",
    ):
        assert expected in found
    assert any(problem.startswith("name: 'Pirate!' may have only lower-case") for problem in found)
    assert len(found) == 12


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (with_trait(trait=""), "trait 2: is empty; write a sentence that begins with I, or remove it."),
        (with_trait(trait=None), "trait 2: is null; write a text in double quotes."),
        (with_trait(trait="I" * 1001), "trait 2: has 1,001 characters; shorten it to 1,000."),
        (with_trait(trait="I am\x00 here"), "(U+0000 at character 5); delete it."),
        (with_trait(trait="I\x85"), "(U+0085 at character 2)"),
        (with_trait(trait="I\ud800"), "(U+D800 at character 2)"),
        (
            with_trait(questions=["q" * 4001]),
            "trait 2, question 1: has 4,001 characters; shorten it to 4,000.",
        ),
        (with_trait(clarification=3), "trait 2, clarification: is a number"),
        (with_trait(clarification="  "), "trait 2, clarification: is empty"),
        (
            with_trait(id="Bad Id"),
            "'Bad Id' cannot be used; use lower-case letters, digits, - and _, such as",
        ),
        (with_trait(id=7), "its id '7' cannot be used"),
        (with_trait(id=None), 'has no "id"; add one, such as "somebody-sad-take".'),
        (with_trait(qestions=[]), 'did you mean "questions"?'),
        (a_file(traits=[]), "traits: there is none"),
        (a_file(traits={}), "traits: is an object; it must be a list"),
        (a_file(traits=[{}] * 201), "traits: there are 201; about ten are good, 200 the most."),
        (a_file(name="x" * 65), "name: "),
        (a_file(name=None), "name: is null"),
        (a_file(summary=True), "summary: is true or false"),
        (a_file(assistant_name="x" * 65), "assistant_name: has 65 characters; shorten it to 64."),
        (a_file(exchanges=None), "exchanges: is null"),
        ([], 'is a list; it must be an object with "name"'),
        (None, "is null"),
        ("pirate", "is a text"),
    ],
)
def test_each_kind_of_problem_has_a_sentence(value: object, expected: str) -> None:
    assert any(expected in problem for problem in problems(value))


def test_a_missing_id_is_an_error_with_a_suggestion() -> None:
    value = a_file()
    del value["traits"][0]["id"]
    assert problems(value) == ['trait 1: has no "id"; add one, such as "talk-old-sea".']


def test_line_breaks_emoji_and_line_separators_are_ordinary_text() -> None:
    text = "I say\r\nahoy\tto\u2028everyone 🏴‍☠️ \u202e"
    value = a_file(traits=[{"id": "a_b", "trait": text, "questions": [text]}])
    assert parse_json(json.dumps(value).encode(), source="x").traits[0] == Trait("a_b", text, (text,))


def test_null_stands_for_an_optional_field_that_is_not_set() -> None:
    assert parse(a_file(assistant_name=None), source="x").assistant_name is None


JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.floats()
    | st.text(st.characters(codec=None, exclude_categories=()), max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["name", "traits", "trait", "id", "questions", "exchanges", "user", "summary", "x"]
            ),
            inner,
        )
    ),
    max_leaves=12,
)


@UNHURRIED
@given(JUNK)
def test_any_value_is_a_character_or_a_list_of_problems(value: object) -> None:
    try:
        assert isinstance(parse(value, source="x"), Constitution)
    except ConstitutionError as error:
        assert error.problems
        str(error).encode()


def test_a_character_made_by_hand_has_the_same_form() -> None:
    made = Constitution("x", "", (Trait("a", "I a.", ("Q?",), "more"),), (Exchange("u", "a"),), "Ann")
    assert parse(made.as_dict(), source="x") == made
