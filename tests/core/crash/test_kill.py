"""S1: `kill -9` at 200 moments. The writer is a real process; the moment is a seeded number of steps."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.settings import PROJECT
from core.store.answer_set import AnswerSet
from tests.core.crash.workload import assert_finished, assert_true_so_far, work

KILLS = 200
COUNT = 120
STEPS = COUNT + 2


def killed_after(steps: int, folder: Path, seed: int) -> int | None:
    """Start a writer and kill it once it has done `steps`; what it had told until then.

    None when it ended by itself before.
    """
    words = ["-S", "-m", "tests.core.crash.writer", str(folder), str(COUNT), str(seed)]
    writer = subprocess.Popen([sys.executable, *words], cwd=PROJECT, stdout=subprocess.PIPE)
    with writer:
        assert writer.stdout is not None
        told = 0
        while told < steps and (news := os.read(writer.stdout.fileno(), 1)):
            told += len(news)
        writer.kill()
        # It went on while we decided; what it told meanwhile it had done as well.
        told += len(writer.stdout.read())
    if writer.returncode >= 0:
        assert writer.returncode == 0
        return None
    return told


def kills(tmp_path: Path) -> Iterator[tuple[Path, int]]:
    """Folders whose writer was just killed, the same one again until it is finished."""
    chance = random.Random(20261124)
    seed = 0
    while True:
        folder = tmp_path / f"run-{seed}"
        while True:
            seed += 1
            before = len(AnswerSet(folder).rows())
            told = killed_after(chance.randrange(STEPS // 3), folder, seed)
            if told is None:
                break
            yield folder, before + max(0, told - 2)


def test_200_of_200_killed_writers_lose_no_row_and_double_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed = kills(tmp_path)
    monkeypatch.setattr(os, "fsync", lambda fd: None)
    for _ in range(KILLS):
        folder, accepted = next(killed)
        assert_true_so_far(folder, set(), COUNT)
        assert len(AnswerSet(folder).rows()) >= accepted
        copy = tmp_path / "resumed"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(folder, copy) if folder.exists() else copy.mkdir()
        work(copy, count=COUNT)
        assert_finished(copy, COUNT)
