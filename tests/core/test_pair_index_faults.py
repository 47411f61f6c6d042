"""The list of pairs while others build it, end in the middle, write the files anew or fill the disk."""

from __future__ import annotations

import multiprocessing
import random
import sqlite3
import threading
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from core.errors import RunError
from core.pair_filter import PairFilter
from core.settings import Settings, load_settings
from core.stages import reviewing
from core.stages.pair_indexing import index_of
from core.stages.reviewing import Review, Saying
from core.store import pair_index, pair_index_tables
from core.store.decisions import Decision, decide, decisions
from core.store.jsonl import write_atomic
from core.store.pair_index import PairIndex
from core.store.runs import Run
from tests.core.pair_index_kit import JOB, Written, caught_up

FORK = multiprocessing.get_context("fork")
MANY = 40


def many(settings: Settings, count: int = MANY) -> Written:
    run = Written(settings)
    for number, prompt in enumerate(run.plan([f"Question {number}: why?" for number in range(count)])):
        run.answer("teacher", prompt.id, f"Arr, matey, tale {number} of the salty sea be told thus.")
        run.answer("student", prompt.id, f"There are {number} things to say about this subject today.")
    return run


def build(folder: Path, run: Run, started: object = None, slice_s: float = 0.01) -> None:
    """What a job does: take in everything, in short slices."""
    settings = load_settings(folder=folder.parent, data=folder)
    index = index_of(run, Written(settings).sources, JOB, settings)
    while not index.refresh(slice_s).is_done:
        pass


def builders(settings: Settings, run: Written, count: int) -> list[BaseProcess]:
    made = [FORK.Process(target=build, args=(settings.data_path, run.run)) for _ in range(count)]
    for process in made:
        process.start()
    return made


def test_processes_that_build_at_once_and_are_killed_leave_a_right_index(settings: Settings) -> None:
    run = many(settings)
    chance = random.Random(7)
    for _ in range(6):
        working = builders(settings, run, 2)
        working[0].join(chance.uniform(0.02, 0.15))
        working[0].kill()
        for process in working:
            process.join(30)
        assert working[1].exitcode == 0
        run.answer("student", run.plan([f"Round {chance.random()}?"])[0].id, "A plain answer to that.")
    assert list(caught_up(run.index()).rows()) == run.expected()


@pytest.mark.parametrize("harm", ["another format", "garbage", "a table is missing"])
def test_processes_that_meet_a_useless_index_at_once_make_one_new_one(
    settings: Settings, harm: str
) -> None:
    run = many(settings)
    for _ in range(4):
        path = run.index().path
        damage(path, harm)
        working = builders(settings, run, 4)
        for process in working:
            process.join(30)
        assert [process.exitcode for process in working] == [0] * 4
        assert list(caught_up(run.index()).rows()) == run.expected()


def damage(path: Path, harm: str) -> None:
    pair_index.remove(path)
    path.parent.mkdir(exist_ok=True)
    if harm == "garbage":
        path.write_bytes(b"no index " * 900)
        return
    with sqlite3.connect(path) as old:
        old.execute("PRAGMA journal_mode = WAL")
        old.execute("CREATE TABLE pairs(n INTEGER PRIMARY KEY, other TEXT)")
        version = pair_index_tables.SCHEMA + (harm == "another format")
        old.execute(f"PRAGMA user_version = {version}")
    old.close()


def test_no_pair_loses_an_answer_on_the_screen_while_its_file_is_written_anew(settings: Settings) -> None:
    run = many(settings)
    index, right = caught_up(run.index()), {row["id"]: row for row in run.expected()}
    stop = threading.Event()

    def turn_around() -> None:
        while not stop.is_set():
            for path in (run.teacher.rows_path, run.student.rows_path):
                lines = path.read_bytes().splitlines(keepends=True)
                write_atomic(path, b"".join(reversed(lines)))

    writer = threading.Thread(target=turn_around)
    writer.start()
    try:
        for _ in range(15):
            index.refresh(0.01)
            for n in range(MANY):
                row = index.row(n)
                # A pair that is judged again just then may lack an answer, and says so.
                assert row is None or row == right.get(row["id"], row)
                assert row is None or row["dropped"] or (row["chosen"] and row["rejected"])
    finally:
        stop.set()
        writer.join()
    assert list(caught_up(index).rows()) == run.expected()


def test_a_review_that_finds_its_files_written_anew_stops_instead_of_leaving_pairs_out(
    settings: Settings,
) -> None:
    run = many(settings)
    review = Review(run.run, caught_up(run.index()))
    path = run.teacher.rows_path
    write_atomic(path, b"".join(reversed(path.read_bytes().splitlines(keepends=True))))
    with pytest.raises(RunError, match="written anew"):
        list(review.rows(range(MANY)))
    review.refresh()
    assert len(list(review.rows(range(MANY)))) == MANY


def test_a_review_says_so_when_another_process_holds_the_list_and_sleeps(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = many(settings, 3)
    index = caught_up(run.index())
    run.answer("teacher", run.plan(["One more?"])[0].id, "Arr, one more tale.")
    monkeypatch.setattr(pair_index, "TURN_S", 0.01)
    monkeypatch.setattr(reviewing, "STUCK_S", 0.02)
    sleeper = sqlite3.connect(index.path, isolation_level=None)
    sleeper.execute("BEGIN IMMEDIATE")
    with pytest.raises(RunError, match="does not go on"):
        Review(run.run, index).refresh()
    sleeper.execute("ROLLBACK")
    Review(run.run, index).refresh()
    assert list(index.rows()) == run.expected()
    sleeper.close()


def test_a_full_disk_shows_what_was_known_and_loses_nothing(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = many(settings)
    index = caught_up(run.index())
    index.close()
    for number in range(400):
        run.answer("teacher", run.plan([f"More {number}?"])[0].id, "Arr! " + f"word{number} " * 40)
    opened = pair_index_tables.connect

    def nearly_full(path: Path) -> sqlite3.Connection:
        found = opened(path)
        (pages,) = found.execute("PRAGMA page_count").fetchone()
        found.execute(f"PRAGMA max_page_count = {pages + 2}")
        return found

    monkeypatch.setattr(pair_index, "connect", nearly_full)
    with pytest.raises(RunError, match="Nothing is lost"):
        caught_up(run.index())
    monkeypatch.undo()
    assert list(caught_up(run.index()).rows()) == run.expected()


# ---- a bulk act and what changes meanwhile


def drop_all(index: PairIndex, run: Written, view: pair_index.View) -> tuple[int, int]:
    done = Review(run.run, index).decide_alike(view, view.places.tolist(), Saying("drop", reviewer="Bo"))
    return done.decided, done.stayed


def test_a_bulk_act_leaves_what_others_decided_since_its_view(settings: Settings) -> None:
    run = many(settings, 5)
    index = caught_up(run.index())
    view = index.view(PairFilter(show="undecided"))
    first, second = view.ids()[:2]
    decide(run.run.folder, Decision(first, "keep", reviewer="Ann"))
    caught_up(run.index())
    decide(run.run.folder, Decision(second, "keep", reviewer="Ann"))
    assert drop_all(index, run, view) == (3, 2)
    verdicts = {pair: word.verdict for pair, word in decisions(run.run.folder).items()}
    assert (verdicts[first], verdicts[second]) == ("keep", "keep")


def test_a_bulk_act_never_decides_about_pairs_that_came_into_the_places_of_those_shown(
    settings: Settings,
) -> None:
    run = many(settings, 5)
    index = caught_up(run.index())
    view = index.view(PairFilter())
    plan = run.teacher.plan_path
    lines = plan.read_bytes().splitlines(keepends=True)
    write_atomic(plan, b"".join(reversed(lines[2:])))
    caught_up(run.index())
    assert drop_all(index, run, view) == (0, 5)
    assert not decisions(run.run.folder)
