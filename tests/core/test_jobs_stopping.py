"""Promises of stopping: nothing is left behind, nobody else's process is touched, losses are seen."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from core import job_wrapper
from core.errors import JobError
from core.jobs import Job, Jobs
from core.settings import Settings
from tests.core.job_kit import (
    FAKE_ID,
    FOREVER,
    ended,
    fake_job,
    is_gone,
    pids_in_log,
    python,
    running,
    said_elsewhere,
    settings_in,
    start,
    until,
    wrapper_of,
)

STUBBORN = (
    "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('deaf', flush=True)\n"
    + FOREVER
)
# A child with a grandchild in its group, and one that went into a session of its own.
FAMILY = f"""
import os, subprocess, sys
deaf = [sys.executable, "-c", {STUBBORN!r}]
near = subprocess.Popen(deaf, stdout=subprocess.DEVNULL)
far = subprocess.Popen(deaf, stdout=subprocess.DEVNULL, start_new_session=True)
print(os.getpid(), near.pid, far.pid, sep=";", end=";", flush=True)
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


@pytest.fixture
def stranger() -> Iterator[subprocess.Popen[bytes]]:
    """A process that belongs to nobody here."""
    with subprocess.Popen(python(FOREVER)) as process:
        yield process
        process.kill()


# --- J3, J6: cancel ---


def test_cancel_ends_the_job_and_says_who_did_it(jobs: Jobs):
    job = running(jobs, start(jobs, FOREVER))

    job = jobs.cancel(job.id)
    assert job.state == "cancelled" and "at your request" in job.message
    assert job.ended_at and is_gone(job.pid or 0)


def test_cancel_lets_a_job_end_by_itself_first_and_is_still_not_done(jobs: Jobs):
    polite = "import signal, sys\nsignal.signal(15, lambda *_: (print('saved'), sys.exit(0)))\n"
    job = running(jobs, start(jobs, polite + "print('up', flush=True)\n" + FOREVER), says="up")

    assert jobs.cancel(job.id).state == "cancelled"
    assert jobs.log_tail(job.id).splitlines() == ["up", "saved"]


def test_a_job_hears_of_a_cancel_once(jobs: Jobs):
    counting = (
        "import signal\nsignal.signal(15, lambda *_: print('heard', flush=True))\nprint('up', flush=True)\n"
    )
    job = running(jobs, start(jobs, counting + FOREVER), says="up")

    jobs.cancel(job.id, grace_s=0.5)
    assert jobs.log_tail(job.id).splitlines() == ["up", "heard"]


def test_cancel_leaves_no_grandchild_even_if_all_of_them_are_deaf(jobs: Jobs):
    job = start(jobs, FAMILY + STUBBORN)
    family = pids_in_log(jobs, job, 3)
    running(jobs, job, says="deaf")

    job = jobs.cancel(job.id, grace_s=0.5)
    assert job.state == "cancelled"
    assert all(is_gone(pid) for pid in family)
    until(lambda: is_gone(wrapper_of(job)))


def test_a_job_that_ends_takes_its_helpers_along(jobs: Jobs):
    job = start(jobs, FAMILY)
    family = pids_in_log(jobs, job, 3)

    assert ended(jobs, job).state == "done"
    assert all(is_gone(pid) for pid in family)


def test_a_server_that_gives_up_the_jobs_name_may_outlive_it(jobs: Jobs):
    script = f"""
import os, subprocess, sys
del os.environ["CHARACTER_JOB"]
quiet = dict(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
print(subprocess.Popen([sys.executable, "-c", {FOREVER!r}], start_new_session=True, **quiet).pid, end=";")
"""
    job = ended(jobs, start(jobs, script))
    [server] = pids_in_log(jobs, job, 1)

    assert job.state == "done" and not is_gone(server)
    os.kill(server, signal.SIGKILL)


def test_cancel_is_idempotent_and_leaves_an_ended_job_as_it_was(jobs: Jobs):
    job = running(jobs, start(jobs, FOREVER))
    first = jobs.cancel(job.id)
    assert jobs.cancel(job.id) == first

    done = ended(jobs, start(jobs, ""))
    assert jobs.cancel(done.id) == done


def test_cancel_from_two_tabs_at_once(jobs: Jobs, settings: Settings):
    job = running(jobs, start(jobs, STUBBORN), says="deaf")
    states: list[str] = []

    def click() -> None:
        states.append(Jobs(settings).cancel(job.id, grace_s=0.3).state)

    threads = [threading.Thread(target=click) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert states == ["cancelled"] * 4


def test_cancel_right_after_start_never_leaves_a_process(jobs: Jobs):
    for _ in range(10):
        job = jobs.cancel(start(jobs, FOREVER).id)

        assert job.state == "cancelled"
        until(lambda folder=job.folder: (folder / "exit.json").exists())
        pid = jobs.get(job.id).pid
        assert pid is None or is_gone(pid)


def test_a_job_cancelled_before_its_supervisor_came_up_never_runs(jobs: Jobs, settings: Settings):
    folder = fake_job(settings)
    assert jobs.get(FAKE_ID).state == "starting"

    assert jobs.cancel(FAKE_ID, grace_s=2).state == "cancelled"
    subprocess.run([*job_wrapper.COMMAND, str(folder)], check=True, timeout=60)
    job = jobs.get(FAKE_ID)
    assert (job.state, job.pid) == ("cancelled", None)


def test_a_job_cancelled_and_forgotten_while_it_starts_leaves_nothing(jobs: Jobs, settings: Settings):
    for _ in range(10):
        job = jobs.cancel(start(jobs, FOREVER).id)
        jobs.forget(job.id)

    assert jobs.list() == []
    until(lambda: not list((settings.data_path / "jobs").iterdir()))


def test_cancel_wakes_a_supervisor_that_was_paused(jobs: Jobs):
    job = running(jobs, start(jobs, FOREVER))
    os.kill(wrapper_of(job), signal.SIGSTOP)

    assert jobs.cancel(job.id).state == "cancelled"


def test_cancel_does_without_a_supervisor_that_no_longer_acts(jobs: Jobs, settings: Settings):
    with subprocess.Popen(python(STUBBORN), stdout=subprocess.PIPE) as deaf:
        assert deaf.stdout and deaf.stdout.readline()
        fake_job(settings, process={**job_wrapper.who_is(deaf.pid), "started_at": time.time()})
        assert jobs.get(FAKE_ID).state == "starting"

        assert jobs.cancel(FAKE_ID, grace_s=0).state == "cancelled"
        assert deaf.wait(timeout=10) == -signal.SIGKILL


def test_the_supervisor_stopped_by_the_system_passes_it_on_and_is_no_cancel(jobs: Jobs):
    job = running(jobs, start(jobs, FOREVER))
    os.kill(wrapper_of(job), signal.SIGTERM)

    assert ended(jobs, job).state == "interrupted"
    assert is_gone(job.pid or 0)


# --- J7: interrupts and kills of the child ---


def test_an_interrupted_worker_saves_its_rows_and_is_resumable(jobs: Jobs):
    script = "try: time.sleep(600)\nexcept KeyboardInterrupt: sys.exit(130)"
    job = running(jobs, start(jobs, "import sys, time\nprint('up', flush=True)\n" + script), says="up")
    os.kill(job.pid or 0, signal.SIGINT)

    job = ended(jobs, job)
    assert (job.state, job.exit_code) == ("interrupted", 130)
    assert "resume" in job.message


# --- J6: a supervisor that is gone ---


def lose_the_wrapper(jobs: Jobs, script: str) -> tuple[Job, list[int]]:
    job = start(jobs, FAMILY + script)
    family = pids_in_log(jobs, job, 3)
    running(jobs, job)
    os.kill(wrapper_of(job), signal.SIGKILL)
    return job, family


def test_a_killed_supervisor_takes_the_job_along_and_the_loss_is_seen(jobs: Jobs):
    job, family = lose_the_wrapper(jobs, STUBBORN)

    job = ended(jobs, job)
    assert job.state == "interrupted" and "without saying why" in job.message
    assert job.ended_at
    until(lambda: all(is_gone(pid) for pid in family))


def test_a_zombie_supervisor_is_not_believed_alive_by_anybody(jobs: Jobs, tmp_path: Path):
    job, family = lose_the_wrapper(jobs, FOREVER)
    # This process has not collected it, so that for the other one it is a zombie.
    look = f"print(jobs.get({job.id!r}).state)"
    until(lambda: said_elsewhere(look, tmp_path) == "interrupted")

    until(lambda: all(is_gone(pid) for pid in family))
    assert jobs.get(job.id).state == "interrupted"


def test_a_job_that_lost_its_supervisor_can_be_resumed(jobs: Jobs):
    job, _ = lose_the_wrapper(jobs, FOREVER)

    assert jobs.resume(ended(jobs, job).id, token="again").active


# --- J2: pids are used again ---


@pytest.mark.parametrize("mark", [{"ticks": 1}, {"ticks": None, "started_at": 1.0}])
def test_a_process_that_only_shares_the_pid_is_never_signalled(
    jobs: Jobs, settings: Settings, stranger: subprocess.Popen[bytes], mark: dict[str, float]
):
    other = {"pid": stranger.pid, "started_at": time.time()} | mark
    fake_job(settings, process={**other, "child": other})

    assert jobs.get(FAKE_ID).state == "interrupted"
    assert jobs.cancel(FAKE_ID, grace_s=0).state == "interrupted"
    assert [job.state for job in jobs.list()] == ["interrupted"]
    assert stranger.poll() is None and not is_gone(stranger.pid)


def test_without_proc_the_start_time_tells_the_process(
    jobs: Jobs, settings: Settings, stranger: subprocess.Popen[bytes]
):
    process = {"pid": stranger.pid, "ticks": None, "started_at": time.time()}
    fake_job(settings, process={**process, "child": process})

    assert jobs.get(FAKE_ID).state == "running"
    stranger.kill()
    assert ended(jobs, jobs.get(FAKE_ID)).state == "interrupted"


# --- J8: the computer restarted ---


def test_after_a_reboot_a_running_job_is_interrupted_and_nothing_is_signalled(
    jobs: Jobs, stranger: subprocess.Popen[bytes], settings: Settings
):
    process = {**job_wrapper.who_is(stranger.pid), "started_at": time.time(), "boot": "another boot"}
    fake_job(settings, process={**process, "child": process}, boot="another boot")

    job = jobs.get(FAKE_ID)
    assert job.state == "interrupted" and "restarted" in job.message
    assert jobs.cancel(FAKE_ID) == job
    assert stranger.poll() is None


def test_a_job_whose_starter_died_before_its_supervisor_is_interrupted(jobs: Jobs, settings: Settings):
    folder = fake_job(settings, boot="another boot")
    assert jobs.get(FAKE_ID).state == "interrupted"

    asked = json.loads((folder / "job.json").read_text()) | {"boot": job_wrapper.boot_id()}
    (folder / "job.json").write_text(json.dumps(asked))
    assert jobs.get(FAKE_ID).state == "starting"
    an_hour_ago = time.time() - 3600
    for path in (folder / "job.json", folder):
        os.utime(path, (an_hour_ago, an_hour_ago))
    job = jobs.get(FAKE_ID)
    assert job.state == "interrupted" and "never started" in job.message
    with pytest.raises(JobError, match="nothing to resume"):
        jobs.resume(ended(jobs, start(jobs, "")).id, token="")
