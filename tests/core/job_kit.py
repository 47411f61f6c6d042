"""What the job tests share: real processes in a folder of their own, and waiting with a deadline."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import psutil

from core.job_wrapper import boot_id
from core.jobs import Job, Jobs
from core.settings import PROJECT, Settings, load_settings

T = TypeVar("T")

CANARY = "sk-canary-5f0e7d1c9b3a"
FAKE_ID = "20260101-000000-abcd"
FOREVER = "import time\nwhile True: time.sleep(60)"


def settings_in(folder: Path) -> Settings:
    """Settings whose data lies in `folder`, with a key that no file may ever show."""
    environment = {"PATH": os.environ["PATH"], "OPENAI_API_KEY": CANARY}
    return load_settings(environment, folder=folder, data=folder / "data")


def python(script: str, *words: str) -> list[str]:
    """The argv of a small Python program."""
    return [sys.executable, "-c", script, *words]


def start(jobs: Jobs, script: str, *words: str, token: str = "", title: str = "A test") -> Job:
    """A job that runs a small Python program."""
    return jobs.start(python(script, *words), verb="test", title=title, token=token)


def until(look: Callable[[], T], *, within_s: float = 30.0) -> T:
    """The first true value of `look`; fails when there is none in time."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if value := look():
            return value
        time.sleep(0.01)
    raise AssertionError(f"not within {within_s} seconds")


def ended(jobs: Jobs, job: Job) -> Job:
    """The job after its end."""
    until(lambda: not jobs.get(job.id).active)
    return jobs.get(job.id)


def running(jobs: Jobs, job: Job, says: str = "") -> Job:
    """The job once it runs and has printed `says`."""
    until(lambda: jobs.get(job.id).state == "running" and says in jobs.log_tail(job.id))
    return jobs.get(job.id)


def pids_in_log(jobs: Jobs, job: Job, count: int) -> list[int]:
    """The numbers that the job printed, once there are `count` of them, each ended by a semicolon."""
    text = until(lambda: log if (log := jobs.log_tail(job.id)).count(";") == count else "")
    return [int(word) for word in text.split(";")[:count]]


def is_gone(pid: int) -> bool:
    """Whether no process of that pid runs; a zombie does not run."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def wrapper_of(job: Job) -> int:
    """The pid of the process that supervises the job."""
    return json.loads((job.folder / "process.json").read_text())["pid"]


def fake_job(settings: Settings, *, process: dict[str, Any] | None = None, **changes: Any) -> Path:
    """A job folder as another process would have left it; nothing of it runs."""
    folder = settings.data_path / "jobs" / FAKE_ID
    folder.mkdir(parents=True)
    asked = {"verb": "test", "title": "A fake", "subject": "", "argv": python(FOREVER), "page": {}}
    asked |= {"cwd": "/", "resumes": None, "token": "", "started": time.time(), "boot": boot_id()}
    (folder / "job.json").write_text(json.dumps(asked | changes))
    if process:
        (folder / "process.json").write_text(json.dumps({"boot": boot_id(), "child": None} | process))
    return folder


def elsewhere(script: str, folder: Path) -> subprocess.Popen[str]:
    """Another process with `jobs` for the same data, `python`, and a script to run."""
    preamble = (
        "import sys\nfrom pathlib import Path\n"
        "from core.jobs import Jobs\nfrom tests.core.job_kit import python, settings_in\n"
        f"jobs = Jobs(settings_in(Path({str(folder)!r})))\n"
    )
    return subprocess.Popen(python(preamble + script), cwd=PROJECT, stdout=subprocess.PIPE, text=True)


def said_elsewhere(script: str, folder: Path) -> str:
    """What such a process printed until its end."""
    with elsewhere(script, folder) as process:
        return process.communicate(timeout=60)[0].strip()
