"""Foreign programs behind a guardian, which ends all their processes when we end, however we end."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path

import psutil

GUARDIAN = Path(__file__).with_name("guardian.py")
# The guardian's own patience with the program, and a little for the kill that follows.
END_LIMIT_S = 3.0
# The system derives a process's start from the boot time, which moves a little when the clock is set.
START_TOLERANCE_S = 10.0


def start_tree(words: Sequence[str], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """The guardian of a program's processes, their words on one pipe. Raises OSError.

    It leads a group of its own. Its exit code is the program's, 128 + N for signal N.
    """
    return subprocess.Popen(
        [sys.executable, "-I", "-S", str(GUARDIAN), *words],
        env=environment,
        cwd="/",
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        process_group=0,
    )


def end_tree(guardian: subprocess.Popen[bytes]) -> None:
    """End the program with all its processes; on return none is left."""
    with _deaf():
        if guardian.stdin:
            guardian.stdin.close()
        try:
            guardian.wait(END_LIMIT_S)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(OSError):
                os.killpg(guardian.pid, signal.SIGKILL)
            guardian.wait()


def run_tree(words: Sequence[str], environment: Mapping[str, str]) -> tuple[int, str]:
    """Run a program to its end: its exit code and its words. Raises OSError."""
    process = start_tree(words, environment)
    try:
        assert process.stdout is not None
        with process.stdout as pipe:
            said = pipe.read().decode(errors="replace")
        return process.wait(), said
    finally:
        end_tree(process)


def end_group(group: int, since: float, until: float) -> None:
    """Kill what a killed guardian left of its group: the processes that began between those moments.

    Systems use numbers again: whatever has that group later began later, and is spared.
    """
    if group <= 1 or group == os.getpgrp():
        return
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            is_of_then = since - START_TOLERANCE_S <= process.create_time() <= until + START_TOLERANCE_S
            if is_of_then and os.getpgid(process.pid) == group:
                process.kill()


def is_running(pid: int, created: float) -> bool:
    """Whether the process lives and is the one that began then; a stranger with its number is not."""
    try:
        process = psutil.Process(pid)
        same = abs(process.create_time() - created) <= START_TOLERANCE_S
        return same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


@contextlib.contextmanager
def _deaf() -> Generator[None]:
    """No second Ctrl-C may cut the ending short, which is brief anyway."""
    try:
        before = {
            number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)
        }
    except ValueError:  # not the main thread, which is the one that signals interrupt
        before = {}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
