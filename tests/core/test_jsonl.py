"""The append-only store keeps its promises when it is cut, damaged or full."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import tracemalloc
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import RunError
from core.records import canonical_json
from core.settings import PROJECT
from core.store import disk
from core.store.jsonl import (
    FSYNC_EVERY_ROWS,
    Appender,
    append_rows,
    compact_key,
    iter_rows,
    open_for_append,
    read_rows,
    repair,
    scan_keys,
    seal,
    unseal,
    write_atomic,
)
from core.store.lines import clean

TEXTS = st.text(alphabet=st.characters(codec=None, exclude_categories=()))
PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS
VALUES = st.recursive(
    PLAIN,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
# A busy machine is slow: that is no finding.
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
NAMES = (st.sampled_from(["key", "text", "n"]) | TEXTS).filter(lambda name: name != "crc")
ROWS = st.dictionaries(NAMES, VALUES, max_size=6)


@unhurried
@given(ROWS)
def test_any_row_reads_back_exactly(row: dict[str, Any]) -> None:
    assert unseal(seal(row)) == row


@unhurried
@given(st.binary())
def test_no_line_of_bytes_ever_raises(line: bytes) -> None:
    unseal(line)


@unhurried
@given(ROWS, st.data())
def test_no_flipped_byte_changes_a_row_unnoticed(row: dict[str, Any], data: st.DataObject) -> None:
    line = bytearray(seal(row))
    line[data.draw(st.integers(0, len(line) - 1))] ^= data.draw(st.integers(1, 255))
    assert unseal(bytes(line)) in (None, row)


def old_seal(row: dict[str, Any]) -> bytes:
    """A line as it was written before the checksum was over bytes."""
    checksum = f"{zlib.crc32(canonical_json(row).encode()):08x}"
    return json.dumps({**row, "crc": checksum}, ensure_ascii=False).encode() + b"\n"


def test_rows_of_earlier_versions_are_read_and_checked() -> None:
    for row in rows_of(3):
        assert unseal(old_seal(row)) == row
        assert unseal(old_seal(row).replace(b"Zeile", b"Seite")) is None


def test_the_checksum_is_over_the_bytes_before_it() -> None:
    line = seal({"key": "k", "text": "Käse", "crc": "of another time"})
    body, _, tail = line.partition(b', "crc": "')
    assert tail == b'%08x"}\n' % zlib.crc32(body)
    assert body == '{"key": "k", "text": "Käse"'.encode()


def rows_of(count: int) -> list[dict[str, Any]]:
    return [{"key": str(number), "text": f"Zeile {number} \u2028 🏴‍☠️"} for number in range(count)]


def quarantine(path: Path) -> bytes:
    return path.with_name(path.name + ".quarantine").read_bytes()


# ---- what a crash, an editor or a failing disk does to a file


def test_a_file_cut_at_any_byte_keeps_every_whole_row_and_takes_more(tmp_path: Path) -> None:
    lines = [seal(row) for row in rows_of(6)]
    whole = b"".join(lines)
    path = tmp_path / "rows.jsonl"
    for cut in range(len(b"".join(lines[:3])), len(whole) + 1):
        path.write_bytes(whole[:cut])
        # A last row that only wants its newline is a whole row.
        count = (whole[:cut] + b"\n").count(b'"}\n')
        assert len(read_rows(path).rows) == len(scan_keys(path).keys) == count
        repair(path)
        append_rows(path, [{"key": "new"}])
        assert read_rows(path) == type(read_rows(path))([*rows_of(6)[:count], {"key": "new"}], 0)
        path.with_name("rows.jsonl.quarantine").unlink(missing_ok=True)


def test_a_last_row_with_any_bit_flipped_is_rejected_or_unchanged(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    kept, last = b"".join(seal(row) for row in rows_of(2)), seal(rows_of(3)[2])
    for place in range(len(last)):
        for bit in range(8):
            path.write_bytes(kept + last[:place] + bytes([last[place] ^ 1 << bit]) + last[place + 1 :])
            assert read_rows(path).rows in (rows_of(2), rows_of(3))


def test_a_flipped_byte_is_caught_by_the_checksum_and_the_line_kept_aside(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    append_rows(path, rows_of(3))
    path.write_bytes(path.read_bytes().replace(b"Zeile 1", b"Zeile 7"))
    assert read_rows(path).damaged == 1
    assert repair(path) == 1
    assert [row["key"] for row in read_rows(path).rows] == ["0", "2"]
    assert b"Zeile 7" in quarantine(path)


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda data: data.replace(b"\n", b"\r\n"), id="crlf"),
        pytest.param(lambda data: b"\xef\xbb\xbf" + data, id="byte order mark"),
        pytest.param(lambda data: data + b"\0" * 5000, id="zeros at the end"),
        pytest.param(lambda data: data.replace(b"\n", b"\n\0\0\0", 1), id="zeros in between"),
        pytest.param(lambda data: data.replace(b"\n", b"\n\n \n"), id="blank lines"),
        pytest.param(lambda data: data.removesuffix(b"\n"), id="no last newline"),
    ],
)
def test_what_stands_around_a_row_costs_nothing(tmp_path: Path, spoil: Any) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(spoil(b"".join(seal(row) for row in rows_of(3))))
    for _ in range(2):
        assert (read_rows(path).rows, read_rows(path).damaged) == (rows_of(3), 0)
        assert open_for_append(path).damaged == 0
    append_rows(path, [{"key": "new"}])
    assert list(iter_rows(path)) == [*rows_of(3), {"key": "new"}]
    assert not path.with_name("rows.jsonl.quarantine").exists()


PIECES = (
    st.sampled_from(
        [b"\n", b"\0\0", b"\xef\xbb\xbf", b"{", b'"}\n', b"\r\n", *(seal(row) for row in rows_of(3))]
    )
    | st.binary()
)


@unhurried
@given(st.lists(PIECES, max_size=8).map(b"".join))
def test_repairing_twice_changes_nothing_more_and_loses_no_byte(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.jsonl"
        path.write_bytes(data)
        before = read_rows(path)
        assert repair(path) == before.damaged
        once = path.read_bytes()
        assert read_rows(path) == type(before)(before.rows, 0)
        assert once[-1:] in (b"", b"\n")
        assert repair(path) == 0
        assert path.read_bytes() == once
        if before.damaged:
            held = once + quarantine(path)
            assert all(line in held for line in data.split(b"\n") if clean(line))


def test_a_torn_tail_is_cut_off_without_writing_the_file_again(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    append_rows(path, rows_of(3))
    whole, inode = path.read_bytes(), path.stat().st_ino
    path.write_bytes(whole + seal(rows_of(4)[3])[:25])
    assert repair(path) == 1
    assert (path.read_bytes(), path.stat().st_ino) == (whole, inode)
    assert quarantine(path) == seal(rows_of(4)[3])[:25] + b"\n"


def test_a_repair_that_the_disk_refuses_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(seal({"key": "1"}) + b"torn")
    before = path.read_bytes()
    with monkeypatch.context() as patch, pytest.raises(RunError, match="no space left"):
        patch.setattr(disk, "write", taking(2, errno.ENOSPC))
        repair(path)
    assert (path.read_bytes(), quarantine(path)) == (before, b"")
    assert repair(path) == 1
    assert quarantine(path) == b"torn\n"


# ---- keys without parsing


def hashed(count: int, start: int = 0) -> list[str]:
    return [hashlib.sha256(b"%d" % number).hexdigest() for number in range(start, start + count)]


def test_a_scan_finds_the_keys_of_every_kind_of_line(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    first, second, third = hashed(3)
    lines = [
        seal({"key": first, "text": "a"}),
        old_seal({"key": second, "text": "b"}),
        seal({"text": "key last", "key": third}),
        seal({"key": "plain", "text": "c"}),
        seal({"key": first, "text": "again"}),
        seal({"text": "no key"}),
        seal({"key": first, "text": "torn"})[:-9] + b"\n",
    ]
    path.write_bytes(b"".join(lines))
    scan = scan_keys(path)
    assert scan.keys == {compact_key(key) for key in (first, second, third, "plain")}
    assert (scan.rows, scan.duplicates, scan.damaged) == (6, 1, 1)
    assert compact_key(first) == bytes.fromhex(first[:32])
    assert len(compact_key("plain")) == 16


def test_a_scan_of_hashed_keys_parses_no_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "rows.jsonl"
    append_rows(path, ({"key": key, "text": "Arr!"} for key in hashed(50)))
    monkeypatch.setattr(json, "loads", lambda text: pytest.fail("parsed"))
    assert len(open_for_append(path).keys) == 50


def test_scanning_and_repairing_hold_no_rows(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    append_rows(path, ({"key": key, "text": "word " * 400} for key in hashed(5000)))
    with path.open("ab") as file:
        file.write(b"torn")
    tracemalloc.start()
    try:
        assert open_for_append(path).damaged == 1
        assert tracemalloc.get_traced_memory()[1] < path.stat().st_size / 5
    finally:
        tracemalloc.stop()


# ---- appending


def failing(number: int) -> Any:
    def call(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    return call


def taking(count: int, number: int) -> Any:
    """A `write` that takes the first `count` bytes and then fails."""
    left = [count] if count else []

    def write(fd: int, data: bytes) -> int:
        return os.write(fd, bytes(data)[: left.pop()]) if left else failing(number)()

    return write


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO])
@pytest.mark.parametrize("torn", [0, 20])
def test_a_row_that_does_not_fit_leaves_nothing_behind_and_can_be_written_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, torn: int
) -> None:
    path = tmp_path / "rows.jsonl"
    with Appender(path) as appender:
        appender.append({"key": "1"})
        with monkeypatch.context() as patch, pytest.raises(RunError) as told:
            patch.setattr(disk, "write", taking(torn, number))
            appender.append({"key": "2", "text": "x" * 90})
        assert os.strerror(number).lower() in str(told.value)
        assert str(path) in str(told.value)
        assert path.read_bytes() == seal({"key": "1"})
        appender.append({"key": "3"})
    assert [row["key"] for row in read_rows(path).rows] == ["1", "3"]


def test_a_full_disk_is_a_sentence_with_a_cure(tmp_path: Path) -> None:
    full = tmp_path / "rows.jsonl"
    full.symlink_to("/dev/full")
    cure = r"no space left.*free some space, then run the same command"
    with pytest.raises(RunError, match=cure), Appender(full) as appender:
        appender.append({"key": "1"})


LIMITED = """
import resource, sys
from pathlib import Path
from core.errors import RunError
from core.store.jsonl import Appender, read_rows
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
path = Path(sys.argv[1])
with Appender(path) as rows:
    try:
        for number in range(100):
            rows.append({"key": str(number), "text": "x" * 60})
    except RunError as error:
        print(error)
print(len(read_rows(path).rows), read_rows(path).damaged, path.read_bytes()[-1:] == b"\\n")
"""


def test_a_limit_on_file_sizes_is_named_and_leaves_whole_rows_only(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    words = [sys.executable, "-S", "-c", LIMITED, str(path)]
    done = subprocess.run(words, cwd=PROJECT, capture_output=True, text=True, check=True)
    sentence, counts = done.stdout.splitlines()
    assert "file too large" in sentence
    assert "ulimit -f" in sentence
    assert counts == f"{1000 // len(seal({'key': '10', 'text': 'x' * 60}))} 0 True"


def test_after_a_failed_flush_the_file_is_not_written_until_it_was_opened_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "rows.jsonl"
    appender = Appender(path, group=False)
    appender.append({"key": "1"})
    with monkeypatch.context() as patch, pytest.raises(RunError, match="Could not flush"):
        patch.setattr(disk, "fsync", failing(errno.EIO))
        appender.sync()
    assert appender.pending == 1
    for again in (appender.sync, appender.fsync_now, lambda: appender.append({"key": "2"}), appender.close):
        with pytest.raises(RunError, match="Could not flush"):
            again()
    assert open_for_append(path).rows == 1
    append_rows(path, [{"key": "2"}])
    assert [row["key"] for row in iter_rows(path)] == ["1", "2"]


class Flushes:
    """Counts flushes of files, not of folders."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.count = 0
        real = os.fsync

        def fsync(fd: int) -> None:
            self.count += not os.path.isdir(f"/proc/self/fd/{fd}")
            real(fd)

        patch.setattr(disk, "fsync", fsync)


def test_rows_are_flushed_in_groups_or_when_asked_or_once_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushes = Flushes(monkeypatch)
    with Appender(tmp_path / "grouped") as appender:
        appender._synced_at = float("inf")  # no second passes in this test
        for row in rows_of(FSYNC_EVERY_ROWS - 1):
            appender.append(row)
        assert (flushes.count, appender.pending) == (0, FSYNC_EVERY_ROWS - 1)
        appender.append({"key": "one more"})
        assert (flushes.count, appender.pending) == (1, 0)
    assert flushes.count == 1
    with Appender(tmp_path / "driven", group=False) as appender:
        for row in rows_of(200):
            appender.append(row)
        assert (flushes.count, appender.pending) == (1, 200)
        appender.fsync_now()
        assert (flushes.count, appender.pending) == (2, 0)
    append_rows(tmp_path / "at once", rows_of(200))
    assert flushes.count == 3


def test_a_row_written_during_a_flush_of_another_thread_is_still_pending(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow(fd: int) -> None:
        begun.set()
        assert go_on.wait(20)

    with Appender(tmp_path / "rows.jsonl", group=False) as appender:
        appender.append({"key": "before"})
        monkeypatch.setattr(disk, "fsync", slow)
        flusher = threading.Thread(target=appender.fsync_now)
        flusher.start()
        assert begun.wait(20)
        appender.append({"key": "meanwhile"})
        assert appender.pending == 2
        go_on.set()
        flusher.join(20)
        assert appender.pending == 1
    assert appender.pending == 0


def test_a_flush_that_comes_after_closing_is_nothing(tmp_path: Path) -> None:
    appender = Appender(tmp_path / "rows.jsonl")
    appender.append({"key": "1"})
    appender.close()
    appender.close()
    appender.fsync_now()


def test_a_sealed_line_is_appended_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    with Appender(path) as appender:
        appender.append_line(seal({"key": "1"}))
    assert path.read_bytes() == seal({"key": "1"})


# ---- whole files


def test_a_failed_replacement_leaves_the_old_file_and_no_litter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file.json"
    write_atomic(path, "old")
    monkeypatch.setattr(disk, "replace", failing(errno.EIO))
    with pytest.raises(RunError):
        write_atomic(path, "new")
    assert path.read_text() == "old"
    assert [found.name for found in tmp_path.iterdir()] == ["file.json"]


@pytest.mark.parametrize("name", ["with space", "Ünïcödé 🏴‍☠️", "n" * 255, "ü" * 127, "-rf", "a\nb"])
def test_odd_names_work_or_are_refused_in_words(tmp_path: Path, name: str) -> None:
    path = tmp_path / name / name
    append_rows(path, rows_of(2))
    write_atomic(tmp_path / name / f"{name[:-1]}2", "whole")
    assert read_rows(path).rows == rows_of(2)
    assert (tmp_path / name / f"{name[:-1]}2").read_text() == "whole"
    path.write_bytes(path.read_bytes() + b"torn")
    if len(os.fsencode(name)) < 240:
        assert repair(path) == 1
    else:
        with pytest.raises(RunError, match=r"name too long.*choose a shorter name"):
            repair(path)


def test_a_link_keeps_pointing_at_its_file(tmp_path: Path) -> None:
    real, link = tmp_path / "other disk" / "rows.jsonl", tmp_path / "rows.jsonl"
    append_rows(real, rows_of(3))
    link.symlink_to(real)
    real.write_bytes(real.read_bytes().replace(b"Zeile 1", b"Zeile 7"))
    assert repair(link) == 1
    write_atomic(tmp_path / "rows.jsonl", real.read_bytes())
    assert link.is_symlink()
    assert [row["key"] for row in read_rows(real).rows] == ["0", "2"]


@pytest.mark.parametrize(
    ("number", "cure"), [(errno.EACCES, "check who owns it"), (errno.EROFS, "this disk is read-only")]
)
def test_a_forbidden_folder_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, cure: str
) -> None:
    # The tests may run as root, to whom no real folder is forbidden.
    monkeypatch.setattr(disk, "open_file", failing(number))
    for act in (lambda: append_rows(tmp_path / "a", rows_of(1)), lambda: write_atomic(tmp_path / "a", "")):
        with pytest.raises(RunError, match=rf"{os.strerror(number).lower()}.*{cure}"):
            act()


def test_a_file_where_a_folder_should_be_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("")
    with pytest.raises(RunError, match="choose another DATA_PATH"):
        append_rows(tmp_path / "runs" / "rows.jsonl", rows_of(1))
