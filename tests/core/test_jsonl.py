"""The append-only store keeps its promises when it is cut, damaged or full."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import RunError
from core.store.jsonl import Appender, append_rows, read_rows, repair, seal, unseal, write_atomic

TEXTS = st.text(alphabet=st.characters(codec=None, exclude_categories=()))
ROWS = st.dictionaries(st.sampled_from(["key", "text", "n"]), TEXTS | st.integers(-(2**53), 2**53))


@given(ROWS)
def test_any_row_reads_back_exactly(row: dict[str, Any]) -> None:
    assert unseal(seal(row)) == row


@given(st.binary())
def test_no_line_of_bytes_ever_raises(line: bytes) -> None:
    unseal(line)


def rows_of(count: int) -> list[dict[str, Any]]:
    return [{"key": str(number), "text": f"Zeile {number} \u2028 🏴‍☠️"} for number in range(count)]


def test_a_file_cut_at_any_byte_keeps_every_whole_row_and_takes_more(tmp_path: Path) -> None:
    whole = b"".join(seal(row) for row in rows_of(3))
    path = tmp_path / "rows.jsonl"
    for cut in range(len(whole) + 1):
        path.write_bytes(whole[:cut])
        repair(path)
        kept = read_rows(path).rows
        assert kept == rows_of(3)[: whole[:cut].count(b"\n")]
        append_rows(path, [{"key": "new"}])
        assert read_rows(path).rows == [*kept, {"key": "new"}]
        path.with_name("rows.jsonl.quarantine").unlink(missing_ok=True)


def test_a_flipped_byte_is_caught_by_the_checksum_and_the_line_kept_aside(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    append_rows(path, rows_of(3))
    path.write_bytes(path.read_bytes().replace(b"Zeile 1", b"Zeile 7"))
    assert read_rows(path).damaged == 1
    assert repair(path) == 1
    assert [row["key"] for row in read_rows(path).rows] == ["0", "2"]
    assert b"Zeile 7" in (tmp_path / "rows.jsonl.quarantine").read_bytes()


def test_a_full_disk_is_a_sentence_and_loses_no_finished_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "rows.jsonl"
    with Appender(path) as appender:
        appender.append({"key": "1"})
        write = os.write

        def full(fd: int, data: bytes) -> int:
            if data.startswith(b'{"key"'):
                raise OSError(errno.ENOSPC, "No space left on device")
            return write(fd, data)

        monkeypatch.setattr(os, "write", full)
        with pytest.raises(RunError, match=r"no space left.*free some space, then run the same command"):
            appender.append({"key": "2"})
    assert [row["key"] for row in read_rows(path).rows] == ["1"]


def test_a_failed_replacement_leaves_the_old_file_and_no_litter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file.json"
    write_atomic(path, "old")
    monkeypatch.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(OSError(errno.EIO, "I/O error")))
    with pytest.raises(RunError):
        write_atomic(path, "new")
    assert path.read_text() == "old"
    assert [found.name for found in tmp_path.iterdir()] == ["file.json"]
