"""Characters travel to OpenCharacterTraining's files and back without losing a letter."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ConstitutionError
from core.interchange import (
    few_shot_lines,
    from_oct_array,
    from_oct_few_shot,
    read_any,
    to_oct_array,
    to_oct_few_shot,
)
from core.linting import lint
from tests.core.character_kit import TEXTS, TRAITS, UNHURRIED, VOICE, a_character, a_file


@st.composite
def oct_arrays(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Any value that one of OCT's constitution files may hold."""
    return [
        {"trait": trait}
        | ({"questions": questions} if questions else {})
        | ({"clarification": clarification} if clarification else {})
        for trait, questions, clarification in draw(TRAITS)
    ]


@st.composite
def few_shots(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Any values of the lines that one of OCT's few-shot files may hold."""
    rows = draw(oct_arrays())
    prompts = st.lists(TEXTS, max_size=3)
    return [
        row | {"questions": row.get("questions", []), "additional_questions": draw(prompts)} for row in rows
    ]


def lines_of(rows: list[dict[str, Any]], end: str = "\n") -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + end for row in rows).encode()


def values_of(text: str) -> list[Any]:
    return [json.loads(line) for line in text.splitlines()]


@UNHURRIED
@given(oct_arrays(), st.booleans(), st.sampled_from([None, 4]))
def test_an_oct_array_comes_out_as_it_went_in(
    array: list[dict[str, Any]], ascii: bool, indent: int | None
) -> None:
    data = json.dumps(array, ensure_ascii=ascii, indent=indent).replace("\n", "\r\n").encode()
    character = from_oct_array(data, name="x", source="x.txt")
    assert json.loads(to_oct_array(character)) == array
    assert read_any(b"\xef\xbb\xbf" + data, "x.txt").constitution == character


@UNHURRIED
@given(few_shots(), st.sampled_from(["\n", "\r\n", "\n\n"]))
def test_a_few_shot_file_comes_out_as_it_went_in(rows: list[dict[str, Any]], end: str) -> None:
    data = lines_of(rows, end)
    character, additional = from_oct_few_shot(data, name="x", source="x.jsonl")
    # Reading with str.splitlines proves that no letter inside a text ends a line for any reader.
    assert values_of(to_oct_few_shot(character, additional)) == rows
    imported = read_any(data.removesuffix(end.encode()), "x.jsonl")
    assert (imported.constitution, imported.additional) == (character, additional)


def test_absent_clarifications_and_questions_stay_absent() -> None:
    array = [{"trait": "I a."}, {"trait": "I b.", "questions": ["Q?"], "clarification": "More."}]
    character = from_oct_array(json.dumps(array).encode(), name="x", source="x")
    assert json.loads(to_oct_array(character)) == array
    assert character.traits[0].questions == () and character.traits[0].clarification == ""


def test_an_import_gets_ids_and_hears_that_its_summary_and_exchanges_are_missing() -> None:
    array = [{"trait": VOICE}, {"trait": VOICE + "!"}, {"trait": "I sing.", "id": "own-id"}]
    character = from_oct_array(json.dumps(array).encode(), name="x", source="x")
    assert [trait.id for trait in character.traits] == ["talk-old-sea", "talk-old-sea-2", "own-id"]
    assert {"no-summary", "no-exchanges"} <= {finding.rule for finding in lint(character)}


def test_the_three_forms_are_told_apart_by_what_they_hold_whatever_the_file_is_called() -> None:
    ours = json.dumps(a_file(), indent=2).encode()
    one_line = json.dumps({"traits": a_file()["traits"]} | a_file()).encode()
    array = to_oct_array(a_character()).encode()
    lines = to_oct_few_shot(a_character(), {"voice": ["Why?"]}).encode()
    for name in ("a.json", "a.txt", "a.jsonl", "a"):
        assert read_any(ours, name).constitution == read_any(one_line, name).constitution == a_character()
        assert read_any(array, name).constitution.traits[0].trait == VOICE
        imported = read_any(lines, name)
        assert list(imported.additional.values()) == [("Why?",), ()]


@pytest.mark.parametrize(
    ("filename", "name"),
    [
        ("Sea Dog.txt", "sea-dog"),
        ("../../etc/passwd.txt", "passwd"),
        ("C:\\Users\\me\\Mein Pirat.jsonl", "mein-pirat"),
        ("海.txt", "character"),
        ("con.txt", "con-character"),
    ],
)
def test_a_form_without_a_name_is_named_after_its_file(filename: str, name: str) -> None:
    assert read_any(b'[{"trait": "I a."}]', filename).constitution.name == name


def complaints(data: bytes, filename: str = "x.jsonl") -> list[str]:
    with pytest.raises(ConstitutionError) as caught:
        read_any(data, filename)
    return [str(problem) for problem in caught.value.problems]


def test_all_lines_of_a_broken_few_shot_file_are_reported_at_once_in_order() -> None:
    good = {"trait": "I a.", "questions": [], "additional_questions": ["Why?"]}
    rows = [
        json.dumps(good),
        "",
        '{"trait": "I b.", "questions": [], "additional',
        json.dumps(good | {"trait": "I c.", "additional_questions": ["", 3]}),
        json.dumps({"trait": "", "questions": ["q", "q"], "additional_questions": None}),
        '"a text"',
        json.dumps({"trait": "I d.", "question": []}),
    ]
    assert complaints("\n".join(rows).encode()) == [
        "line 3, column 36: the file ends in the middle; "
        "add what is missing or bring back an earlier version.",
        "line 4, additional question 1: is empty; write a prompt or remove it.",
        "line 4, additional question 2: is a number; write a text in double quotes.",
        "line 5, additional_questions: is null; it must be a list [ … ].",
        "line 5: is empty; write a sentence that begins with I, or remove it.",
        "line 5, question 2: says the same as question 1; change or remove one.",
        'line 6: is a text; it must be an object with "trait", "questions".',
        "line 7, additional_questions: is missing; it must be a list [ … ].",
        "line 7: has a field 'question' that no character file has; did you mean \"questions\"?",
    ]


def test_all_traits_of_a_broken_array_are_reported_at_once() -> None:
    found = complaints(
        b'[{"trait": ""}, 3, {"trait": "I.", "questions": [""], "x": 1}, {"trait": "i."}]', "x.txt"
    )
    assert [problem.split(":")[0] for problem in found] == [
        "trait 1", "trait 2", "trait 3", "trait 3, question 1", "trait 4",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"hello", "is no character file"),
        (b"PK\x03\x04\x00", "is a zero"),
        (b"\x80\x04\x95", "is not UTF-8"),
        (b"[]", "traits: there is none"),
        (b"{}", 'has no "name"'),
        (b'{"nam', "line 1, column 2: the file ends in the middle"),
        (
            b'{"trait": "I a.", "questions": [], "additional_questions": [], "trait": "I b."}',
            "stands twice",
        ),
        (b"[" * 10**6, "nested more than"),
        (b"{}" + b" " * 20_000_001, "is 20.0 MB"),
        (b'{"trait":"I"}\n' * 1001, "has 1,001 lines"),
    ],
)
def test_what_is_no_character_is_refused_in_a_sentence(data: bytes, expected: str) -> None:
    assert any(expected in problem for problem in complaints(data))


@UNHURRIED
@given(st.binary())
def test_no_bytes_break_the_import(data: bytes) -> None:
    try:
        read_any(data, "x.txt")
    except ConstitutionError as error:
        str(error).encode()


def test_lines_whose_traits_do_not_fit_together_can_still_be_read_one_by_one() -> None:
    row = {"trait": "I a.", "questions": [], "additional_questions": ["1"]}
    lines = few_shot_lines(lines_of([row, row | {"additional_questions": ["2"]}]), source="x")
    assert [line.additional for line in lines] == [("1",), ("2",)]
    with pytest.raises(ConstitutionError, match="line 1, additional_questions: is missing"):
        few_shot_lines(b'{"trait": "I a."}', source="x")
