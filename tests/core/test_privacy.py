"""Nobody else on this machine reads what the studio writes, whatever umask it was started with."""

from __future__ import annotations

import os
import shlex
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.settings import PROJECT
from core.store.jsonl import append_rows, write_atomic
from core.store.privacy import keep_private

FAKE = "--teacher fake/parrot --student fake/parrot --limit 6 --K 1"


def modes(folder: Path) -> dict[str, int]:
    """The mode of everything under a folder, links aside."""
    found = (path for path in folder.rglob("*") if not path.is_symlink())
    return {str(path.relative_to(folder)): stat.S_IMODE(path.stat().st_mode) for path in found}


def shell(data: Path, umask: str, *lines: str) -> None:
    character = shlex.join([sys.executable, "-m", "core"])
    script = "\n".join([f"umask {umask}", "set -e", *(f"{character} {line}" for line in lines)])
    done = subprocess.run(
        ["bash", "-c", script],
        env=os.environ | {"DATA_PATH": str(data)},
        cwd=PROJECT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture
def umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def test_everything_that_the_verbs_leave_is_the_owners_alone(tmp_path: Path) -> None:
    data = tmp_path / "data"
    shell(
        data,
        "022",
        f"pipeline pirate {FAKE}",
        "review pirate --all keep --reviewer Ann",
        "export pairs pirate --to csv",
        "dpo-data --constitution pirate",
        "jobs list",
        "review pirate --undo-last",
    )
    found = modes(data)
    for kind in ("decisions.jsonl", ".decisions.lock", "rows.jsonl", ".csv", ".index.sqlite", "run.json"):
        assert any(name.endswith(kind) for name in found), (kind, sorted(found))
    assert {name: oct(mode) for name, mode in found.items() if mode & 0o077} == {}


def test_a_group_that_umask_lets_write_goes_on_sharing_and_the_world_stays_out(tmp_path: Path) -> None:
    data = tmp_path / "data"
    shell(data, "002", f"pipeline pirate {FAKE}", "review pirate --all keep")
    found = modes(data)
    assert {name: oct(mode) for name, mode in found.items() if mode & 0o007} == {}
    rows = [mode for name, mode in found.items() if name.endswith(("rows.jsonl", "decisions.jsonl"))]
    assert rows and all(mode & 0o060 == 0o060 for mode in rows)


@pytest.mark.parametrize(("before", "after"), [(0o022, 0o077), (0o077, 0o077), (0o002, 0o007), (0, 0o007)])
def test_what_umask_was_decides_about_the_group_and_never_about_the_world(
    umask: None, before: int, after: int
) -> None:
    os.umask(before)
    keep_private()
    keep_private()
    assert os.umask(0o022) == after


def test_files_of_the_store_are_closed_to_the_world_even_without_an_entry(
    umask: None, tmp_path: Path
) -> None:
    os.umask(0)
    append_rows(tmp_path / "deep" / "rows.jsonl", [{"key": "a"}])
    write_atomic(tmp_path / "deep" / "other" / "file.json", "{}")
    assert {name: oct(mode) for name, mode in modes(tmp_path).items() if mode & 0o007} == {}
