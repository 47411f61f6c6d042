"""The small process around every job: it outlives the app, bounds the log and writes how the job ended.

It runs the argv of the folder's job.json in a process group of its own and writes beside it, each
readable by nobody else:

process.json  {"pid": 812, "ticks": 5120, "started_at": 1795392902.1, "boot": "0c6e…",
               "child": {"pid": 813, "ticks": 5123}}
log.txt       what the job printed, keys removed: the first 1 MB and at least the last 4 MB
exit.json     {"code": 0, "signal": null, "cancelled": false, "ended_at": 1795392960.4, "error": ""}

When the job ends, all that it started ends: its process group, and every process that inherited
CHARACTER_JOB. A server that must outlive its job is started in its own session without that variable.
Standard library only, so that it starts in a blink; `COMMAND` is how.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

from core.job_log import Log

# Isolated, and without the site-packages that would take longer to find than the rest to run.
BOOT = "import sys; sys.path.append(sys.argv[1]); from core.job_wrapper import main; main(sys.argv[2])"
COMMAND = (sys.executable, "-I", "-S", "-c", BOOT, str(Path(__file__).parents[1]))
CHUNK = 1 << 16
GRACE_S = 5.0
LEFTOVER_GRACE_S = 2.0
DRAIN_S = 1.0
LOOK_AGAIN_S = 0.05
JOB_VARIABLE = "CHARACTER_JOB"
SECRETS_VARIABLE = "CHARACTER_JOB_SECRETS"
PROC = Path("/proc")

Json = dict[str, Any]


class Stat(NamedTuple):
    """What Linux says of a process. `ticks` is its start since boot: no clock change moves it."""

    state: str
    group: int
    ticks: int


def process_stat(pid: int) -> Stat | None:
    """The process's entry in /proc, or None when there is no such process or no /proc."""
    try:
        text = (PROC / str(pid) / "stat").read_text(errors="replace")
        # The program's name may hold spaces and parentheses; the fields start after the last one.
        fields = text[text.rindex(")") + 2 :].split()
    except (OSError, ValueError):
        return None
    return Stat(fields[0], int(fields[2]), int(fields[19]))


def boot_id() -> str:
    """The id of this start of the computer, or "" where the system has none."""
    try:
        return (PROC / "sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def who_is(pid: int) -> dict[str, int | None]:
    """A process as process.json names it, so that a later process with the same pid is not taken for it."""
    stat = process_stat(pid)
    return {"pid": pid, "ticks": stat.ticks if stat else None}


def targets(group: int, job_id: str) -> list[int]:
    """What `os.kill` must be given to reach all that is left of a job: the group as -group, and strays."""
    if not (PROC / "self/stat").exists():
        return [-group] if _answers(-group) else []
    mark = f"{JOB_VARIABLE}={job_id}".encode()
    found: set[int] = set()
    for pid, stat in _live_processes():
        if stat.group == group:
            found.add(-group)
        elif mark in _environment_of(pid):
            found.add(pid)
    return sorted(found)


def _answers(target: int) -> bool:
    try:
        os.kill(target, 0)
    except OSError:
        return False
    return True


def _live_processes() -> Iterator[tuple[int, Stat]]:
    for name in os.listdir(PROC):
        if not name.isdigit() or int(name) == os.getpid():
            continue
        stat = process_stat(int(name))
        if stat and stat.state not in "ZX":
            yield int(name), stat


def _environment_of(pid: int) -> list[bytes]:
    try:
        return (PROC / str(pid) / "environ").read_bytes().split(b"\0")
    except OSError:
        return []


class Watch:
    """Feeds the log until the child has ended and nothing that it started is left."""

    def __init__(self, folder: Path, child: subprocess.Popen[bytes], ears: int, log: Log) -> None:
        self._folder = folder
        self._child = child
        self._ears = ears
        self._log = log
        self._kill_at: float | None = None
        self._cancelled = False
        self._selector = selectors.DefaultSelector()
        self._selector.register(ears, selectors.EVENT_READ)
        self._pipe_open = child.stdout is not None
        if child.stdout:
            self._selector.register(child.stdout.fileno(), selectors.EVENT_READ)

    def run(self) -> Json:
        """Wait for the end and return it, worded for exit.json."""
        while not _has_ended(self._child):
            self._turn()
        cancelled = self._cancelled
        self._clear_leftovers()
        drained_by = time.monotonic() + DRAIN_S
        while self._pipe_open and time.monotonic() < drained_by:
            self._turn(LOOK_AGAIN_S)
        self._log.finish()
        code = self._child.wait()
        return ending(code if code >= 0 else None, by=-code if code < 0 else None, cancelled=cancelled)

    def _clear_leftovers(self) -> None:
        """End what the child left running; the unreaped child keeps the group's number from reuse."""
        if targets(self._child.pid, self._folder.name) and self._kill_at is None:
            self._stop(signal.SIGTERM, LEFTOVER_GRACE_S)
        while targets(self._child.pid, self._folder.name):
            self._turn(LOOK_AGAIN_S)

    def _turn(self, timeout_s: float | None = None) -> None:
        if self._kill_at is not None:
            timeout_s = LOOK_AGAIN_S
        for key, _ in self._selector.select(timeout_s):
            self._hear() if key.fd == self._ears else self._feed(key.fd)
        if self._kill_at is not None and time.monotonic() >= self._kill_at:
            self._send(signal.SIGKILL)

    def _feed(self, pipe: int) -> None:
        data = os.read(pipe, CHUNK)
        if data:
            self._log.write(data)
        else:
            self._selector.unregister(pipe)
            self._pipe_open = False

    def _hear(self) -> None:
        for number in os.read(self._ears, CHUNK):
            if number != signal.SIGCHLD and not _has_ended(self._child):
                grace_s = cancel_grace(self._folder)
                self._cancelled = self._cancelled or grace_s is not None
                self._stop(number, GRACE_S if grace_s is None else grace_s)

    def _stop(self, number: int, grace_s: float) -> None:
        if self._kill_at is None:
            self._kill_at = time.monotonic() + grace_s
            self._send(number)

    def _send(self, number: int) -> None:
        for target in targets(self._child.pid, self._folder.name):
            with contextlib.suppress(OSError):
                os.kill(target, number)


def _has_ended(child: subprocess.Popen[bytes]) -> bool:
    if not hasattr(os, "waitid"):
        return child.poll() is not None
    return os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def cancel_grace(folder: Path) -> float | None:
    """Seconds between the request to stop and the kill, or None when nobody asked to cancel."""
    try:
        return float((folder / "cancel.json").read_text())
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        return GRACE_S


def hear_signals() -> int:
    """A file descriptor on which the numbers of arriving signals can be read."""
    ears, mouth = os.pipe()
    os.set_blocking(mouth, False)
    signal.set_wakeup_fd(mouth, warn_on_full_buffer=False)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _heard)
    return ears


def _heard(number: int, frame: FrameType | None) -> None:
    """Nothing: Python has written the number to the wakeup descriptor already."""


def launch(argv: Sequence[str], cwd: str) -> subprocess.Popen[bytes]:
    """The job's process, in its own group. Raises OSError when it cannot be started."""
    return subprocess.Popen(
        argv,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        process_group=0,
        preexec_fn=_die_with_parent(),  # safe: this process has one thread
    )


def _die_with_parent() -> Callable[[], None] | None:
    """What the child runs before its program, so that Linux kills it should this process be killed."""
    if not sys.platform.startswith("linux"):
        return None
    import ctypes

    libc, parent, set_parent_death_signal = ctypes.CDLL(None), os.getpid(), 1

    def prepare() -> None:
        libc.prctl(set_parent_death_signal, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)

    return prepare


def ending(code: int | None, *, by: int | None = None, cancelled: bool = False, error: str = "") -> Json:
    """The content of exit.json; `by` is the signal that killed the job."""
    return {"code": code, "signal": by, "cancelled": cancelled, "ended_at": time.time(), "error": error}


def write_private(path: Path, value: Any) -> None:
    """Replace a JSON file that only its owner may read; readers see the old or the new one."""
    temporary = path.with_suffix(".part")
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(fd, "w", encoding="utf-8") as file:
        json.dump(value, file)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def run(folder: Path, log: Log) -> Json:
    """Run the job of a folder to its end and return that end."""
    ears = hear_signals()
    job = json.loads((folder / "job.json").read_bytes())
    me = {**who_is(os.getpid()), "started_at": time.time(), "boot": boot_id()}
    write_private(folder / "process.json", {**me, "child": None})
    # After process.json: who came too early to find this process, to cancel or forget, is obeyed here.
    if cancel_grace(folder) is not None or not (folder / "job.json").exists():
        return ending(None, cancelled=True)
    try:
        child = launch(job["argv"], job["cwd"])
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        return ending(127, error=f"{getattr(error, 'filename', None) or job['argv'][0]}: {reason.lower()}")
    try:
        write_private(folder / "process.json", {**me, "child": who_is(child.pid)})
        return Watch(folder, child, ears, log).run()
    except BaseException:
        os.killpg(child.pid, signal.SIGKILL)
        raise


def main(path: str) -> None:
    """Run a job folder's job and write exit.json, whatever happens."""
    folder = Path(path)
    log = Log(folder / "log.txt", json.loads(os.environ.pop(SECRETS_VARIABLE, "[]")))
    try:
        end = run(folder, log)
    except Exception as error:  # whatever it was, the page must learn that the job is over
        end = ending(None, error=f"the supervisor failed ({error})")
    try:
        write_private(folder / "exit.json", end)
    except OSError:
        log.shorten()
        write_private(folder / "exit.json", end)
