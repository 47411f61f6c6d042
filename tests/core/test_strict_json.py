"""Bytes from anywhere become a value or a sentence; never a traceback, never a long wait."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ConstitutionError
from core.strict_json import MAX_DEPTH, read_lines, read_value
from tests.core.character_kit import UNHURRIED

JSON = st.recursive(
    st.none() | st.booleans() | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def complaint(data: bytes) -> str:
    with pytest.raises(ConstitutionError) as caught:
        read_value(data, source="pirate.json")
    return str(caught.value)


@UNHURRIED
@given(JSON, st.booleans(), st.sampled_from([b"", b"\xef\xbb\xbf"]))
def test_every_sane_value_reads_back_with_or_without_a_byte_order_mark(
    value: Any, ascii: bool, mark: bytes
) -> None:
    assert read_value(mark + json.dumps(value, ensure_ascii=ascii).encode(), source="x") == value


@UNHURRIED
@given(st.binary())
def test_arbitrary_bytes_are_a_value_or_a_complaint_and_never_anything_else(data: bytes) -> None:
    try:
        read_value(data, source="x")
    except ConstitutionError as error:
        str(error).encode()


@UNHURRIED
@given(st.binary())
def test_arbitrary_bytes_read_as_lines_raise_nothing_but_a_complaint(data: bytes) -> None:
    try:
        [str(problem).encode() for problem in read_lines(data, source="x").problems]
    except ConstitutionError as error:
        str(error).encode()


def test_another_encoding_is_named_with_the_byte_and_the_cure() -> None:
    text = complaint('{"name": "café"}'.encode("latin-1"))
    assert "byte 13 (line 1)" in text and "save it as UTF-8" in text
    assert "byte 16" in complaint(b"\xef\xbb\xbf" + '{"name": "café"}'.encode("latin-1"))
    for encoding in ("utf-16", "utf-16-le", "utf-32"):
        assert "byte" in complaint('{"name": "x"}'.encode(encoding))
    assert "save it as UTF-8" in complaint('{"name": "x"}'.encode("utf-16"))


@pytest.mark.parametrize("cut", range(1, 28))
def test_a_file_cut_short_anywhere_says_where_and_what_to_do(cut: int) -> None:
    whole = b'{\n "name": "pirate", "b": []}'
    text = complaint(whole[:cut])
    assert "line " in text and ", column " in text
    assert "the file ends in the middle" in text


@pytest.mark.parametrize(
    ("text", "place", "cure"),
    [
        ('{"a": "b",}', "line 1, column", "comma too many"),
        ('{"a": 1\n "b": 2}', "line 2, column 2", "a comma is missing"),
        ('{"a": "say "hi" now"}', "line 1, column 13", "lacks its backslash"),
        ('{"a": "x\ny"}', "line 1, column 9", r"write it as \n"),
        ('{"a" "x"}', "line 1, column 6", "colon is missing"),
        ('{"a": x}', "line 1, column 7", "lacks its double quotes"),
        ('{"a": "C:\\d"}', "line 1, column 10", "write it twice"),
        ('{"a": 1} {"b": 2}', "line 1, column 10", "goes on after its end"),
        ("{'a': 1}", "line 1, column 2", "double quotes"),
    ],
)
def test_a_slip_of_the_pen_gets_its_line_its_column_and_its_cure(text: str, place: str, cure: str) -> None:
    assert place in complaint(text.encode()) and cure in complaint(text.encode())


def test_a_field_that_stands_twice_is_reported_with_both_values() -> None:
    text = complaint(b'{"name": "a", "name": "b", "x": {"t": 1, "t": "\\ud800"}}')
    assert '\'name\' stands twice ("a" and "b")' in text
    assert "'t' stands twice" in text and "2 problem(s)" in text
    text.encode()


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
def test_numbers_that_are_none_are_refused(constant: str) -> None:
    assert f"{constant} is not JSON" in complaint(f'{{"a": {constant}}}'.encode())


def test_a_bomb_of_a_million_brackets_is_refused_in_no_time() -> None:
    started = time.monotonic()
    assert "nested more than" in complaint(b"[" * 10**6)
    assert "nested more than" in complaint(b'{"a":' * 10**6)
    assert "nested more than" in complaint(b'["\\"", "' + b"[" * 50 + b'", ' + b"[" * 40)
    assert time.monotonic() - started < 10


def test_brackets_inside_texts_are_not_nesting() -> None:
    assert read_value(b'["' + b"[" * 100 + b'\\"[[["]', source="x") == ["[" * 100 + '"[[[']
    assert "ends in the middle" in complaint(b'{"a": "' + b"[" * 100)
    deep = "[" * MAX_DEPTH + "]" * MAX_DEPTH
    assert read_value(deep.encode(), source="x")


def test_a_number_of_five_thousand_digits_costs_nothing() -> None:
    read_value(b"[" + b"1" * 100_000 + b"]", source="x")


def test_a_file_over_five_megabytes_is_refused_before_it_is_parsed() -> None:
    assert "is 10.0 MB" in complaint(b'"' + b"x" * 9_999_998 + b'"')


@pytest.mark.parametrize("data", [b"", b"\n \n", b"\xef\xbb\xbf", b"\x00" * 4096])
def test_an_empty_file_is_called_empty(data: bytes) -> None:
    assert "is empty" in complaint(data)


def test_zero_bytes_are_recognised_as_damage() -> None:
    assert "byte 3 is a zero" in complaint(b'{"a\x00": 1}')


def test_every_bad_line_is_reported_and_every_good_one_kept() -> None:
    read = read_lines(b'{"a": 1}\r\n\n{"b": \n"\xe2\x80\xa8"\n{"c": 1, "c": 2}\n', source="x")
    assert read.values == [(1, {"a": 1}), (4, "\u2028")]
    assert [problem.place for problem in read.problems] == ["line 3, column 7", "line 5"]


def test_a_billion_rows_are_refused_by_their_number() -> None:
    with pytest.raises(ConstitutionError, match="has 2,000 lines"):
        read_lines(b"{}\n" * 2000, source="x")
