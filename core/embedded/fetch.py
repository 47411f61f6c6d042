"""Embedded weights on disk: fetched once, checked against their pinned sha256, prepared, remembered.

    models/smollm2-135m/SmolLM2-135M-Instruct.Q8_0.gguf    what the server loads
    models/smollm2-135m/weights.json                       its sha256, size and time, to hash it only once

A file gets its final name only when it is complete and its checksum is right.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import tempfile
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from core.embedded.catalogue import EmbeddedModel, embedded_model
from core.embedded.requantise import requantise
from core.embedded.sources import Report, Source, sources
from core.errors import ModelError, RunError
from core.settings import Settings
from core.store.jsonl import read_json, write_json

UNCHECKED = ".unchecked"


def _say_nothing(_: str) -> None:
    pass


def pull(
    settings: Settings,
    name: str,
    *,
    report: Report = _say_nothing,
    verify: bool = False,
    places: Sequence[Source] | None = None,
) -> Path:
    """The model's weights, fetched and prepared when they are not here yet. Raises ModelError.

    `verify` hashes the whole file again; otherwise a file whose size and time have not changed since
    it was last hashed is trusted. `places` replaces the usual sources.
    """
    model = embedded_model(name)
    folder = model_folder(settings, name)
    with _disk_trouble_explained(folder, model):
        if is_ready(settings, name, verify=verify):
            return folder / model.file
        folder.mkdir(parents=True, exist_ok=True)
        with _one_at_a_time(folder, report):
            if not is_ready(settings, name):
                _fetch_and_prepare(model, folder, sources(settings) if places is None else places, report)
    return folder / model.file


def model_folder(settings: Settings, name: str) -> Path:
    """Where everything of one embedded model is kept."""
    return settings.model_path / name


def is_ready(settings: Settings, name: str, *, verify: bool = False) -> bool:
    """Whether the weights are here. Damaged ones are moved aside and raise ModelError."""
    model = embedded_model(name)
    weights = model_folder(settings, name) / model.file
    if not weights.exists():
        return False
    if not verify and _remembered(weights) == _facts(weights, model.sha256):
        return True
    _check(weights, model.sha256, model.name)
    _remember(weights, model.sha256)
    return True


# The manifest only saves time: where it cannot be written or read, the file is hashed again.
def _remember(weights: Path, sha256: str) -> None:
    with contextlib.suppress(RunError):
        write_json(weights.with_name("weights.json"), _facts(weights, sha256))


def _remembered(weights: Path) -> Any:
    with contextlib.suppress(RunError, OSError):
        return read_json(weights.with_name("weights.json"))
    return None


def _facts(weights: Path, sha256: str) -> dict[str, Any]:
    stat = weights.stat()
    return {"file": weights.name, "sha256": sha256, "size": stat.st_size, "mtime_ns": stat.st_mtime_ns}


def _check(path: Path, sha256: str, name: str) -> None:
    """Return when the file is the one that was tested; move it aside and raise otherwise."""
    if sha256_of(path) == sha256:
        return
    aside = path.replace(path.with_name(path.name + ".damaged"))
    raise ModelError(
        f"{path} is damaged: its checksum is not that of the tested file. It was renamed to "
        f"{aside.name}; fetch it again with: character models pull {name}"
    )


def sha256_of(path: Path) -> str:
    """Hex sha256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def _one_at_a_time(folder: Path, report: Report) -> Generator[None]:
    lock = FileLock(folder / "pull.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        report("Another process is fetching this model; waiting for it.")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _fetch_and_prepare(
    model: EmbeddedModel, folder: Path, places: Sequence[Source], report: Report
) -> None:
    _clear_leftovers(folder)
    _require_room(model, folder)
    source = folder / model.source_file
    copied_here = source.exists()
    if copied_here:
        _check(source, model.source_sha256, model.name)
    else:
        _fetch(model, source, places, report)
    report("Preparing the weights (once).")
    _prepare(model, source, folder / model.file)
    if not copied_here:
        source.unlink()


def _prepare(model: EmbeddedModel, source: Path, weights: Path) -> None:
    with tempfile.TemporaryDirectory(dir=weights.parent, prefix=".prepare-") as temporary:
        prepared = Path(temporary) / weights.name
        requantise(source, prepared)
        if sha256_of(prepared) != model.sha256:
            raise ModelError(
                f"The weights prepared from {source} are not those that were tested: memory or disk may be "
                f"faulty, or numpy and gguf too new. Try again with: character models pull {model.name}"
            )
        _sync(prepared)
        prepared.replace(weights)
    _remember(weights, model.sha256)


def _fetch(model: EmbeddedModel, source: Path, places: Sequence[Source], report: Report) -> None:
    """Put verified source weights at `source`, from the first place that has them."""
    reasons: list[str] = []
    for place in places:
        report(f"Fetching {model.source_size / 1e6:.0f} MB from {place.label}.")
        try:
            _fetch_from(place, model, source, report)
            return
        except ModelError as error:
            reasons.append(f"{place.label}: {error}")
            report(f"Nothing usable from {reasons[-1]}.")
    raise ModelError(
        f"{model.label} could not be fetched. Asked {'; '.join(reasons)}. Connect this computer to "
        f"the internet, or copy {source.name} into {source.parent}, then run: "
        f"character models pull {model.name}"
    )


def _fetch_from(place: Source, model: EmbeddedModel, source: Path, report: Report) -> None:
    unchecked = source.with_name(source.name + UNCHECKED)
    place.fetch(model, unchecked, report)
    if (found := sha256_of(unchecked)) != model.source_sha256:
        unchecked.unlink()
        raise ModelError(
            f"the file there has the checksum {found[:12]}… instead of {model.source_sha256[:12]}… "
            "and was thrown away"
        )
    _sync(unchecked)
    unchecked.replace(source)


def _sync(path: Path) -> None:
    """Make the file's bytes durable, so that its final name never stands for less than all of it."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _clear_leftovers(folder: Path) -> None:
    """Remove what a killed pull left behind; a half download stays, because it can go on."""
    for path in folder.glob(".*-*"):
        shutil.rmtree(path, ignore_errors=True)
    for path in folder.glob("*" + UNCHECKED):
        path.unlink()


def _require_room(model: EmbeddedModel, folder: Path) -> None:
    need = 2 * model.source_size + model.size
    free = shutil.disk_usage(folder).free
    if free < need:
        raise OSError(errno.ENOSPC, "No space left on device")


@contextlib.contextmanager
def _disk_trouble_explained(folder: Path, model: EmbeddedModel) -> Generator[None]:
    try:
        yield
    except OSError as error:
        need = (2 * model.source_size + model.size) / 1e6
        cures = {
            errno.ENOSPC: f"free {need:.0f} MB there or set MODEL_PATH to another disk",
            errno.EACCES: "check who owns the folder or set MODEL_PATH to one of yours",
            errno.EROFS: "set MODEL_PATH to a folder that can be written",
        }
        raise ModelError(
            f"{model.label} could not be kept in {folder}: {(error.strerror or str(error)).lower()}; "
            f"{cures.get(error.errno or 0, 'check the disk')}, then run: character models pull {model.name}"
        ) from error
