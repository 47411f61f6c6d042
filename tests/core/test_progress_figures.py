"""Promises of a job's figures and history: cheap to report, whole in the file, harmless when damaged."""

from __future__ import annotations

import json
import math
import threading
from pathlib import Path
from typing import Any

import pytest

from core.jobs import ProgressReporter
from core.jobs import progress as progress_module
from core.jobs.progress import read_history, read_progress
from tests.core.job_kit import until

FIGURES = {"requests": 44, "in_flight": 20, "cost_usd": None, "reasons": {"timeout": 2}}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "progress.json"


def quiet(number: int) -> dict[str, Any]:
    return {"at": 1000.0 + number, "stage": "teacher", "limit": 20, "why": ""}


# --- figures ---


def test_figures_stay_until_new_ones_take_their_place(path: Path):
    reporter = ProgressReporter(path)
    reporter.update(stage="teacher", planned=10, figures=FIGURES)
    reporter.update(done=3)
    reporter.flush()
    now = read_progress(path)
    assert now and now.figures == FIGURES
    reporter.update(figures={"requests": 45})
    reporter.flush()
    now = read_progress(path)
    assert now and (now.done, now.figures) == (3, {"requests": 45})


def test_figures_given_as_a_function_are_asked_only_when_something_is_written(path: Path):
    reporter = ProgressReporter(path)
    asked: list[int] = []

    def figures() -> dict[str, Any]:
        asked.append(1)
        return {"requests": 7}

    for done in range(5000):
        reporter.update(done=done, figures=figures)
    reporter.flush()
    now = read_progress(path)
    assert now and now.figures == {"requests": 7}
    assert len(asked) < 100


def test_progress_of_before_there_were_figures_is_still_read(path: Path):
    path.write_text('{"stage": "x", "done": 1, "planned": 2, "failed": 0, "note": "", "at": 5.0}')
    now = read_progress(path)
    assert now and (now.done, now.figures) == (1, {})


@pytest.mark.parametrize("figures", [None, [], "many", 3])
def test_figures_that_make_no_sense_do_not_hide_the_progress(path: Path, figures: Any):
    whole = {"stage": "x", "done": 1, "planned": 2, "failed": 0, "note": "", "at": 5.0}
    path.write_text(json.dumps(whole | {"figures": figures}))
    now = read_progress(path)
    assert now and (now.done, now.figures) == (1, {})


def test_figures_that_cannot_be_had_or_written_do_not_stop_the_progress(path: Path):
    reporter = ProgressReporter(path)
    reporter.update(done=1, figures=lambda: {"share": 1 / 0})
    reporter.flush()
    now = read_progress(path)
    assert now and (now.done, now.figures) == (1, {})
    reporter.update(done=2, figures={"at": path, "rate": math.nan, ("odd",): 1})
    reporter.flush()
    now = read_progress(path)
    assert now and now.done == 2 and set(now.figures) == {"at", "rate"}


def test_many_threads_may_report_and_the_last_word_is_written(path: Path):
    reporter = ProgressReporter(path)

    def work() -> None:
        for _ in range(2000):
            reporter.update(done=1, planned=9)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    reporter.update(done=9)
    until(lambda: (now := read_progress(path)) and now.done == 9)
    assert not list(path.parent.glob("*.part"))


def test_flush_without_news_leaves_the_file_to_a_later_reporter(path: Path):
    first, second = ProgressReporter(path), ProgressReporter(path)
    first.update(stage="teacher", done=1)
    first.flush()
    second.update(stage="student", done=2)
    second.flush()
    first.flush()
    now = read_progress(path)
    assert now and now.stage == "student"


# --- history ---


def test_history_rows_come_back_in_order_and_belong_to_their_owner(path: Path):
    reporter = ProgressReporter(path)
    for number in range(3):
        reporter.note_history(quiet(number))
    history = path.with_name("history.jsonl")
    assert [row["at"] for row in read_history(history)] == [1000.0, 1001.0, 1002.0]
    assert history.stat().st_mode & 0o777 == 0o600


def test_outside_a_job_no_history_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    ProgressReporter.from_environment({}).note_history(quiet(1))
    assert list(tmp_path.iterdir()) == []


def test_history_never_disturbs_the_work(tmp_path: Path):
    reporter = ProgressReporter(tmp_path / "removed" / "progress.json")
    reporter.note_history(quiet(1))
    endless: dict[str, Any] = {}
    endless["itself"] = endless
    ProgressReporter(tmp_path / "progress.json").note_history(endless)
    assert read_history(tmp_path / "history.jsonl") == []


def test_history_ends_at_its_limit(path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(progress_module, "MOST_HISTORY_BYTES", 1000)
    reporter = ProgressReporter(path)
    for number in range(100):
        reporter.note_history(quiet(number))
    history = path.with_name("history.jsonl")
    assert 900 < history.stat().st_size <= 1000
    assert len(read_history(history)) > 10


def test_a_long_history_is_thinned_but_keeps_each_reason_and_each_total(path: Path):
    rows = [quiet(number) for number in range(5000)]
    rows[777]["why"] = "38 at once was too many (HTTP 429): now 37"
    rows[778]["why"] = 'it said "why": "" and went'
    rows[4000]["figures"] = {"requests": 9}
    history = path.with_name("history.jsonl")
    history.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = read_history(history, 100)
    assert len(found) <= 103
    assert [row["why"] for row in found if row["why"]] == [rows[777]["why"], rows[778]["why"]]
    assert rows[4000] in found
    assert found[-1] == rows[-1]
    assert found == sorted(found, key=lambda row: row["at"])


@pytest.mark.parametrize(
    "damage",
    [
        b'{"at": 1003.0, "stage": "teach',
        b"\xff\xfe\x00\n",
        b"null\n[]\n3\n",
        b'{"stage": "x"}\n{"at": "soon"}\n{"at": NaN}\n{"at": 1e999}\n',
        b"[" * 100_000 + b"\n",
    ],
)
def test_a_torn_or_odd_line_costs_only_itself(path: Path, damage: bytes):
    history = path.with_name("history.jsonl")
    good = (json.dumps(quiet(1)) + "\n").encode()
    history.write_bytes(good + damage)
    assert read_history(history) == [quiet(1)]


def test_no_history_is_an_empty_one(path: Path):
    assert read_history(path.with_name("history.jsonl")) == []
