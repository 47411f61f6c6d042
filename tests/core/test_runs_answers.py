"""A set of answers: planned once, one row a key, in the plan's order, and complete only when it is."""

from __future__ import annotations

import json
import random
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from core.store.jsonl import Row, append_rows, read_rows, seal
from core.store.runs import AnswerSet
from tests.core.crash.workload import key_of_number, row_of, tags


@pytest.fixture
def answers(tmp_path: Path) -> AnswerSet:
    return AnswerSet(tmp_path / "teacher" / "parrot-5e6f7a8b")


def filled(answers: AnswerSet, count: int = 8, order: list[int] | None = None) -> AnswerSet:
    answers.extend_plan(tags(count))
    append_rows(answers.rows_path, [row_of(list(tags(count))[at]) for at in order or range(count)])
    return answers


def keys_of(path: Path) -> list[str]:
    return [row["key"] for row in read_rows(path).rows]


def failure(number: int, message: str) -> Row:
    return {**list(tags(number + 1))[number], "kind": "busy", "message": message}


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


# ---- the plan


def test_each_request_is_planned_once_however_often_it_comes(answers: AnswerSet) -> None:
    assert answers.extend_plan([*tags(4), *tags(4)]) == 4
    assert answers.extend_plan(iter(tags(6))) == 2
    assert answers.extend_plan(tags(6)) == 0
    assert keys_of(answers.plan_path) == [key_of_number(number) for number in range(6)]
    assert list(answers.iter_plan()) == list(answers.plan().values()) == list(tags(6))


def test_a_plan_torn_by_a_kill_is_planned_to_the_end(answers: AnswerSet) -> None:
    answers.extend_plan(tags(4))
    answers.plan_path.write_bytes(answers.plan_path.read_bytes()[:-30])
    assert answers.extend_plan(tags(4)) == 1
    assert list(answers.iter_plan()) == list(tags(4))


def test_a_plan_in_another_order_keeps_the_first_order_and_joins_rows_rightly(answers: AnswerSet) -> None:
    filled(answers, 6).finalise()
    assert answers.extend_plan(reversed(list(tags(6)))) == 0
    edited = [{**tag, "key": key_of_number(100 + at)} for at, tag in enumerate(tags(2))]
    assert answers.extend_plan([*edited, *tags(6)]) == 2
    assert not answers.is_complete()
    manifest = answers.finalise()
    assert (manifest["planned"], manifest["rows"], manifest["complete"]) == (8, 6, False)
    assert answers.rows() == {tag["key"]: row_of(tag) for tag in tags(6)}


# ---- rows


def test_of_two_rows_with_one_key_the_first_whole_one_counts_everywhere(answers: AnswerSet) -> None:
    filled(answers, 3)
    tag = next(tags(1))
    append_rows(answers.rows_path, [{**tag, "text": "a second answer"}])
    assert answers.rows()[tag["key"]] == row_of(tag)
    assert list(answers.iter_rows()) == [row_of(tag) for tag in tags(3)]
    assert len(answers.done_keys()) == 3
    assert answers.reopen().duplicates == 1
    assert answers.finalise()["duplicates"] == 1
    assert list(answers.iter_rows()) == [row_of(tag) for tag in tags(3)]


def test_a_damaged_first_row_leaves_the_place_to_the_second(answers: AnswerSet) -> None:
    filled(answers, 3)
    answers.rows_path.write_bytes(answers.rows_path.read_bytes().replace(b"Arr", b"Brr", 1))
    append_rows(answers.rows_path, [row_of(next(tags(1)))])
    manifest = answers.finalise()
    assert (manifest["damaged"], manifest["complete"]) == (1, True)
    assert list(answers.iter_rows()) == [row_of(tag) for tag in tags(3)]


def test_a_line_without_a_key_is_kept_and_stops_nothing(answers: AnswerSet) -> None:
    filled(answers, 3, [2, 1, 0])
    append_rows(answers.rows_path, [{"note": "from elsewhere"}, {"key": 7, "text": "odd"}])
    assert answers.finalise()["complete"]
    assert [row.get("key") for row in read_rows(answers.rows_path).rows[3:]] == [None, 7]
    assert answers.rows().keys() == answers.plan().keys()


# ---- finishing


def test_finishing_puts_rows_in_the_plans_order(answers: AnswerSet) -> None:
    order = random.Random(7).sample(range(40), 40)
    manifest = filled(answers, 40, order).finalise()
    assert read_rows(answers.rows_path).rows == [row_of(tag) for tag in tags(40)]
    assert (manifest["planned"], manifest["rows"], manifest["failed"]) == (40, 40, 0)
    assert answers.is_complete()


def test_finishing_again_changes_no_byte_and_writes_no_row_again(answers: AnswerSet) -> None:
    filled(answers, 8, [3, 1, 2, 0, 7, 6]).finalise()
    append_rows(answers.errors_path, [failure(5, "no"), failure(4, "no")])
    answers.finalise()
    before, inode = contents(answers.folder), answers.rows_path.stat().st_ino
    answers.finalise()
    assert contents(answers.folder) == before
    assert answers.rows_path.stat().st_ino == inode


def test_a_plan_that_names_a_request_twice_still_gets_one_row(answers: AnswerSet) -> None:
    for path, rows in ((answers.plan_path, list(tags(3))), (answers.rows_path, list(map(row_of, tags(3))))):
        append_rows(path, [rows[0], rows[0], rows[1], rows[2]])
    manifest = answers.finalise()
    assert (manifest["planned"], manifest["rows"], manifest["duplicates"]) == (3, 3, 1)
    assert manifest["complete"]
    assert read_rows(answers.rows_path).rows == [row_of(tag) for tag in tags(3)]


def test_rows_that_no_plan_names_stay_at_the_end(answers: AnswerSet) -> None:
    answers.extend_plan(tags(3))
    strangers = [{"key": key_of_number(number), "text": "paid for"} for number in (90, 91, 90)]
    append_rows(answers.rows_path, [strangers[0], *map(row_of, tags(3)), *strangers[1:]])
    manifest = answers.finalise()
    assert read_rows(answers.rows_path).rows == [*map(row_of, tags(3)), *strangers[:2]]
    assert (manifest["rows"], manifest["duplicates"], manifest["complete"]) == (3, 1, True)


def test_of_the_failures_the_last_one_stays_for_each_request_without_an_answer(answers: AnswerSet) -> None:
    filled(answers, 6, [0, 2, 3])
    told = [(5, "first"), (0, "moot"), (1, "first"), (5, "last"), (1, "last"), (4, "only")]
    append_rows(answers.errors_path, [failure(number, message) for number, message in told])
    before = answers.failures()
    manifest = answers.finalise()
    assert read_rows(answers.errors_path).rows == [
        failure(1, "last"),
        failure(4, "only"),
        failure(5, "last"),
    ]
    assert answers.failures() == before
    assert (manifest["planned"], manifest["rows"], manifest["failed"]) == (6, 3, 3)
    assert not answers.is_complete()


def test_half_a_key_that_two_requests_share_mixes_nothing_up(answers: AnswerSet) -> None:
    twins: list[Row] = [{"key": f"{'ab' * 8}{number:048x}", "prompt": f"p{number}"} for number in range(5)]
    for twin in twins:
        twin["key"] = twin["key"][:16] + twin["key"][-16:] + twin["key"][16:-16]
    answers.extend_plan(twins)
    append_rows(answers.rows_path, [{**twins[at], "text": str(at)} for at in (4, 1, 3, 0, 1, 2)])
    assert answers.finalise()["complete"]
    assert [row["text"] for row in read_rows(answers.rows_path).rows] == ["0", "1", "2", "3", "4"]


def test_an_empty_set_finishes(answers: AnswerSet) -> None:
    answers.folder.mkdir(parents=True)
    manifest = answers.finalise()
    assert (manifest["planned"], manifest["rows"], manifest["failed"]) == (0, 0, 0)


# ---- complete means that the manifest verifies


def without_a_row(answers: AnswerSet) -> None:
    answers.rows_path.write_bytes(b"".join(map(seal, map(row_of, tags(7)))))


def with_another_text(answers: AnswerSet) -> None:
    answers.rows_path.write_bytes(answers.rows_path.read_bytes().replace(b"Arr", b"Brr"))


def with_a_longer_plan(answers: AnswerSet) -> None:
    answers.extend_plan(tags(9))


def with_a_plan_in_another_order(answers: AnswerSet) -> None:
    answers.plan_path.write_bytes(b"".join(map(seal, reversed(list(tags(8))))))


def with_partial_rows_of_a_new_run(answers: AnswerSet) -> None:
    answers.rows_path.write_bytes(b"".join(map(seal, map(row_of, tags(3)))) + b'{"key": "torn')


def with_counts_that_do_not_add_up(answers: AnswerSet) -> None:
    path = answers.folder / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "rows": 7}))


def with_a_torn_manifest(answers: AnswerSet) -> None:
    path = answers.folder / "manifest.json"
    path.write_text(path.read_text()[:20])


def without_a_manifest(answers: AnswerSet) -> None:
    (answers.folder / "manifest.json").unlink()


@pytest.mark.parametrize(
    "spoil",
    [
        without_a_row,
        with_another_text,
        with_a_longer_plan,
        with_a_plan_in_another_order,
        with_partial_rows_of_a_new_run,
        with_counts_that_do_not_add_up,
        with_a_torn_manifest,
        without_a_manifest,
    ],
)
def test_a_finished_set_that_was_changed_is_not_complete_and_can_be_finished_again(
    answers: AnswerSet, spoil: Callable[[AnswerSet], None]
) -> None:
    filled(answers).finalise()
    assert answers.is_complete()
    spoil(answers)
    assert not answers.is_complete()
    answers.repair()
    answers.extend_plan(tags(8))
    done = answers.rows()
    append_rows(answers.rows_path, [row_of(tag) for tag in answers.iter_plan() if tag["key"] not in done])
    answers.finalise()
    assert answers.is_complete()


def test_repair_sweeps_what_a_killed_rewrite_left_and_nothing_of_others(answers: AnswerSet) -> None:
    filled(answers)
    for name in (".rows.jsonl.812.tmp", ".rows.jsonl.812.3.tmp", ".manifest.json.9.0.tmp"):
        (answers.folder / name).write_text("half")
    others = answers.folder / ".settings.json.812.0.tmp"
    others.write_text("another job writes this just now")
    answers.repair()
    assert list(answers.folder.glob(".*.tmp")) == [others]


# ---- memory


def test_finishing_and_scanning_hold_no_texts(answers: AnswerSet) -> None:
    count = 20_000
    order = random.Random(3).sample(range(count), count)
    answers.extend_plan({"key": key_of_number(number)} for number in range(count))
    text = "word " * 380
    append_rows(answers.rows_path, ({"key": key_of_number(number), "text": text} for number in order))
    assert answers.rows_path.stat().st_size > 40e6
    tracemalloc.start()
    try:
        assert answers.reopen().rows == count
        assert answers.finalise()["complete"]
        assert answers.is_complete()
        assert tracemalloc.get_traced_memory()[1] < 6e6
    finally:
        tracemalloc.stop()
