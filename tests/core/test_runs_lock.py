"""One writer a run: the second is told who holds it, and no dead writer keeps anybody out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from core.errors import RunError
from core.job_wrapper import who_is
from core.settings import PROJECT
from core.store import locks
from core.store.runs import Run

HOLDER = """
import sys
from pathlib import Path
from core.store.runs import Run
with Run(Path(sys.argv[1])).locked("teacher-parrot"):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path / "pirate-1a2b3c4d")


@contextmanager
def holder(run: Run) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the run's lock until the block ends."""
    words = [sys.executable, "-c", HOLDER, str(run.folder)]
    with subprocess.Popen(
        words, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def lock_file(run: Run) -> Path:
    return run.folder / ".teacher-parrot.lock"


def second(run: Run) -> str:
    """What a second writer is told."""
    with pytest.raises(RunError) as told, locks.held(lock_file(run), "its rows", timeout=0):
        pass
    return str(told.value)


def test_a_second_writer_is_told_which_process_holds_the_run_since_when(run: Run) -> None:
    with holder(run) as process:
        since = time.strftime("%H:%M", time.localtime(json.loads(lock_file(run).read_text())["since"]))
        assert f"(process {process.pid}, since {since}) is writing its rows" in second(run)
        assert "Wait for it or cancel it, then run again." in second(run)


def test_another_part_of_the_run_can_be_written_meanwhile(run: Run) -> None:
    with holder(run), run.locked("student-parrot"):
        pass


def test_a_killed_writer_keeps_nobody_out(run: Run) -> None:
    with holder(run) as process:
        process.kill()
        process.wait(20)
        assert lock_file(run).exists()
        with run.locked("teacher-parrot"):
            assert json.loads(lock_file(run).read_text())["pid"] == os.getpid()


@pytest.mark.parametrize(
    "note",
    [
        pytest.param({**who_is(os.getpid()), "ticks": 1}, id="its number is used by another process now"),
        pytest.param({"pid": 2**22 + 5, "ticks": 1}, id="no such process"),
    ],
)
def test_the_words_of_a_dead_writer_are_not_taken_for_the_one_who_holds_it_now(
    run: Run, note: dict[str, int]
) -> None:
    with holder(run):
        old = json.loads(lock_file(run).read_text())
        lock_file(run).write_text(json.dumps({**old, **note}))
        assert second(run).startswith("Another job is writing its rows.")


@pytest.mark.parametrize("words", ["", "812", "[]", '{"pid": 1}', '{"since": "x"}', "\0" * 20])
def test_a_lock_file_without_sense_still_locks(run: Run, words: str) -> None:
    with holder(run):
        lock_file(run).write_text(words)
        assert second(run).startswith("Another job is writing its rows.")


def test_a_writer_on_another_computer_is_named_with_it(run: Run) -> None:
    with holder(run):
        note = json.loads(lock_file(run).read_text())
        lock_file(run).write_text(json.dumps({**note, "host": "mars", "pid": 812}))
        assert "(process 812 on mars, since " in second(run)


def test_two_threads_of_one_process_exclude_each_other(run: Run) -> None:
    told: list[str] = []
    with run.locked("teacher-parrot"):
        thread = threading.Thread(target=lambda: told.append(second(run)))
        thread.start()
        thread.join(20)
    assert str(os.getpid()) in told[0]


def test_a_lock_is_free_again_after_an_error(run: Run) -> None:
    with pytest.raises(KeyError), run.locked("teacher-parrot"):
        raise KeyError
    with run.locked("teacher-parrot"):
        pass


def test_a_run_that_cannot_be_locked_says_why(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="choose another DATA_PATH"), Run(tmp_path / "file" / "run").locked():
        pass
