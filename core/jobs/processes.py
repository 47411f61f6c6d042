"""The process table: start the wrapper, tell whether it lives, and end what a job left behind.

A pid alone proves nothing, because systems use numbers again. A process is the recorded one when its
start matches too, and it belongs to a job when its environment names the job. Others get no signal.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil

from core import job_wrapper

START_TOLERANCE_S = 10.0

# Wrappers started here, so that an ended one is collected and does not stay a zombie.
_started_here: dict[str, subprocess.Popen[bytes]] = {}


def start_wrapper(folder: Path, environment: Mapping[str, str]) -> None:
    """Start the process that runs a job folder and that outlives this one. Raises OSError."""
    collect_ended()
    _started_here[folder.name] = subprocess.Popen(
        [*job_wrapper.COMMAND, str(folder)],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def collect_ended() -> None:
    """Let the system forget wrappers of this process that have ended."""
    for wrapper in list(_started_here.values()):
        wrapper.poll()


def wrapper_is_gone(job_id: str) -> bool:
    """Whether this process started the job's wrapper and it has ended; false where another did."""
    wrapper = _started_here.get(job_id)
    return wrapper is not None and wrapper.poll() is not None


def is_alive(who: Mapping[str, Any] | None, *, since: float) -> bool:
    """Whether the process that process.json names still runs; `since` is when it began, roughly."""
    if not who:
        return False
    stat = job_wrapper.process_stat(who["pid"])
    if who["ticks"] is not None:
        return stat is not None and stat.state not in "ZX" and stat.ticks == who["ticks"]
    try:
        process = psutil.Process(who["pid"])
        close = abs(process.create_time() - since) <= START_TOLERANCE_S
        return close and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def is_this_boot(boot: str) -> bool:
    """Whether the computer has run on since `boot` was recorded; unknown ids count as the same."""
    now = job_wrapper.boot_id()
    return not (boot and now) or boot == now


def send(who: Mapping[str, Any] | None, number: int, *, since: float) -> None:
    """Signal the process that process.json names, if it is still that one."""
    if who and is_alive(who, since=since):
        with contextlib.suppress(OSError):
            os.kill(who["pid"], number)


def kill_remains(job_id: str, who: Mapping[str, Any]) -> None:
    """Kill the child's group and every process that the job started, but not the wrapper."""
    if is_alive(who["child"], since=who["started_at"]):
        with contextlib.suppress(OSError):
            os.killpg(who["child"]["pid"], signal.SIGKILL)
    for process in _members(job_id):
        if process.pid not in (who["pid"], os.getpid()):
            with contextlib.suppress(psutil.Error):
                process.kill()


def _members(job_id: str) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get(job_wrapper.JOB_VARIABLE) == job_id:
                yield process
