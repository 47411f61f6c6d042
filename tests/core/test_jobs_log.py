"""Promises of a job's log and progress: bounded, readable, without keys, never in the job's way."""

from __future__ import annotations

import json
import resource
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from core import job_wrapper
from core.job_log import LOG_HEAD, LOG_TAIL, Log
from core.jobs import Jobs, ProgressReporter
from core.jobs.progress import read_progress
from tests.core.job_kit import FAKE_ID, ended, fake_job, python, settings_in, start, until

LARGEST_LOG = LOG_HEAD + 2 * LOG_TAIL + (1 << 17)


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[Jobs]:
    jobs = Jobs(settings_in(tmp_path))
    yield jobs
    for job in jobs.list(active_only=True):
        jobs.cancel(job.id, grace_s=0)


# --- J5: the flood ---


def test_a_flood_without_a_line_break_neither_fills_the_disk_nor_stops_the_job(jobs: Jobs):
    script = (
        "import os\n"
        "os.write(1, b'first words\\n')\n"
        "for _ in range(1 << 10): os.write(1, b'x' * (1 << 20))\n"
        "os.write(1, b'\\nlast words\\n')"
    )
    job = start(jobs, script)
    largest = 0
    while (job := jobs.get(job.id)).active:
        largest = max(largest, job.log_path.stat().st_size if job.log_path.exists() else 0)

    assert job.state == "done"
    assert largest <= LARGEST_LOG and job.log_path.stat().st_size <= LARGEST_LOG
    text = job.log_path.read_bytes()
    assert text.startswith(b"first words\n") and text.endswith(b"\nlast words\n")
    assert b"bytes left out" in text
    assert jobs.log_tail(job.id, lines=1) == "last words"


def test_the_log_counts_what_it_left_out(tmp_path: Path):
    log = Log(tmp_path / "log.txt", [])
    for _ in range(100):
        log.write(b"y" * (1 << 20))
    log.finish()

    head, note, tail = (tmp_path / "log.txt").read_text().split("\n")
    left_out = int(note.split()[1].replace(",", ""))
    assert len(head) == LOG_HEAD and len(tail) >= LOG_TAIL
    assert len(head) + left_out + len(tail) == 100 << 20


def test_a_closed_or_flooded_output_does_not_end_the_job(jobs: Jobs):
    job = start(jobs, "import os, time\nos.close(1); os.close(2)\ntime.sleep(0.3)\nos._exit(3)")

    assert ended(jobs, job).state == "incomplete"


def test_a_full_disk_leaves_a_hole_in_the_log_and_the_job_still_ends(jobs: Jobs, tmp_path: Path):
    script = "for _ in range(1000): print('x' * 1000)\nraise SystemExit(3)"
    folder = fake_job(settings_in(tmp_path), argv=python(script))

    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))

    subprocess.run([*job_wrapper.COMMAND, str(folder)], preexec_fn=small_files, check=True, timeout=60)
    job = jobs.get(FAKE_ID)
    assert job.state == "incomplete"
    assert job.log_path.stat().st_size == 2000


# --- keys ---


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_a_key_is_removed_however_it_is_cut_into_pieces(tmp_path: Path, size: int):
    keys = ["sk-abcdefgh", "sk-abcdefgh-longer"]
    text = b"a sk-abcdefgh b sk-abcdefgh-longer c sk-abc"
    log = Log(tmp_path / "log.txt", keys)
    for start_at in range(0, len(text), size):
        log.write(text[start_at : start_at + size])
    log.finish()

    shown = (tmp_path / "log.txt").read_text()
    assert "abcdefgh" not in shown
    assert shown.startswith("a [key] b [key]") and shown.endswith("c sk-abc")


# --- the end of a log, for a page ---


def test_the_tail_shows_what_a_terminal_would(jobs: Jobs):
    script = (
        "import sys\nsys.stdout.buffer.write("
        "b'one\\n\\x1b[31mred\\x1b[0m\\n 10%\\r 50%\\r100%\\r\\n\\xff\\xf0 \\xe2\\x9c\\x93\\n\\n')"
    )
    job = ended(jobs, start(jobs, script))

    assert jobs.log_tail(job.id).split("\n") == ["one", "red", "100%", "\ufffd\ufffd ✓", ""]
    assert jobs.log_tail(job.id, lines=3).split("\n") == ["100%", "\ufffd\ufffd ✓", ""]
    assert jobs.log_tail(job.id, lines=0) == ""


def test_the_sentence_of_a_failure_is_the_last_line_for_people(jobs: Jobs):
    script = (
        """print("Error: no space left; free some."); print('{"status": "failed"}'); raise SystemExit(1)"""
    )
    job = ended(jobs, start(jobs, script))

    assert job.message == "Failed: Error: no space left; free some."


def test_a_job_without_a_word_has_an_empty_log(jobs: Jobs):
    job = ended(jobs, start(jobs, "raise SystemExit(1)"))

    assert jobs.log_tail(job.id) == ""
    assert job.message == "Failed with exit code 1, without a word."


# --- progress ---


def test_outside_a_job_the_reporter_is_silent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    reporter = ProgressReporter.from_environment({})
    reporter.update(stage="x", done=1)
    reporter.flush()

    assert list(tmp_path.iterdir()) == []


def test_progress_is_written_at_most_four_times_a_second_and_the_last_update_always(tmp_path: Path):
    path = tmp_path / "progress.json"
    reporter = ProgressReporter.from_environment({"CHARACTER_PROGRESS": str(path)})
    began = time.monotonic()
    seen: set[int] = set()
    done = 0
    while len(seen) < 3:
        done += 1
        reporter.update(stage="rows", done=done, planned=done)
        seen.add(path.stat().st_mtime_ns)
    elapsed = time.monotonic() - began

    assert len(seen) <= 1 + elapsed * 4
    until(lambda: (now := read_progress(path)) and now.done == done)


def test_an_update_keeps_what_it_does_not_name_and_flush_writes_at_once(tmp_path: Path):
    path = tmp_path / "progress.json"
    reporter = ProgressReporter(path)
    reporter.update(stage="teacher", done=1, planned=10, failed=2, note="slow")
    reporter.update(done=5)
    reporter.flush()

    now = read_progress(path)
    assert now and (now.stage, now.done, now.planned, now.failed, now.note) == ("teacher", 5, 10, 2, "slow")
    assert now.at <= time.time()
    assert [file.name for file in tmp_path.iterdir()] == ["progress.json"]


def test_progress_never_disturbs_the_work(tmp_path: Path):
    reporter = ProgressReporter(tmp_path / "removed" / "progress.json")
    reporter.update(done=1)
    reporter.update(done=2)
    reporter.flush()


def test_the_last_progress_of_a_job_is_there_when_it_ends(jobs: Jobs):
    script = (
        "from core.jobs import ProgressReporter\n"
        "progress = ProgressReporter.from_environment()\n"
        "for done in range(1001): progress.update(stage='rows', done=done, planned=1000)"
    )
    job = ended(jobs, start(jobs, script))

    assert job.progress and job.progress.done == 1000


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b'{"stage": "rows", "do',
        b"null",
        b"[]",
        b"\xff\xfe\x00",
        b"{}",
        json.dumps({"stage": 1, "done": "many", "planned": 2, "failed": 0, "note": "", "at": 0}).encode(),
        b'{"stage": "x", "done": 1e999, "planned": 2, "failed": 0, "note": "", "at": 0}',
        b"[" * 100_000,
    ],
)
def test_a_progress_file_that_makes_no_sense_is_no_progress(tmp_path: Path, content: bytes):
    (tmp_path / "progress.json").write_bytes(content)

    assert read_progress(tmp_path / "progress.json") is None
