"""A bundle from anybody: refused in words, never half imported, and no way to fill disk or memory."""

from __future__ import annotations

import io
import json
import os
import stat
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as how
from hypothesis import strategies as st

from core.errors import CoreError, RunError
from core.settings import Settings
from core.stages.bundle import export_bundle, read_bundle
from core.stages.bundle_contents import Parts
from core.stages.bundle_import import Limits, import_bundle
from core.store.bundle_zip import MOST_FILES
from tests.core.bundle_kit import consistent, files_below, finished, repacked, studio


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    settings = studio(folder)
    finished(settings)
    return export_bundle(settings, "pirate", None, folder / "b.zip", parts=Parts(adapter=True)).path


@pytest.fixture
def away(tmp_path: Path) -> Settings:
    return studio(tmp_path / "away")


def refused(settings: Settings, path: Path, words: str = ".") -> None:
    """The import is refused with these words, and the studio is as empty as before."""
    with pytest.raises(CoreError, match=words):
        import_bundle(settings, path)
    assert files_below(settings.data_path) == {}
    assert not list(settings.lora_path.glob("*")) and not list(settings.lora_path.glob(".bundle*"))


def with_entry(source: Path, target: Path, info: zipfile.ZipInfo | str, data: bytes = b"{}") -> Path:
    """The bundle with one more entry at its end."""
    target.write_bytes(source.read_bytes())
    with zipfile.ZipFile(target, "a", zipfile.ZIP_DEFLATED) as zip:
        zip.writestr(info, data)
    return target


# ---- the archive


@pytest.mark.parametrize(
    "name",
    [
        "../evil.json",
        "run/../../evil.json",
        "/etc/passwd",
        "C:/evil.json",
        "run\\..\\evil.json",
        "run/.hidden.json",
        "run//x.json",
        "run/ü.json",
        "run/" + "x" * 400 + ".json",
        "run/new\nline.json",
        "run/folder/",
    ],
)
def test_a_name_that_leads_elsewhere_is_refused(
    file: Path, away: Settings, tmp_path: Path, name: str
) -> None:
    refused(away, with_entry(file, tmp_path / "b.zip", name), "refused")
    assert not (tmp_path / "evil.json").exists()


def test_links_and_devices_are_refused(file: Path, away: Settings, tmp_path: Path) -> None:
    for kind in (stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR):
        info = zipfile.ZipInfo("run/link.json")
        info.external_attr = (kind | 0o777) << 16
        refused(away, with_entry(file, tmp_path / "b.zip", info, b"/etc/passwd"), "link or a device")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_stands_twice_is_refused_also_in_other_case(
    file: Path, away: Settings, tmp_path: Path
) -> None:
    for name in ("run/run.json", "run/RUN.json"):
        refused(away, with_entry(file, tmp_path / "b.zip", name), "stands twice")


def test_a_zip_bomb_is_refused_before_it_is_unpacked(file: Path, away: Settings, tmp_path: Path) -> None:
    bomb = with_entry(file, tmp_path / "b.zip", "run/bomb.jsonl", b"\0" * 50_000_000)
    assert bomb.stat().st_size < 3_000_000
    refused(away, bomb, "zip bomb")


def test_many_small_bombs_are_one(file: Path, away: Settings, tmp_path: Path) -> None:
    bomb = tmp_path / "b.zip"
    bomb.write_bytes(file.read_bytes())
    with zipfile.ZipFile(bomb, "a", zipfile.ZIP_DEFLATED) as zip:
        for number in range(100):
            zip.writestr(f"run/pad/{number}.jsonl", b'{"a": "' + b"x" * 990_000 + b'"}\n')
    assert bomb.stat().st_size < 1_000_000
    refused(away, bomb, "zip bomb")


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        ("run/a.json", "run/a.json/b.json", "a file and a folder"),
        ("run/A.json", "run/a.json/b.json", "a file and a folder"),
        ("run/pad/a.json", "run/Pad/b.json", "spelled in two ways"),
    ],
)
def test_names_that_no_disk_can_hold_beside_each_other_are_refused(
    file: Path, away: Settings, tmp_path: Path, first: str, second: str, words: str
) -> None:
    one = with_entry(file, tmp_path / "a.zip", first)
    refused(away, with_entry(one, tmp_path / "b.zip", second), words)


def test_what_is_beyond_the_limits_is_refused_before_it_is_read(
    file: Path, away: Settings, tmp_path: Path
) -> None:
    for limits, words in ((Limits(bytes=10), "at most"), (Limits(weights=False), "trained weights")):
        with pytest.raises(RunError, match=words):
            import_bundle(away, file, limits=limits)
    assert files_below(away.data_path) == {}
    light = export_bundle(
        studio(tmp_path / "home"), "pirate", None, tmp_path / "light.zip", parts=Parts(adapter=False)
    )
    limits = Limits(bytes=50_000_000, weights=False)
    assert import_bundle(away, light.path, limits=limits).name == "pirate"


def test_a_million_entries_are_refused_without_being_read(away: Settings, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as zip:
        zip.writestr("manifest.json", "{}")
    data = bytearray(buffer.getvalue())
    end = data.rfind(b"PK\x05\x06")
    table = data[data.rfind(b"PK\x01\x02") : end]
    many = bytes(data[: data.rfind(b"PK\x01\x02")]) + bytes(table) * 60_000
    tail = struct.pack(
        "<4s4H2IH", b"PK\x05\x06", 0, 0, 60_000, 60_000, len(table) * 60_000, end - len(table), 0
    )
    path = tmp_path / "b.zip"
    path.write_bytes(many + tail)
    tracemalloc.start()
    refused(away, path, f"at most {MOST_FILES:,}")
    assert tracemalloc.get_traced_memory()[1] < 5_000_000
    tracemalloc.stop()


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_file_cut_off_anywhere_is_refused(
    file: Path, away: Settings, tmp_path: Path, share: float
) -> None:
    data = file.read_bytes()
    path = tmp_path / "b.zip"
    path.write_bytes(data[: int(len(data) * share)])
    refused(away, path, "no bundle|damaged")


def test_whatever_is_no_zip_is_refused(away: Settings, tmp_path: Path) -> None:
    for number, data in enumerate(
        (b"", b"hello", b"PK\x03\x04" + os.urandom(500), b"PK\x05\x06" + bytes(18))
    ):
        path = tmp_path / f"{number}.zip"
        path.write_bytes(data)
        refused(away, path, "no bundle|refused")
    refused(away, tmp_path / "missing.zip", "There is no file")


@how(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0, 1, exclude_max=True), flip=st.integers(1, 255))
def test_a_damaged_byte_anywhere_never_gets_half_a_bundle_in(
    file: Path, tmp_path: Path, place: float, flip: int
) -> None:
    settings = studio(tmp_path / "away")
    data = bytearray(file.read_bytes())
    data[int(len(data) * place)] ^= flip
    path = tmp_path / "b.zip"
    path.write_bytes(bytes(data))
    try:
        found = import_bundle(settings, path)
    except CoreError:
        assert files_below(settings.data_path) == {}
    else:
        # A byte that says nothing, such as an entry's date: then all of it is in, and is true.
        assert found.status in ("imported", "already here")
        import shutil

        shutil.rmtree(tmp_path / "away")


# ---- what is in it


Change = Callable[[dict[str, bytes]], Any]


def changed(name: str, data: bytes | Callable[[bytes], bytes], *, honest: bool = True) -> Change:
    """A change of one file, with a manifest that fits it unless told otherwise."""

    def change(files: dict[str, bytes]) -> None:
        files[name] = data(files[name]) if callable(data) else data
        if honest:
            consistent(files)

    return change


TEACHER = "run/extra.jsonl"
HOSTILE: dict[str, tuple[Change, str]] = {
    "wrong hash": (
        changed("run/run.json", lambda data: data.replace(b"sea dog", b"sea cat"), honest=False),
        "hash",
    ),
    "other size": (changed("run/run.json", b"{}", honest=False), "size"),
    "deep JSON": (changed("run/deep.json", b"[" * 1_000_000 + b"]" * 1_000_000), "nested|bomb"),
    "deep line": (changed(TEACHER, b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}\n"), "nested"),
    "a field twice": (changed("run/twice.json", b'{"a": 1, "a": 2}'), "twice"),
    "NaN": (changed("run/nan.json", b'{"a": NaN}'), "NaN"),
    "infinity in a line": (changed(TEACHER, b'{"a": -Infinity}\n'), "Infinity"),
    "infinity as a large number": (changed("run/large.json", b'{"a": 1e999}'), "1e999"),
    "not UTF-8": (changed("run/bytes.json", b'{"a": "\xff"}'), "UTF-8"),
    "a line that is no object": (changed(TEACHER, b"[1]\n"), "no JSON object"),
    "a line without end": (
        changed(TEACHER, b'{"a": "' + os.urandom(9_000_000).hex().encode() + b'"}'),
        "16 MB",
    ),
    "a pickle": (changed("run/model.pkl", b"\x80\x04."), "no file of a bundle"),
    "a page of somebody else's": (changed("run/evil.html", b"<script>"), "no file of a bundle"),
    "a program": (changed("training/parrot-dpo/adapter/load.py", b"import os"), "no file of a bundle"),
    "weights that are none": (
        changed("training/parrot-dpo/adapter/adapter_model.safetensors", b"\x80\x04 pickle"),
        "begin",
    ),
    "another character": (
        changed("constitution/pirate.json", lambda data: data.replace(b"old sea dog", b"new sea dog", 1)),
        "another character",
    ),
    "a run of another": (
        changed("run/run.json", lambda data: data.replace(b"old sea dog", b"new sea dog", 1)),
        "of another character",
    ),
    "a result that is none": (
        changed("run/evals/traits/deadbeef/result.json", b'{"kind": 5}'),
        "no result|form",
    ),
    "no manifest": (lambda files: files.pop("manifest.json"), "manifest"),
    "a manifest of another program": (
        changed("manifest.json", b'{"format": "x"}', honest=False),
        "no bundle",
    ),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_contents_are_refused_and_leave_nothing(
    file: Path, away: Settings, tmp_path: Path, what: str
) -> None:
    change, words = HOSTILE[what]
    refused(away, repacked(file, tmp_path / "b.zip", change), words)


def test_rows_of_a_wrong_shape_are_refused_before_a_page_meets_them(
    file: Path, away: Settings, tmp_path: Path
) -> None:
    from core.store.jsonl import seal

    def change(files: dict[str, bytes]) -> None:
        rows = next(
            name for name in files if name.startswith("run/teacher/") and name.endswith("rows.jsonl")
        )
        files[rows] += seal({"key": "f" * 64, "prompt": 7, "sample": "x", "text": None})
        consistent(files)

    refused(away, repacked(file, tmp_path / "b.zip", change), "not in the form")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("character", "../evil"),
        ("character", 7),
        ("run", "../../evil"),
        ("constitution_sha256", "x"),
        ("files", []),
        ("files", [{"path": "../x", "bytes": 1, "sha256": "0" * 64, "at": 0}]),
        ("files", [{"path": "run/x.json", "bytes": -1, "sha256": "0" * 64, "at": 0}]),
        ("files", [{"path": "run/x.json", "bytes": 1 << 58, "sha256": "0" * 64, "at": 0}]),
        ("version", 2),
    ],
)
def test_a_manifest_that_lies_is_refused(
    file: Path, away: Settings, tmp_path: Path, field: str, value: Any
) -> None:
    def change(files: dict[str, bytes]) -> None:
        about = json.loads(files["manifest.json"]) | {field: value}
        files["manifest.json"] = json.dumps(about).encode()

    path = repacked(file, tmp_path / "b.zip", change)
    with pytest.raises(CoreError):
        read_bundle(path)
    refused(away, path)


def test_a_report_of_somebody_else_is_made_anew_and_never_shown(
    file: Path, away: Settings, tmp_path: Path
) -> None:
    change = changed("run/report/pirate.html", b"<script>alert(1)</script>")
    found = import_bundle(away, repacked(file, tmp_path / "b.zip", change))
    assert found.run
    page = (away.runs_path / found.run / "report" / "pirate.html").read_text()
    assert "alert(1)" not in page and "Pirate" in page


def test_times_of_the_future_become_now(file: Path, away: Settings, tmp_path: Path) -> None:
    import time

    def change(files: dict[str, bytes]) -> None:
        about = json.loads(files["manifest.json"])
        for one in about["files"]:
            one["at"] = 1 << 50
        files["manifest.json"] = json.dumps(about).encode()

    found = import_bundle(away, repacked(file, tmp_path / "b.zip", change))
    assert found.run
    newest = max(path.stat().st_mtime for path in (away.runs_path / found.run).rglob("*.jsonl"))
    assert newest <= time.time() + 1
