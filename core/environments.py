"""Python environments of their own, for packages that cannot share ours: vLLM, OpenRLHF.

    environments/vllm/bin/python          an ordinary virtual environment, made by `python -m venv`
    environments/vllm/environment.json    what is in it, written last: without it nothing counts as made
    environments/vllm.log                 everything that pip said, the last time

We never import what is in there; its programs are started as processes. A half-made environment is
removed and made again: pip keeps what it has downloaded, so only the unpacking is repeated.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any, cast

from filelock import FileLock, Timeout

from core.errors import ModelError, RunError
from core.guarded import end_tree, start_tree
from core.job_wrapper import SECRETS_VARIABLE
from core.settings import Settings
from core.store.jsonl import read_json, write_json

Report = Callable[[str], None]

MANIFEST = "environment.json"
# What a recipe's check writes for the folder of the environment's programs.
BIN = "{bin}"
TOLD = ("Collecting ", "Downloading ", "Installing ", "Building ", "Successfully ", "ERROR:")
# Unpacked packages and, until the end, the downloads they came from.
ROOM = 1.4
LONGEST_REASON = 300
CHECK_LIMIT_S = 600.0
PIP_OPTIONS = ("--no-input", "--disable-pip-version-check", "--progress-bar=off")
DROPPED = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PIP_USER", "PIP_TARGET", "PIP_PREFIX")
# A package that is published under another name, and looks itself up under its own.
ALIAS = """
import sys
from importlib.metadata import distribution
from pathlib import Path
wanted, published = sys.argv[1:]
version = distribution(published).version + "+" + published.rpartition("-")[2]
folder = Path(str(distribution(published).locate_file(f"{wanted.replace('-', '_')}-{version}.dist-info")))
folder.mkdir(exist_ok=True)
(folder / "METADATA").write_text(f"Metadata-Version: 2.1\\nName: {wanted}\\nVersion: {version}\\n")
(folder / "INSTALLER").write_text("character\\n")
"""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How an environment is made: what to install, take away again, and run to see that it works.

    `first` are installed before the rest, which is built against them. `aliases` are (name, published
    name) of packages that look themselves up under another name than they were installed by. `check` are
    words for the environment's python; `{bin}` stands for its programs.
    """

    name: str
    label: str
    build: str
    requirements: tuple[str, ...]
    disk_bytes: int
    check: tuple[str, ...]
    unwanted: tuple[str, ...] = ()
    aliases: tuple[tuple[str, str], ...] = ()
    first: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Environment:
    """A finished environment. `versions` are those of every package in it."""

    name: str
    build: str
    requirements: tuple[str, ...]
    versions: Mapping[str, str]
    size: int
    seconds: float
    made_at: float
    folder: Path

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / "bin" / "python"


def environment_folder(settings: Settings, name: str) -> Path:
    """Where an environment is, or would be."""
    return settings.data_path / "environments" / name


def find_environment(settings: Settings, name: str) -> Environment | None:
    """The finished environment of that name, or None. Runs nothing."""
    folder = environment_folder(settings, name)
    try:
        fields = read_json(folder / MANIFEST)
        found = Environment(**(fields | {"folder": folder, "requirements": tuple(fields["requirements"])}))
    except (RunError, OSError, TypeError, KeyError):
        return None
    # The interpreter is a link to the one it was made with, which may be gone since.
    return found if found.python.exists() else None


def make_environment(
    settings: Settings, recipe: Recipe, report: Report, *, again: bool = False
) -> Environment:
    """The recipe's environment, made when it is not there yet, or `again`. Raises ModelError."""
    found = _same(settings, recipe)
    if found and not again:
        return found
    folder = environment_folder(settings, recipe.name)
    with _disk_trouble_explained(folder, recipe), _one_at_a_time(folder, report):
        now = _same(settings, recipe)
        # Another process may have made it while this one waited.
        made_meanwhile = now is not None and now != found
        return now if now and (made_meanwhile or not again) else _make(settings, recipe, folder, report)


def install_words(recipe: Recipe, folder: Path) -> list[list[str]]:
    """The commands that make the environment, in order, for a person to read."""
    return [words for _, words in _steps(recipe, folder)]


def _steps(recipe: Recipe, folder: Path) -> list[tuple[str, list[str]]]:
    """The commands, each with what to say while it runs; the first one makes the environment."""
    python = str(folder / "bin" / "python")
    steps = [("Making the environment.", [sys.executable, "-m", "venv", str(folder)])]
    alone: tuple[str, ...] = ()
    if recipe.first:
        title = f"Installing what {recipe.label} is built against."
        steps.append((title, _pip(python, "install", *recipe.first)))
        # Otherwise pip would build in an empty environment of its own, where these are missing.
        alone = ("--no-build-isolation",)
    title = f"Installing {recipe.label}."
    steps.append((title, _pip(python, "install", *alone, *recipe.requirements)))
    if recipe.unwanted:
        steps.append(("Removing what does not fit.", _pip(python, "uninstall", "-y", *recipe.unwanted)))
    return steps


def _same(settings: Settings, recipe: Recipe) -> Environment | None:
    found = find_environment(settings, recipe.name)
    return found if found and found.requirements == recipe.requirements else None


def _make(settings: Settings, recipe: Recipe, folder: Path, report: Report) -> Environment:
    started = time.time()
    _require_room(recipe, folder)
    if folder.exists():
        report("Removing an unfinished or different environment.")
        # First, so that half of the old one never counts.
        (folder / MANIFEST).unlink(missing_ok=True)
        shutil.rmtree(folder)
    with _log(folder) as log:
        _install(_Shell(clean_environment(settings), log, report), recipe, folder)
    made = Environment(
        name=recipe.name,
        build=recipe.build,
        requirements=recipe.requirements,
        versions=_versions(folder, settings),
        size=_size(folder),
        seconds=round(time.time() - started, 1),
        made_at=started,
        folder=folder,
    )
    fields = asdict(made)
    del fields["folder"]
    write_json(folder / MANIFEST, fields)
    return made


def _install(shell: _Shell, recipe: Recipe, folder: Path) -> None:
    (title, venv), *steps = _steps(recipe, folder)
    python = str(folder / "bin" / "python")
    shell.run(venv, title, _why_no_venv)
    for title, words in steps:
        shell.run(words, title, partial(_why_pip_failed, recipe=recipe, folder=folder))
    not_sound = partial(_why_not_sound, recipe=recipe, folder=folder)
    for wanted, published in recipe.aliases:
        shell.run([python, "-I", "-c", ALIAS, wanted, published], "", not_sound)
    check = [word.replace(BIN, str(folder / "bin")) for word in recipe.check]
    shell.run([python, *check], "Checking that it works.", not_sound)


def _pip(python: str, verb: str, *words: str) -> list[str]:
    return [python, "-m", "pip", verb, *(PIP_OPTIONS if verb == "install" else PIP_OPTIONS[:2]), *words]


@dataclass(frozen=True, slots=True)
class _Shell:
    """Runs the steps one after the other; their words go to the log, the telling ones to `report`."""

    environment: Mapping[str, str]
    log: IO[str]
    report: Report

    def run(self, words: Sequence[str], title: str, why_not: Callable[[list[str]], str]) -> None:
        """Return when the step has succeeded. Raises ModelError, worded by `why_not`."""
        if title:
            self.report(title)
        said: list[str] = []
        with _started(words, self.environment) as process:
            for line in _lines(process):
                said.append(line)
                self._hear(line)
        if process.returncode:
            raise ModelError(why_not(said))

    def _hear(self, line: str) -> None:
        self.log.write(line + "\n")
        self.log.flush()
        if line.strip().startswith(TOLD):
            self.report(line.strip()[:LONGEST_REASON])


@contextlib.contextmanager
def _started(words: Sequence[str], environment: Mapping[str, str]) -> Generator[subprocess.Popen[bytes]]:
    """A running step, which does not outlive this block."""
    # A guarded one: pip going on behind a killed installer would write into what the next one makes.
    process = start_tree(words, environment)
    try:
        yield process
        process.wait()
    finally:
        end_tree(process)
        if process.stdout:
            process.stdout.close()


def _lines(process: subprocess.Popen[bytes]) -> Iterator[str]:
    assert process.stdout is not None
    for line in process.stdout:
        yield line.decode(errors="replace").rstrip()


def clean_environment(settings: Settings) -> dict[str, str]:
    """The environment for foreign programs: ours without keys, and without what would lead pip astray."""
    return {
        name: value
        for name, value in settings.for_subprocess().items()
        if name not in (*DROPPED, SECRETS_VARIABLE) and not name.endswith(("_KEY", "_TOKEN"))
    }


def _versions(folder: Path, settings: Settings) -> dict[str, str]:
    words = [str(folder / "bin" / "python"), "-m", "pip", "list", "--format=json", *PIP_OPTIONS[:2]]
    done = subprocess.run(
        words, env=clean_environment(settings), capture_output=True, text=True, timeout=CHECK_LIMIT_S
    )
    try:
        rows = cast("list[dict[str, Any]]", json.loads(done.stdout))
        return {str(row["name"]): str(row["version"]) for row in rows}
    except (ValueError, KeyError, TypeError):
        return {}


def _size(folder: Path) -> int:
    """Bytes on disk under a folder; links count as nothing."""
    total = 0
    for path, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(path, name)).st_size
    return total


@contextlib.contextmanager
def _log(folder: Path) -> Generator[IO[str]]:
    path = log_path(folder)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(fd, "w", encoding="utf-8", errors="replace") as log:
        yield log


def log_path(folder: Path) -> Path:
    """The file of everything that was said while an environment was made."""
    return folder.with_name(folder.name + ".log")


def _require_room(recipe: Recipe, folder: Path) -> None:
    need = int(recipe.disk_bytes * ROOM)
    free = shutil.disk_usage(folder.parent).free
    if free < need:
        raise ModelError(
            f"{recipe.label} needs about {need / 1e9:.0f} GB while it is installed and {folder.parent} has "
            f"{free / 1e9:.1f} GB free; free some space or set DATA_PATH to another disk, then run: "
            f"character setup {recipe.name}"
        )


@contextlib.contextmanager
def _one_at_a_time(folder: Path, report: Report) -> Generator[None]:
    folder.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder.with_name(folder.name + ".lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        report("Another process is installing it; waiting for that.")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def _disk_trouble_explained(folder: Path, recipe: Recipe) -> Generator[None]:
    try:
        yield
    except OSError as error:
        raise ModelError(
            f"{recipe.label} could not be kept in {folder}: {(error.strerror or str(error)).lower()}; free "
            f"some space or set DATA_PATH to a folder of yours, then run: character setup {recipe.name}"
        ) from error


def _why_no_venv(said: list[str]) -> str:
    return (
        f"This Python cannot make a virtual environment ({_reason(said)}); install its venv module "
        "(Debian: python3-venv), then run the same command again."
    )


def _why_pip_failed(said: list[str], recipe: Recipe, folder: Path) -> str:
    text, again = "\n".join(said), f"character setup {recipe.name}"
    cures = {
        "No space left": "free some space or set DATA_PATH to another disk",
        "CUDA_HOME": "install the CUDA toolkit (nvcc) that fits this torch and set CUDA_HOME to its folder",
        "nvcc": "install the CUDA toolkit (nvcc) that fits this torch and set CUDA_HOME to its folder",
        "No matching distribution": "check the internet connection and that pip's package index has it",
        "THESE PACKAGES DO NOT MATCH": "the package index gave other files than expected; try again",
        "Failed building wheel": "there is no ready-made package for this Python; use Python 3.11 or 3.12",
    }
    cure = next((cure for sign, cure in cures.items() if sign in text), "check the internet connection")
    return (
        f"pip could not install {recipe.label} ({_reason(said)}); {cure}, then run: {again}. {_all(folder)}"
    )


def _why_not_sound(said: list[str], recipe: Recipe, folder: Path) -> str:
    return (
        f"{recipe.label} was installed, but does not run ({_reason(said, last=True)}). "
        f"Run again to make it anew: character setup {recipe.name}. {_all(folder)}"
    )


def _all(folder: Path) -> str:
    return f"Everything that was said: {log_path(folder)}"


def _reason(said: list[str], *, last: bool = False) -> str:
    """The first thing that was called an error, else the last line."""
    lines = [line.strip() for line in said if line.strip()]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR:")]
    chosen = lines[-1:] if last or not errors else errors
    return next(iter(chosen), "it gave no reason")[:LONGEST_REASON].rstrip(".")
