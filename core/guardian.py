"""The process between us and a foreign program: it ends all of that when told, or when we die.

    python -I -S guardian.py PROGRAM WORD …        standard input is the rope that it hangs on

vLLM's engine and workers live on when its first process is killed, and they overwrite the memory in
which a mark in their environment could be found. So this process leads their group, adopts what they
leave behind, and ends all of it when its standard input closes (whoever held it is gone, however it
died), on SIGTERM, and when the server ends by itself. Its exit code is the server's, 128 + N for a
signal. Standard library only, nothing of ours.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

# Shorter than any job is given to end: whoever kills a job kills us too, and then nobody ends the rest.
PATIENCE_S = 1.5
KILL_LIMIT_S = 1.0
LOOK_AGAIN_S = 0.05
ADOPT_ORPHANS = 36  # PR_SET_CHILD_SUBREAPER
PROC = Path("/proc")


def main(words: Sequence[str]) -> int:
    """Run the server to its end, or to ours."""
    with contextlib.suppress(OSError):  # it leads its group already
        os.setpgid(0, 0)
    _adopt_orphans()
    woken, waker = os.pipe()
    os.set_blocking(waker, False)
    signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(number, lambda *_: None)
    server = subprocess.Popen(words, stdin=subprocess.DEVNULL)
    _wait(server, woken)
    _end(server)
    code = server.wait()
    return code if code >= 0 else 128 - code


def _adopt_orphans() -> None:
    if sys.platform.startswith("linux"):
        import ctypes

        ctypes.CDLL(None).prctl(ADOPT_ORPHANS, 1, 0, 0, 0)


def _wait(server: subprocess.Popen[bytes], woken: int) -> None:
    """Return when the server has ended, the rope was let go, or a signal says so."""
    while server.poll() is None:
        ready, _, _ = select.select([woken, 0], [], [])
        if 0 in ready and not os.read(0, 1024):
            return
        if woken in ready and set(os.read(woken, 1024)) - {signal.SIGCHLD}:
            return


def _end(server: subprocess.Popen[bytes]) -> None:
    """Ask the server to end, then kill all that is left of its tree."""
    if server.poll() is None:
        server.terminate()
    deadline = time.monotonic() + PATIENCE_S
    while (server.poll() is None or _left()) and time.monotonic() < deadline:
        # Once the first process is gone nobody asks the others any more.
        if server.poll() is not None:
            _send(signal.SIGTERM)
        time.sleep(LOOK_AGAIN_S)
    if server.poll() is None:
        server.kill()
    # A killed process takes a moment to go; who waits for us must find none of them.
    deadline = time.monotonic() + KILL_LIMIT_S
    while _left() and time.monotonic() < deadline:
        _send(signal.SIGKILL)
        time.sleep(LOOK_AGAIN_S)


def _send(number: int) -> None:
    for pid in _left():
        with contextlib.suppress(OSError):
            os.kill(pid, number)


def _left() -> list[int]:
    """Every other live process of our group, and every descendant of ours wherever it went."""
    processes = _processes()
    ours, me, group = {os.getpid()}, os.getpid(), os.getpgrp()
    grown = True
    while grown:
        found = {pid for pid, (parent, own) in processes.items() if parent in ours or own == group}
        grown = not found <= ours
        ours |= found
    return sorted(ours - {me})


def _processes() -> dict[int, tuple[int, int]]:
    """(parent, group) of every live process; empty where the system has no /proc."""
    found: dict[int, tuple[int, int]] = {}
    for name in os.listdir(PROC) if PROC.is_dir() else ():
        if not name.isdigit():
            continue
        try:
            text = (PROC / name / "stat").read_text(errors="replace")
        except OSError:
            continue
        # The program's name may hold spaces and parentheses; the fields start after the last one.
        state, parent, group = text[text.rindex(")") + 2 :].split()[:3]
        if state not in "ZX":
            found[int(name)] = (int(parent), int(group))
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
