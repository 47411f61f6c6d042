"""Environments of their own: whole or not there, made once, and never at the price of a key."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from core import environments
from core.environments import (
    Environment,
    Recipe,
    environment_folder,
    find_environment,
    install_words,
    make_environment,
)
from core.errors import ModelError
from core.settings import PROJECT, Settings, load_settings
from tests.waiting import until

CANARY = "sk-canary-5f0e7d1c9b3a"
CHECK = "import tiny_vllm; from importlib.metadata import version; print(version('tiny-vllm'))"
TINY = Recipe(
    name="tiny",
    label="Tiny",
    build="cpu",
    requirements=("tiny-vllm-cpu==1.0",),
    disk_bytes=1000,
    check=("-I", "-c", CHECK),
    unwanted=("tiny-unfit",),
    aliases=(("tiny-vllm", "tiny-vllm-cpu"),),
)


def wheel(folder: Path, name: str, module: str, *, needs: str = "", code: str = "") -> None:
    """A package that pip accepts."""
    about, file = (
        f"{name.replace('-', '_')}-1.0.dist-info",
        f"{name.replace('-', '_')}-1.0-py3-none-any.whl",
    )
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
    with zipfile.ZipFile(folder / file, "w") as archive:
        archive.writestr(f"{module}.py", code)
        archive.writestr(f"{about}/METADATA", metadata + (f"Requires-Dist: {needs}\n" if needs else ""))
        archive.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{about}/RECORD", "")


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package index on this disk; pip is told of no other."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    wheel(folder, "tiny-vllm-cpu", "tiny_vllm", needs="tiny-unfit")
    wheel(folder, "tiny-unfit", "tiny_unfit")
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("OPENAI_API_KEY", CANARY)
    monkeypatch.setenv("HF_TOKEN", CANARY)
    return folder


def settings_of(tmp_path: Path) -> Settings:
    """The settings once the environment variables are set."""
    return load_settings(folder=tmp_path)


def said_by(python: Path, code: str) -> str:
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, timeout=60)
    return done.stdout.strip() or done.stderr


def test_a_half_made_environment_is_made_anew_and_a_whole_one_is_left_alone(
    shelf: Path, tmp_path: Path
) -> None:
    settings, said = settings_of(tmp_path), list[str]()
    folder = environment_folder(settings, "tiny")
    (folder / "lib").mkdir(parents=True)
    (folder / "lib" / "half").write_text("a file that a killed pip left")
    assert find_environment(settings, "tiny") is None
    made = make_environment(settings, TINY, said.append)
    assert not (folder / "lib" / "half").exists()
    assert "Installing Tiny." in said
    assert made.versions["tiny-vllm-cpu"] == "1.0" and "tiny-unfit" not in made.versions
    assert made.size > 1000
    # A package published under another name finds itself under its own.
    assert said_by(made.python, CHECK) == "1.0+cpu"
    assert find_environment(settings, "tiny") == made
    said.clear()
    assert make_environment(settings, TINY, said.append) == made
    assert said == []
    # No key reaches a foreign package's programs, nor the log that they leave.
    assert CANARY not in environments.log_path(folder).read_text()
    assert CANARY not in json.dumps(environments.clean_environment(settings))
    # Its interpreter gone with the Python that made it, it does not count as there.
    made.python.unlink()
    assert find_environment(settings, "tiny") is None


def test_a_package_that_is_nowhere_is_said_with_the_cure_and_leaves_nothing_that_counts(
    shelf: Path, tmp_path: Path
) -> None:
    settings = settings_of(tmp_path)
    with pytest.raises(ModelError, match=r"no-such-thing.*character setup tiny") as caught:
        make_environment(settings, replace(TINY, requirements=("no-such-thing==9",)), print)
    assert "pip could not install Tiny" in str(caught.value)
    assert find_environment(settings, "tiny") is None
    assert "no-such-thing" in environments.log_path(environment_folder(settings, "tiny")).read_text()


def test_what_is_installed_but_does_not_run_is_not_called_ready(shelf: Path, tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    broken = replace(TINY, check=("-c", "raise SystemExit('libcudart.so.13: cannot open')"))
    with pytest.raises(ModelError, match=r"does not run \(libcudart.so.13"):
        make_environment(settings, broken, print)
    assert find_environment(settings, "tiny") is None


def test_killing_the_installer_leaves_no_pip_and_the_next_one_finishes(shelf: Path, tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    script = (
        "import sys\nfrom core.environments import make_environment\n"
        "from core.settings import load_settings\nfrom tests.core.test_environments import TINY\n"
        "from pathlib import Path\nfrom dataclasses import replace\n"
        "slow = replace(TINY, check=('-c', 'import time; time.sleep(60)'))\n"
        f"make_environment(load_settings(folder=Path({str(tmp_path)!r})), slow, print)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-u", "-c", script], cwd=PROJECT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    until(lambda: "Checking" in process.stdout.readline())  # type: ignore[union-attr]
    process.kill()
    process.wait()
    process.stdout.close()
    assert find_environment(settings, "tiny") is None
    assert make_environment(settings, TINY, print).versions["tiny-vllm-cpu"] == "1.0"


def test_too_small_a_disk_is_said_before_anything_is_made(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    with pytest.raises(ModelError, match=r"needs about .* GB .*character setup tiny"):
        make_environment(settings, replace(TINY, disk_bytes=10**18), print)
    assert not environment_folder(settings, "tiny").exists()


def test_a_folder_that_cannot_be_written_is_said_with_the_cure(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file where the folder should be")
    with pytest.raises(ModelError, match="set DATA_PATH"):
        make_environment(settings_of(tmp_path), TINY, print)


def test_a_person_can_read_what_would_be_run(tmp_path: Path) -> None:
    words = install_words(TINY, tmp_path / "tiny")
    assert [line[1:4] for line in words] == [
        ["-m", "venv", str(tmp_path / "tiny")],
        ["-m", "pip", "install"],
        ["-m", "pip", "uninstall"],
    ]


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"name": "tiny"}'])
def test_a_damaged_manifest_counts_as_none(tmp_path: Path, text: str) -> None:
    settings = settings_of(tmp_path)
    folder = environment_folder(settings, "tiny")
    folder.mkdir(parents=True)
    (folder / environments.MANIFEST).write_text(text)
    found: Environment | None = find_environment(settings, "tiny")
    assert found is None
