"""S2: at whichever call the disk fails or the power goes, nothing durable is lost and nothing doubled."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.errors import RunError
from core.store.answer_set import AnswerSet
from core.store.jsonl import seal
from core.store.locks import held
from tests.core.crash.failing_disk import FailingDisk, PowerCutError
from tests.core.crash.workload import assert_finished, assert_true_so_far, row_of, tags, work

FAULTS = [
    pytest.param({"error": errno.EIO}, id="io-error-once"),
    pytest.param({"error": errno.EIO, "for_good": True}, id="io-error-for-good"),
    pytest.param({"error": errno.ENOSPC, "torn": 40}, id="full-disk-once-half-a-row-written"),
    pytest.param({"error": errno.ENOSPC, "for_good": True, "torn": 40}, id="full-disk-for-good"),
]


@pytest.fixture(autouse=True)
def quick_flush(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is flushed is noted by `FailingDisk`; waiting for a real disk would prove nothing more."""
    monkeypatch.setattr(os, "fsync", lambda fd: None)


def locked_work(folder: Path, durable: set[str]) -> None:
    with held(folder / ".run.lock", "these rows"):
        work(folder, durable.add)


def folders(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    for good in range(1000):
        folder = tmp_path / str(good)
        folder.mkdir()
        yield good, folder
    raise AssertionError("the disk never stopped failing")


def assert_goes_on(folder: Path, durable: set[str]) -> None:
    assert_true_so_far(folder, durable)
    locked_work(folder, durable)
    assert_finished(folder)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_failing_call_is_one_sentence_and_the_next_run_finishes(
    tmp_path: Path, fault: dict[str, int]
) -> None:
    reason = os.strerror(fault["error"]).lower()
    seen: set[str] = set()
    for good, folder in folders(tmp_path):
        durable: set[str] = set()
        with pytest.MonkeyPatch.context() as patch:
            failing = FailingDisk(patch, good, **fault)  # type: ignore[arg-type]
            try:
                locked_work(folder, durable)
            except RunError as error:
                assert reason in str(error)
                assert str(folder) in str(error)
        seen.add(failing.failed)
        assert_goes_on(folder, durable)
        if not failing.failed:
            break
    assert seen >= {"reader", "open_file", "write", "fsync", "replace"}


@pytest.mark.parametrize("kept", [0.0, 0.6, 1.0])
def test_a_power_cut_at_any_call_loses_no_flushed_row(tmp_path: Path, kept: float) -> None:
    for good, folder in folders(tmp_path):
        durable: set[str] = set()
        with pytest.MonkeyPatch.context() as patch:
            failing = FailingDisk(patch, good, None)
            try:
                locked_work(folder, durable)
            except PowerCutError:
                failing.forget_unflushed(folder, kept)
        assert_goes_on(folder, durable)
        if not failing.failed:
            break


def damage(folder: Path) -> None:
    """A job that was killed, a line that rotted, a row twice, and litter of a killed rewrite."""
    work(folder)
    answers = AnswerSet(folder)
    lines = answers.rows_path.read_bytes().splitlines(keepends=True)
    lines = [*lines[8:], b"\x00rot\n", lines[9], *lines[:6], lines[2], lines[7][:33]]
    answers.rows_path.write_bytes(b"".join(lines))
    (folder / ".rows.jsonl.812.0.tmp").write_text("half")


def tear(folder: Path) -> None:
    """A job that was killed in the middle of a row."""
    work(folder)
    with AnswerSet(folder).rows_path.open("ab") as file:
        file.write(b'{"key": "rot')


@pytest.mark.parametrize("spoil", [damage, tear])
@pytest.mark.parametrize("error", [None, errno.EIO])
def test_repair_and_finishing_can_be_broken_off_at_any_call(
    tmp_path: Path, error: int | None, spoil: Callable[[Path], None]
) -> None:
    for good, folder in folders(tmp_path):
        spoil(folder)
        durable = set(AnswerSet(folder).rows())
        with pytest.MonkeyPatch.context() as patch:
            failing = FailingDisk(patch, good, error)
            for path in folder.iterdir():  # what was there before is on the disk
                failing.durable[path.stat().st_ino] = path.stat().st_size
            try:
                locked_work(folder, durable)
            except PowerCutError:
                failing.forget_unflushed(folder, 0.0)
            except RunError:
                pass
        assert_goes_on(folder, durable)
        assert b"rot" in (folder / "rows.jsonl.quarantine").read_bytes()
        if not failing.failed:
            break


def test_what_a_manifest_vouches_for_survives_a_power_cut(tmp_path: Path) -> None:
    """A killed job leaves rows that were never flushed; they may need no other work to be complete."""
    answers = AnswerSet(tmp_path)
    answers.plan_path.write_bytes(b"".join(map(seal, tags(5))))
    answers.rows_path.write_bytes(b"".join(seal(row_of(tag)) for tag in tags(5)))
    with pytest.MonkeyPatch.context() as patch:
        failing = FailingDisk(patch, 1000, None)
        assert answers.finalise()["complete"]
        failing.forget_unflushed(tmp_path, 0.0)
    assert answers.is_complete()
    assert_finished(tmp_path, 5)
