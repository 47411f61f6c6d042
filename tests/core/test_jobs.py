"""Promises of the job supervisor: one job a click, adopted by whoever comes next, never lost."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.errors import JobError
from core.jobs import Job, Jobs
from core.settings import Settings, load_settings
from tests.core.job_kit import (
    CANARY,
    FAKE_ID,
    FOREVER,
    elsewhere,
    ended,
    fake_job,
    is_gone,
    python,
    running,
    said_elsewhere,
    settings_in,
    start,
    until,
)

WAIT_FOR_GO = """
import sys
from core.jobs import ProgressReporter
from pathlib import Path
import time
progress = ProgressReporter.from_environment()
progress.update(stage="teacher", done=3, planned=9)
while not Path(sys.argv[1]).exists(): time.sleep(0.01)
progress.update(done=9)
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_in(tmp_path)


@pytest.fixture
def jobs(settings: Settings) -> Iterator[Jobs]:
    jobs = Jobs(settings)
    yield jobs
    for job in jobs.list(active_only=True):
        jobs.cancel(job.id, grace_s=0)


# --- starting and ending ---


def test_a_job_runs_to_its_end_and_says_so(jobs: Jobs):
    job = start(jobs, "print('ahoy')", title="Say ahoy")

    assert job.active and job.message == "" and job.argv[2] == "print('ahoy')"
    job = ended(jobs, job)
    assert (job.state, job.exit_code, job.title, job.verb) == ("done", 0, "Say ahoy", "test")
    assert job.message == "Finished."
    assert job.ended_at and job.ended_at >= job.started
    assert jobs.log_tail(job.id) == "ahoy"


@pytest.mark.parametrize(
    ("script", "state", "says"),
    [
        ("raise SystemExit(3)", "incomplete", "resume"),
        ("raise SystemExit('pirate.json is missing; make it first.')", "failed", "pirate.json is missing"),
        ("raise SystemExit(2)", "failed", "exit code 2"),
        ("raise SystemExit(130)", "interrupted", "resume"),
        ("raise SystemExit(137)", "interrupted", "out of memory?"),
        ("import os; os.kill(os.getpid(), 9)", "interrupted", "out of memory?"),
        ("import os; os.kill(os.getpid(), 15)", "interrupted", "Interrupted"),
        ("import os; os.kill(os.getpid(), 11)", "failed", "SIGSEGV"),
        ("import os; os._exit(77)", "failed", "77"),
    ],
)
def test_each_way_to_end_has_its_state_and_its_sentence(jobs: Jobs, script: str, state: str, says: str):
    job = ended(jobs, start(jobs, script))

    assert job.state == state
    assert says in job.message


def test_a_program_that_does_not_exist_fails_with_a_sentence(jobs: Jobs):
    job = jobs.start(["no-such-program", "--x"], verb="test", title="Nothing", token="")

    job = ended(jobs, job)
    assert job.state == "failed"
    assert "no-such-program: no such file or directory" in job.message


def test_a_command_that_cannot_be_one_is_refused_before_anything_is_written(jobs: Jobs, settings: Settings):
    for argv in ([], [""], ["echo", "a\0b"]):
        with pytest.raises(JobError, match="A job needs a command"):
            jobs.start(argv, verb="test", title="Nothing", token="")
    assert not settings.data_path.exists()


def test_the_job_runs_where_it_was_started_with_the_paths_of_the_settings(
    jobs: Jobs, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    names = "['DATA_PATH', 'CHARACTER_JOB', 'CHARACTER_PROGRESS']"
    job = start(jobs, f"import os; print(os.getcwd(), *[os.environ[name] for name in {names}])")

    job = ended(jobs, job)
    words = [tmp_path, settings.data_path, job.id, job.folder / "progress.json"]
    assert jobs.log_tail(job.id).split() == [str(word) for word in words]


def test_a_job_reads_nothing_and_has_no_terminal(jobs: Jobs):
    job = ended(jobs, start(jobs, "import sys; print(repr(sys.stdin.read()), sys.stdout.isatty())"))

    assert jobs.log_tail(job.id) == "'' False"


def test_a_data_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path):
    (tmp_path / "data").write_text("a file where the folder should be")
    jobs = Jobs(settings_in(tmp_path))

    assert jobs.list() == []
    with pytest.raises(JobError, match=r"Could not write to .*Choose another DATA_PATH"):
        start(jobs, "")


def test_an_unknown_job_is_one_sentence(jobs: Jobs):
    for job_id in (FAKE_ID, "", "../../etc", "x" * 500):
        for act in (jobs.get, jobs.cancel, jobs.log_tail, jobs.forget):
            with pytest.raises(JobError, match="There is no job"):
                act(job_id)


# --- J1: the app may die ---


def test_a_job_outlives_the_process_that_started_it_and_is_adopted(tmp_path: Path, jobs: Jobs):
    go = tmp_path / "go"
    script = (
        f"job = jobs.start(python({WAIT_FOR_GO!r}, {str(go)!r}), verb='test', title='Long', token='one')\n"
    )
    app = elsewhere(
        script + "print(job.id, flush=True)\nsys.stdin.read()\nimport time; time.sleep(600)", tmp_path
    )
    assert app.stdout
    job_id = app.stdout.readline().strip()
    until(lambda: jobs.get(job_id).progress)
    app.kill()
    app.communicate()

    job = jobs.get(job_id)
    assert job.state == "running" and job.progress
    assert (job.progress.stage, job.progress.done, job.progress.planned) == ("teacher", 3, 9)
    look = "print([(job.state, job.progress.done) for job in jobs.list(active_only=True)])"
    assert said_elsewhere(look, tmp_path) == "[('running', 3)]"
    again = start(jobs, WAIT_FOR_GO, str(go), token="one")
    assert again.id == job_id

    go.touch()
    job = ended(jobs, job)
    assert job.state == "done" and job.progress and job.progress.done == 9
    assert len(jobs.list()) == 1


# --- J4: one job a click ---


def test_one_click_starts_one_process_from_eight_threads(jobs: Jobs, settings: Settings, tmp_path: Path):
    append = f"open({str(tmp_path / 'ran')!r}, 'a').write('x')"
    barrier = threading.Barrier(8)
    found: list[Job] = []

    def click() -> None:
        barrier.wait()
        found.append(start(Jobs(settings), append, token="click-1"))

    threads = [threading.Thread(target=click) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len({job.id for job in found}) == 1 and len(found) == 8
    assert ended(jobs, found[0]).state == "done"
    assert (tmp_path / "ran").read_text() == "x"
    assert len(list((settings.data_path / "jobs").iterdir())) == 1


def test_one_click_starts_one_process_from_two_processes(jobs: Jobs, tmp_path: Path):
    append = f"open({str(tmp_path / 'ran')!r}, 'a').write('x')"
    script = (
        f"import os; Path({str(tmp_path)!r}, f'ready{{os.getpid()}}').touch()\n"
        f"while not Path({str(tmp_path / 'go')!r}).exists(): pass\n"
        f"print(jobs.start(python({append!r}), verb='test', title='Once', token='click-1').id)"
    )
    tabs = [elsewhere(script, tmp_path) for _ in range(2)]
    until(lambda: len(list(tmp_path.glob("ready*"))) == 2)
    (tmp_path / "go").touch()
    ids = {tab.communicate(timeout=60)[0].strip() for tab in tabs}

    assert len(ids) == 1
    assert ended(jobs, jobs.get(ids.pop())).state == "done"
    assert (tmp_path / "ran").read_text() == "x"


def test_an_empty_token_always_starts_a_new_job(jobs: Jobs):
    first, second = start(jobs, ""), start(jobs, "")

    assert first.id != second.id
    assert [job.id for job in jobs.list()] == [second.id, first.id]


def test_a_finished_job_still_answers_for_its_token(jobs: Jobs):
    job = ended(jobs, start(jobs, "", token="click"))

    assert start(jobs, "", token="click") == job


# --- resuming and forgetting ---


def test_resume_runs_the_same_command_as_a_new_job_linked_to_the_old_one(jobs: Jobs):
    page = {"view": "data"}
    argv = python("raise SystemExit(3)")
    old = ended(jobs, jobs.start(argv, verb="teacher", title="T", subject="run-1", token="a", page=page))

    new = jobs.resume(old.id, token="b")
    assert new.id != old.id and new.resumes == old.id
    assert (new.argv, new.verb, new.subject, new.page) == (old.argv, "teacher", "run-1", page)
    assert jobs.resume(old.id, token="b").id == new.id
    assert ended(jobs, new).state == "incomplete"


def test_resuming_a_job_that_began_anew_goes_on_instead_of_beginning_anew_again(jobs: Jobs):
    argv = [*python("raise SystemExit(3)"), "--again"]
    old = ended(jobs, jobs.start(argv, verb="train", title="T", token="a"))
    new = ended(jobs, jobs.resume(old.id, token="b"))
    assert old.argv[-1] == "--again" and new.argv == old.argv[:-1]


def test_resuming_from_two_tabs_runs_one_copy(jobs: Jobs, tmp_path: Path):
    script = (
        "import sys, os, time\nif not os.path.exists(sys.argv[1]): open(sys.argv[1], 'x'); sys.exit(3)\n"
    )
    old = ended(jobs, start(jobs, script + FOREVER, str(tmp_path / "second time")))

    first = jobs.resume(old.id, token="tab 1")
    assert jobs.resume(old.id, token="tab 2").id == first.id


def test_a_running_or_finished_job_is_not_resumed(jobs: Jobs):
    with pytest.raises(JobError, match="still running"):
        jobs.resume(start(jobs, FOREVER).id, token="")
    with pytest.raises(JobError, match="nothing to resume"):
        jobs.resume(ended(jobs, start(jobs, "")).id, token="")


def test_a_forgotten_job_is_gone_with_its_folder_and_frees_its_token(jobs: Jobs):
    job = start(jobs, FOREVER, token="click")
    with pytest.raises(JobError, match="still running"):
        jobs.forget(job.id)
    jobs.cancel(job.id)

    jobs.forget(job.id)
    assert jobs.list() == [] and not job.folder.exists()
    assert ended(jobs, start(jobs, "", token="click")).id != job.id


def test_a_folder_removed_by_hand_leaves_neither_a_job_nor_a_token(jobs: Jobs):
    job = ended(jobs, start(jobs, "", token="click"))
    shutil.rmtree(job.folder)

    assert ended(jobs, start(jobs, "", token="click")).state == "done"
    assert job.id not in [left.id for left in jobs.list()]


def test_the_list_is_limited_and_can_leave_out_what_has_ended(jobs: Jobs):
    ended(jobs, start(jobs, ""))
    busy = start(jobs, FOREVER)

    assert [job.id for job in jobs.list(limit=1)] == [busy.id]
    assert [job.id for job in jobs.list(active_only=True)] == [busy.id]
    jobs.cancel(busy.id)
    assert jobs.list(active_only=True) == []


# --- the table is derived ---


def test_a_deleted_table_is_made_again_from_the_folders(jobs: Jobs, settings: Settings):
    old, busy = ended(jobs, start(jobs, "", token="a")), running(jobs, start(jobs, FOREVER, token="b"))
    for file in settings.data_path.glob("jobs.sqlite*"):
        file.unlink()

    assert [(job.id, job.state) for job in jobs.list()] == [(busy.id, "running"), (old.id, "done")]
    assert start(jobs, FOREVER, token="b").id == busy.id


@pytest.mark.parametrize("damage", [b"not a database, " * 4096, b"", b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_damaged_table_is_made_again_from_the_folders(jobs: Jobs, settings: Settings, damage: bytes):
    job = ended(jobs, start(jobs, "", token="a"))
    for file in settings.data_path.glob("jobs.sqlite-*"):
        file.unlink()
    (settings.data_path / "jobs.sqlite").write_bytes(damage)

    assert start(jobs, "", token="a").id == job.id
    assert [left.id for left in jobs.list()] == [job.id]


def test_a_locked_table_is_one_sentence_not_a_traceback(
    jobs: Jobs, settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    ended(jobs, start(jobs, ""))
    monkeypatch.setattr("core.jobs.table.BUSY_S", 0.1)
    with sqlite3.connect(settings.data_path / "jobs.sqlite", isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(JobError, match="locked"):
            start(jobs, "")
        other.execute("ROLLBACK")
    other.close()
    assert len(list((settings.data_path / "jobs").iterdir())) == 1


def test_a_damaged_job_does_not_hide_the_others(jobs: Jobs, settings: Settings):
    good = ended(jobs, start(jobs, ""))
    bad = ended(jobs, start(jobs, ""))
    for damage in ("{", "[]", '{"verb": 1}', "[" * 100_000):
        (bad.folder / "job.json").write_text(damage)
        assert [job.id for job in jobs.list()] == [good.id]


def test_damaged_files_of_a_job_never_raise(jobs: Jobs, settings: Settings):
    folder = fake_job(settings, started=0)
    for name in ("process.json", "exit.json", "progress.json", "cancel.json"):
        for damage in (b"", b"{", b"null", b"[1]", b"\xff\xfe", b"{}", b'{"pid": "x"}', b'"text"'):
            (folder / name).write_bytes(damage)
            assert [job.id for job in jobs.list()] == [FAKE_ID]
            (folder / name).unlink()


# --- secrets ---


def test_no_key_reaches_a_file_of_the_job_or_the_table_or_the_process_list(jobs: Jobs, settings: Settings):
    script = (
        "import os, sys, time\n"
        "key = os.environ['OPENAI_API_KEY']\n"
        "print('the key is', key, flush=True)\n"
        "os.write(1, key[:9].encode()); time.sleep(0.2); os.write(2, key[9:].encode() + b'\\n')\n"
        "for pid in filter(str.isdigit, os.listdir('/proc') if os.path.exists('/proc') else []):\n"
        "    try: assert key.encode() not in open(f'/proc/{pid}/cmdline', 'rb').read()\n"
        "    except OSError: pass\n"
        "print('end', [name for name in os.environ if 'SECRET' in name])\n"
    )
    job = ended(jobs, start(jobs, script))

    assert jobs.log_tail(job.id).splitlines() == ["the key is [key]", "[key]", "end []"]
    files = [file for file in settings.data_path.rglob("*") if file.is_file()]
    assert len(files) >= 5
    for file in files:
        assert CANARY.encode() not in file.read_bytes(), file
        assert CANARY[:12].encode() not in file.read_bytes(), file


def test_a_command_that_carries_a_key_is_refused(jobs: Jobs, settings: Settings):
    with pytest.raises(JobError, match="A key must not be part of a command"):
        jobs.start(["curl", f"--key={CANARY}"], verb="test", title="Leak", token="")
    with pytest.raises(JobError, match="A key must not be part of a command"):
        jobs.start(["true"], verb="test", title="Leak", token="", page={"x": CANARY})
    assert not settings.data_path.exists()


def test_only_the_owner_can_read_a_job(jobs: Jobs, settings: Settings):
    old = os.umask(0o022)
    try:
        job = start(jobs, WAIT_FOR_GO, os.devnull)
        jobs.cancel(ended(jobs, job).id)
    finally:
        os.umask(old)

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in job.folder.iterdir()}
    assert modes.keys() >= {"job.json", "process.json", "progress.json", "log.txt", "exit.json"}
    assert set(modes.values()) == {0o600}
    assert (
        stat.S_IMODE(job.folder.stat().st_mode) == stat.S_IMODE(job.folder.parent.stat().st_mode) == 0o700
    )
    for file in settings.data_path.glob("jobs.*"):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file


def test_the_environment_of_this_process_does_not_leak_into_a_job(tmp_path: Path):
    jobs = Jobs(load_settings({"PATH": os.environ["PATH"]}, folder=tmp_path, data=tmp_path / "data"))
    job = ended(jobs, start(jobs, "import os, json; print(json.dumps(sorted(os.environ)))"))

    names = json.loads(jobs.log_tail(job.id))
    assert "PYTEST_CURRENT_TEST" not in names and "OPENAI_API_KEY" not in names
    assert is_gone(job.pid or 0)
