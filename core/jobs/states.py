"""A job folder read into a `Job`: exit.json first, then whether its wrapper still lives."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from core.errors import RunError
from core.job_wrapper import Json, cancel_grace
from core.jobs.job import Job, JobState
from core.jobs.logs import last_words
from core.jobs.processes import is_alive, is_this_boot, wrapper_is_gone
from core.jobs.progress import read_progress
from core.store.jsonl import read_json

START_LIMIT_S = 30.0
CANCEL_LIMIT_S = 2.0

Shape = Mapping[str, tuple[type, ...]]
NOTHING = type(None)
PROCESS = {
    "pid": (int,),
    "ticks": (int, NOTHING),
    "started_at": (float, int),
    "boot": (str,),
    "child": (dict, NOTHING),
}
EXIT = {
    "code": (int, NOTHING),
    "signal": (int, NOTHING),
    "cancelled": (bool,),
    "ended_at": (float, int),
    "error": (str,),
}

DONE = "Finished."
INCOMPLETE = "Some rows failed; resume to ask for them again."
CANCELLED = "Stopped at your request; resume to go on."
INTERRUPTED = "Interrupted; resume to go on."
KILLED = (
    "The system killed it (out of memory?); close other programs or choose a smaller model, then resume."
)
LOST = "It stopped without saying why (killed, or out of memory?); resume to go on."
REBOOTED = "The computer restarted while it ran; resume to go on."
NEVER_BEGAN = "It was never started; resume to start it."

# Shells report a child killed by signal N as exit code 128 + N.
SHELL_SIGNALS = {128 + number: number for number in (1, 2, 9, 15)}
STOPPING_SIGNALS = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Where a job stands."""

    state: JobState
    message: str = ""
    exit_code: int | None = None
    ended_at: float | None = None


def read_job(folder: Path) -> Job | None:
    """The job of a folder, or None when the folder has no readable job.json."""
    asked = read_quietly(folder / "job.json")
    try:
        return _job(folder, asked) if asked else None
    except (KeyError, TypeError, ValueError, OSError):
        return None


def _job(folder: Path, asked: Json) -> Job:
    outcome = find_outcome(folder, asked)
    process = read_process(folder)
    child = process["child"] if process else None
    return Job(
        id=folder.name,
        verb=asked["verb"],
        title=asked["title"],
        subject=asked["subject"],
        argv=tuple(asked["argv"]),
        state=outcome.state,
        pid=child["pid"] if child else None,
        started=float(asked["started"]),
        ended_at=outcome.ended_at,
        exit_code=outcome.exit_code,
        progress=read_progress(folder / "progress.json"),
        resumes=asked["resumes"],
        page=dict(asked["page"]),
        folder=folder,
        message=outcome.message,
    )


def read_quietly(path: Path, shape: Shape | None = None) -> Json | None:
    """The object of a JSON file, or None when it is missing, damaged or not of the shape."""
    try:
        value = read_json(path)
    except (RunError, OSError, RecursionError):
        return None
    if not isinstance(value, dict):
        return None
    found = cast(Json, value)
    fits = all(name in found and isinstance(found[name], kinds) for name, kinds in (shape or {}).items())
    return found if fits else None


def read_process(folder: Path) -> Json | None:
    """Who runs the job, or None before its wrapper has come up."""
    process = read_quietly(folder / "process.json", PROCESS)
    child = process and process["child"]
    return process if not child or ("ticks" in child and isinstance(child.get("pid"), int)) else None


def read_exit(folder: Path) -> Json | None:
    """How the job ended, or None while nobody has written that."""
    return read_quietly(folder / "exit.json", EXIT)


def find_outcome(folder: Path, asked: Json) -> Outcome:
    """Where the job of a folder stands now."""
    # The order matters: a wrapper writes process.json, then looks for a cancel, writes exit.json and
    # goes. Looking in the opposite order, this cannot take a late file for a missing one.
    gone = wrapper_is_gone(folder.name)
    cancelled = cancel_grace(folder) is not None
    process = read_process(folder)
    if end := read_exit(folder):
        return _ended(folder, end)
    if process is None:
        return _not_begun(folder, asked, cancelled, gone)
    if is_this_boot(process["boot"]) and is_alive(process, since=process["started_at"]):
        return Outcome("running" if process["child"] else "starting")
    # It may have written its exit and gone between the two looks.
    if end := read_exit(folder):
        return _ended(folder, end)
    return _lost(folder, process["boot"], cancelled)


def _not_begun(folder: Path, asked: Json, cancelled: bool, gone: bool) -> Outcome:
    """A wrapper on its way obeys a cancel when it comes up, so it is given the time to say so."""
    waited_s = time.time() - _last_sign(folder)
    over = gone or waited_s > START_LIMIT_S or not is_this_boot(asked["boot"])
    if cancelled and (over or waited_s > CANCEL_LIMIT_S):
        return Outcome("cancelled", CANCELLED, ended_at=_last_sign(folder))
    if over:
        return Outcome("interrupted", NEVER_BEGAN, ended_at=_last_sign(folder))
    return Outcome("starting")


def _lost(folder: Path, boot: str, cancelled: bool) -> Outcome:
    ended_at = _last_sign(folder)
    if cancelled:
        return Outcome("cancelled", CANCELLED, ended_at=ended_at)
    return Outcome("interrupted", LOST if is_this_boot(boot) else REBOOTED, ended_at=ended_at)


def _last_sign(folder: Path) -> float:
    """When a file of the folder was last written: the best guess at when a lost job ended."""
    times = [folder.stat().st_mtime]
    for file in folder.iterdir():
        with contextlib.suppress(FileNotFoundError):  # a file that was being replaced
            times.append(file.stat().st_mtime)
    return max(times)


def _ended(folder: Path, end: Json) -> Outcome:
    code, ended_at = end["code"], end["ended_at"]
    state, message = _verdict(folder, end)
    return Outcome(state, message, exit_code=code, ended_at=ended_at)


def _verdict(folder: Path, end: Json) -> tuple[JobState, str]:
    code, number = end["code"], end["signal"] or SHELL_SIGNALS.get(end["code"])
    if end["cancelled"]:
        return "cancelled", CANCELLED
    if end["error"]:
        return "failed", f"Could not be run ({end['error']}); check that it is installed, then resume."
    if number:
        return _killed(number)
    if code == 0:
        return "done", DONE
    if code == 3:
        return "incomplete", INCOMPLETE
    words = last_words(folder / "log.txt")
    return "failed", f"Failed: {words}" if words else f"Failed with exit code {code}, without a word."


def _killed(number: int) -> tuple[JobState, str]:
    if number == signal.SIGKILL:
        return "interrupted", KILLED
    if number in STOPPING_SIGNALS:
        return "interrupted", INTERRUPTED
    name = signal.Signals(number).name if number in signal.valid_signals() else f"signal {number}"
    return "failed", f"It crashed ({name}); the end of its log may say why."
