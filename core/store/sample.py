"""The sample on disk: one shipped archive of text, unpacked into the data folder and taken away again.

    constitutions/sample/sample-pirate.zip
      data/constitutions/… data/runs/… data/dpo/…    go to DATA_PATH
      loras/…                                        goes to LORA_PATH

The character's own file is written last: while it is missing, the sample counts as not opened, and
opening it again writes everything anew.
"""

from __future__ import annotations

import calendar
import os
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from core.errors import ConflictError, RunError
from core.sample import SAMPLE
from core.settings import Settings
from core.store.jsonl import write_atomic
from core.store.locks import held
from core.store.shelf import read

CHARACTER = f"data/constitutions/hand-written/{SAMPLE}.json"
MOST_FILES, MOST_BYTES = 500, 20_000_000


def sample_archive(settings: Settings) -> Path:
    """Where the shipped archive lies."""
    return settings.constitution_path / "sample" / f"{SAMPLE}.zip"


def has_sample(settings: Settings) -> bool:
    """Whether the sample is unpacked."""
    return _place(settings, CHARACTER).exists()


def offers_sample(settings: Settings) -> bool:
    """Whether there is a sample to open."""
    return has_sample(settings) or sample_archive(settings).exists()


def open_sample(settings: Settings) -> str:
    """Unpack the sample and return its character's name; an opened one stays as it is.

    Raises RunError when the archive is missing or damaged, ConflictError when somebody's own character
    has the sample's name.
    """
    archive = sample_archive(settings)
    with held(settings.data_path / ".sample.lock", "the sample"):
        try:
            with zipfile.ZipFile(archive) as packed:
                _refuse_other(settings, packed.read(CHARACTER))
                if not has_sample(settings):
                    _unpack(settings, packed)
        except FileNotFoundError:
            raise RunError(f"There is no sample at {archive}; get it back from the repository.") from None
        except (zipfile.BadZipFile, KeyError, OSError) as error:
            message = (
                f"The sample at {archive} cannot be unpacked ({error}); get it anew or check the disk."
            )
            raise RunError(message) from error
    return SAMPLE


def _refuse_other(settings: Settings, shipped: bytes) -> None:
    there = read(_place(settings, CHARACTER))
    if there is not None and there != shipped:
        message = (
            f"A character of your own is called {SAMPLE!r}; give it another name, then open the sample."
        )
        raise ConflictError(message)


def _unpack(settings: Settings, packed: zipfile.ZipFile) -> None:
    members = [member for member in packed.infolist() if not member.is_dir()]
    if len(members) > MOST_FILES or sum(member.file_size for member in members) > MOST_BYTES:
        raise RunError("The sample is larger than it can be; get the shipped one back.")
    places = {member.filename: _place(settings, member.filename) for member in members}
    for member in sorted(members, key=lambda one: one.filename == CHARACTER):
        path = places[member.filename]
        write_atomic(path, packed.read(member))
        # Pages say when something was made by the file's time: it is the maker's, not this minute.
        made = calendar.timegm((*member.date_time, 0, 0, 0))
        os.utime(path, (made, made))


def _place(settings: Settings, member: str) -> Path:
    """Where a file of the archive belongs. Raises RunError when it would lead elsewhere."""
    root, *parts = PurePosixPath(member).parts
    roots = {"data": settings.data_path, "loras": settings.lora_path}
    if root not in roots or not parts or any(part in ("..", "") for part in parts) or "\\" in member:
        raise RunError(f"The sample holds {member!r}, which belongs nowhere; get the shipped one back.")
    return roots[root].joinpath(*parts)


def remove_sample(settings: Settings) -> bool:
    """Take the sample away, with votes and choices made on it; whether there was one.

    Raises ConflictError when a character of somebody's own has its name, RunError for the disk.
    """
    if not has_sample(settings):
        return False
    with held(settings.data_path / ".sample.lock", "the sample"):
        with zipfile.ZipFile(sample_archive(settings)) as packed:
            _refuse_other(settings, packed.read(CHARACTER))
        try:
            for path in list(_places(settings)):
                shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        except OSError as error:
            raise RunError(f"The sample could not be removed: {error}; check the folder.") from error
    return True


def _places(settings: Settings) -> Iterator[Path]:
    """Everything of the sample, its character first: what is left of an interrupted removal is not seen."""
    yield _place(settings, CHARACTER)
    data = settings.data_path
    yield from data.glob(f"constitutions/.*/{SAMPLE}.*")
    yield from data.glob(f"constitutions/few-shot/*{SAMPLE}.*")
    yield from settings.runs_path.glob(f"{SAMPLE}-*")
    yield from data.glob(f"distillation/{SAMPLE}.*")
    yield from data.glob(f"dpo/*/{SAMPLE}*")
    yield from settings.lora_path.glob(f"*/{SAMPLE}")
