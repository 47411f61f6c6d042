"""What leaves: accepted pairs only, in each destination's form, and nothing a spreadsheet would run."""

from __future__ import annotations

import csv
import io
import json
from datetime import date
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import example, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from core import csv_safe
from core.errors import RunError
from core.exports import (
    COLUMNS,
    Destination,
    Encoder,
    Listed,
    file_name,
    group_of,
    groups_of,
    preview,
    told_counts,
)
from core.formats import read_lines
from core.pair_edits import Decision, apply_decision
from core.pairs import PairRules
from core.settings import Settings
from core.stages.pair_export import ExportJob, export_pairs
from core.store.library import Library

DAY = date(2026, 11, 26)


def pair(name: str, **more: Any) -> dict[str, Any]:
    row = {
        "id": name,
        "prompt": "p",
        "trait": "voice",
        "sample": 0,
        "text": f"What is {name}?",
        "chosen": f"Arr, {name} be grand, matey!",
        "rejected": f"{name} is a thing that exists.",
        "dropped": None,
        "flags": [],
        "ratio": 1.0,
        "ends": ["stop", "stop"],
        "tokens": [9, 9],
        "decision": None,
        "reason": "",
        "reviewer": "",
        "decided_at": None,
        "origin": {"chosen": "teacher", "rejected": "student"},
    }
    return row | more


KEPT = pair("kept", decision="keep", reviewer="Ann", decided_at=1_795_000_000.0)
LOOSE = pair("loose")
GONE = pair("gone", dropped="dropped by reviewer", decision="drop", reason="dull")
CHECKED = pair("checked", dropped="identical")
HALF = pair("half", rejected=None, dropped="missing: student")
SOURCE = Listed([KEPT, LOOSE, GONE, CHECKED, HALF])


def whole(destination: Destination, *rows: dict[str, Any]) -> bytes:
    return b"".join(Encoder(destination).lines(rows))


def table(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))


def test_a_pair_stands_in_one_group_and_only_accepted_ones_leave_unasked() -> None:
    assert [group_of(row) for row in (KEPT, LOOSE, GONE, CHECKED)] == [
        "accepted",
        "undecided",
        "dropped",
        "dropped",
    ]
    assert dict(SOURCE.counts()) == {"accepted": 1, "undecided": 1, "dropped": 2}
    assert [row["id"] for row in SOURCE.rows(groups_of())] == ["kept"]
    assert [row["id"] for row in SOURCE.rows(groups_of(undecided=True, dropped=True))] == [
        "kept",
        "loose",
        "gone",
        "checked",
    ]


def test_the_count_is_told_before_anything_leaves() -> None:
    assert told_counts(SOURCE.counts(), groups_of(undecided=True)) == "2 pairs: 1 accepted, 1 undecided"
    assert told_counts({}, groups_of()) == "0 pairs"
    assert [row["prompt"] for row in preview(SOURCE, groups_of(dropped=True), 2)] == [
        "What is kept?",
        "What is gone?",
    ]


def test_the_file_name_tells_whose_how_many_for_whom_and_when() -> None:
    assert file_name("pirate", "trl", 120, DAY) == "pirate-120-pairs-trl-2026-11-26.jsonl"
    assert file_name("pirate", "csv", 1, DAY) == "pirate-1-pairs-2026-11-26.csv"


@pytest.mark.parametrize("destination", ["together", "openrlhf", "trl", "llamafactory"])
def test_a_trainers_file_holds_the_conversations_and_nothing_else(destination: Destination) -> None:
    edited = apply_decision(
        {k: v for k, v in LOOSE.items() if k != "origin"},
        Decision("loose", "edit", reviewer="Ann", at=1.0, text="Arr, I wrote this!"),
        RULES,
    )
    text = whole(destination, KEPT, edited).decode()
    assert "Arr, I wrote this!" in text
    assert not any(word in text for word in ("Ann", "decision", "crc", '"id"'))
    assert len(text.splitlines()) == 2


RULES: PairRules


@pytest.fixture(autouse=True, scope="module")
def rules() -> None:
    from core.settings import PROJECT, load_settings

    global RULES
    found = Library(load_settings(folder=PROJECT)).load("pirate").constitution
    RULES = PairRules(found)


def test_togethers_file_passes_togethers_own_rules() -> None:
    data = whole("together", KEPT, LOOSE)
    found = read_lines(enumerate(data.splitlines(keepends=True), 1), "dpo", "together")
    assert (len(found.rows), found.problems) == (2, [])


def test_our_own_files_tell_who_decided_and_whose_words_an_answer_is() -> None:
    swapped = apply_decision(
        {k: v for k, v in LOOSE.items() if k != "origin"},
        Decision("loose", "swap", reviewer="Ann", at=5.0),
        RULES,
    )
    row = json.loads(whole("jsonl", swapped))
    assert (row["decision"], row["reviewer"], row["decided_at"]) == (
        "swap",
        "Ann",
        "1970-01-01T00:00:05+00:00",
    )
    assert (row["chosen"], row["chosen_by"]) == (LOOSE["rejected"], "student")
    assert table(whole("csv", swapped))[0]["chosen_by"] == "student"


def test_what_a_destination_cannot_take_is_left_out_and_said() -> None:
    encoder = Encoder("together")
    same = pair("same", rejected="Arr, same be grand, matey!")
    lines = list(encoder.lines([KEPT, HALF, same, pair("torn", chosen="Arr \ud800")]))
    assert (len(lines) - 1, encoder.rows, encoder.left_out.total()) == (1, 1, 3)
    assert "could not be written" in encoder.told_left_out()
    assert "same answer" in encoder.told_left_out()
    assert Encoder("csv").line(pair("torn", chosen="Arr \ud800")) is None


# ---- formulas (X5)

ACTING = [
    "=1+1",
    "+1",
    "-2+3+cmd|' /C calc'!A0",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "\tplain",
    "  =1",
    "\u00a0=1",
    "\u200b=1",
    "\ufeff=1",
    '"=1',
    "'=1",
    "“=1",
    "\uff1d1+1",
    "\uff0b1",
    "\uff0d1",
    "\uff20SUM(A1)",
    "\ufe661",
    "−1",
    " ' \uff1d1",
]


@pytest.mark.parametrize("text", ACTING)
def test_a_cell_that_a_spreadsheet_might_run_begins_with_an_apostrophe(text: str) -> None:
    assert csv_safe.cell(text) == "'" + text
    for column, row in (
        ("chosen", {"chosen": text}),
        ("prompt", {"text": text}),
        ("reason", {"reason": text}),
    ):
        assert table(whole("csv", pair("x", **row)))[0][column] == "'" + text


@pytest.mark.parametrize("text", ["", "Arr!", "1 = 1", "a-b", "'tis", '"Arr"', "…", "​", "(=1)", "٣"])
def test_other_cells_stay_as_they_are(text: str) -> None:
    assert csv_safe.cell(text) == text


@pytest.mark.parametrize("text", ACTING)
@pytest.mark.parametrize("destination", ["jsonl", "together", "openrlhf", "trl", "llamafactory"])
def test_jsonl_carries_the_same_text_byte_for_byte(destination: Destination, text: str) -> None:
    data = whole(destination, pair("x", chosen=text + " Arr!"))
    assert json.dumps(text + " Arr!", ensure_ascii=False).encode() in data


anything = st.text(st.characters(exclude_categories=("Cs",)), max_size=40)
risky = st.builds(
    lambda before, sign, after: before + sign + after,
    st.text(st.sampled_from(" \t\r\n'\"“\u00a0\u200b\ufeff`"), max_size=4),
    st.sampled_from(["=", "+", "-", "@", "＝", "＋", "－", "＠", "", "x"]),
    anything,
)


@given(st.lists(st.one_of(anything, risky), min_size=4, max_size=4))
@examples(max_examples=300)
def test_a_csv_read_back_gives_every_text_save_for_the_apostrophe(texts: list[str]) -> None:
    prompt, chosen, rejected, reason = texts
    row = pair("x", text=prompt, chosen=chosen, rejected=rejected, reason=reason)
    (read,) = table(whole("csv", row))
    assert tuple(read) == COLUMNS
    cells = [read[name] for name in ("prompt", "chosen", "rejected", "reason")]
    assert [csv_safe.plain(cell) for cell in cells] == texts
    assert not any(csv_safe.acts(cell) and not cell.startswith("'") for cell in read.values())


@given(st.one_of(anything, risky))
@example("'\r")
@example("''=1")
def test_no_cell_acts_and_its_text_comes_back_exactly(text: str) -> None:
    cell = csv_safe.cell(text)
    assert cell[:1] not in ("=", "+", "-", "@", "\t", "\r", "\n")
    assert csv_safe.plain(cell) == text


# ---- the file


def test_an_export_is_a_private_file_named_by_its_day(settings: Settings) -> None:
    done = export_pairs(ExportJob("pirate", "csv", groups_of(undecided=True)), SOURCE, settings, DAY)
    assert done.path == settings.data_path / "exports" / "pirate-2-pairs-2026-11-26.csv"
    assert done.path.stat().st_mode & 0o077 == 0
    assert [row["standing"] for row in table(done.path.read_bytes())] == ["accepted", "undecided"]


def test_nothing_to_export_is_said_with_what_to_do_and_leaves_no_file(settings: Settings) -> None:
    with pytest.raises(RunError, match=r"Nobody has accepted .* 1 pass the checks: add --undecided"):
        export_pairs(ExportJob("pirate", "csv", groups_of()), Listed([LOOSE]), settings, DAY)
    with pytest.raises(RunError, match="there are no pairs"):
        export_pairs(ExportJob("pirate", "csv", groups_of()), Listed([]), settings, DAY)
    assert not (settings.data_path / "exports").exists()


def test_a_file_that_stands_there_is_replaced_only_when_asked(settings: Settings, tmp_path: Path) -> None:
    output = tmp_path / "mine.csv"
    output.write_text("mine")
    with pytest.raises(RunError, match="--overwrite"):
        export_pairs(ExportJob("pirate", "csv", groups_of(), output), SOURCE, settings, DAY)
    assert output.read_text() == "mine"
    export_pairs(ExportJob("pirate", "csv", groups_of(), output, overwrite=True), SOURCE, settings, DAY)
    assert output.read_text() != "mine"


def test_every_destination_writes_every_accepted_pair(settings: Settings) -> None:
    for destination in get_args(Destination):
        done = export_pairs(ExportJob("pirate", destination, groups_of()), SOURCE, settings, DAY)
        assert (done.rows, done.left_out) == (1, {})
