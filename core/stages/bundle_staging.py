"""A judged bundle unpacked beside its place, made to fit this machine and loaded once; then it may move."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from core.constitution import Constitution
from core.settings import Settings
from core.stages.bundle_contents import MARK
from core.stages.bundle_fit import Fit, check_run, fit_folder
from core.stages.bundle_judging import Checked, verified
from core.store.atomic import replacing
from core.store.bundle import File, Manifest
from core.store.bundle_zip import Archive, opened
from core.store.disk import disk_trouble
from core.store.jsonl import write_json
from core.store.runs import Run, run_folder

_DPO_ENDINGS = (".manifest.json", ".validation.jsonl", ".jsonl")


@dataclass(frozen=True, slots=True)
class Move:
    """A folder or file that waits beside its place."""

    source: Path
    target: Path


def workshop(settings: Settings) -> Path:
    """Where bundles are unpacked."""
    return settings.data_path / ".bundles"


@contextmanager
def staged(
    settings: Settings, path: Path, found: Checked, character: Constitution, run_id: str | None
) -> Generator[list[Move]]:
    """Everything unpacked, fitted to this machine and loaded once; gone again at the end."""
    here = workshop(settings) / found.id
    there = settings.lora_path / f".bundle-{found.id}" / "adapters"
    fit = Fit(settings, found.character, character, found.manifest.run, run_id)
    try:
        with opened(path) as archive:
            for file in found.manifest.files:
                _unpack(archive, file, here, there)
        moves = list(_moves(settings, found, character, run_id, here, there))
        for root in (here / "run", here / "data", there):
            fit_folder(root, fit)
        if run_id is not None:
            _leave_mark(here / "run", found)
            check_run(Run(here / "run"))
        _restore_times(found.manifest, here, there)
        yield moves
    except OSError as error:
        raise disk_trouble("unpack", here, error) from error
    finally:
        shutil.rmtree(here, ignore_errors=True)
        shutil.rmtree(there.parent, ignore_errors=True)


def _staging_place(name: str, here: Path, there: Path) -> Path:
    head, _, rest = name.partition("/")
    return there / rest if head == "training" else here / name


def _unpack(archive: Archive, file: File, here: Path, there: Path) -> None:
    # A report is made anew from what was imported: a page of somebody else's could run programs.
    if file.path.startswith(("run/report/", "constitution/")):
        return
    with replacing(_staging_place(file.path, here, there)) as new:
        for piece in verified(archive, file):
            new.write(piece)


def _restore_times(about: Manifest, here: Path, there: Path) -> None:
    """Which answers were made last decides what pairs are made of; no time may lie in the future."""
    now = time.time_ns()
    for file in about.files:
        path = _staging_place(file.path, here, there)
        if file.at and path.is_file():
            at = min(file.at * 1_000_000, now)
            os.utime(path, ns=(at, at))


def _leave_mark(folder: Path, found: Checked) -> None:
    write_json(folder / MARK, {"bundle": found.id, "studio": found.manifest.studio})


def _moves(
    settings: Settings, found: Checked, character: Constitution, run_id: str | None, here: Path, there: Path
) -> Iterator[Move]:
    for folder in sorted({file.path.split("/")[1] for file in _under(found, "training/")}):
        yield Move(there / folder, settings.lora_path / folder / character.name)
    for file in _under(found, "data/dpo/"):
        student, ending = _student_of(file.path)
        target = settings.data_path / "dpo" / student / f"{character.name}{ending}"
        yield Move(here / file.path, target)
    if run_id is not None:
        yield Move(here / "run", run_folder(settings, run_id))


def _under(found: Checked, head: str) -> list[File]:
    return [file for file in found.manifest.files if file.path.startswith(head)]


def _student_of(name: str) -> tuple[str, str]:
    base = name.rpartition("/")[2]
    ending = next(ending for ending in _DPO_ENDINGS if base.endswith(ending))
    return base.removesuffix(ending), ending
