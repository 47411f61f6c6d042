"""Folders that appear whole or not at all, and the rules for files of strangers.

Safetensors hold numbers only. Pickles (.bin, .pt) and `auto_map` run code of whoever made them, so they
are refused unless the person has agreed.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any

from core.errors import RunError
from core.store.disk import PRIVATE_FOLDER, disk_trouble
from core.store.jsonl import read_json
from training.problems import TrainingError

PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")


@contextlib.contextmanager
def whole_folder(target: Path) -> Generator[Path]:
    """A folder to fill, which takes `target`'s place at the end of the block; after an error it is gone."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        made = target.parent / f".{target.name}-{uuid.uuid4().hex[:8]}"
        made.mkdir(PRIVATE_FOLDER)
    except OSError as error:
        raise disk_trouble("write", target, error) from error
    try:
        yield made
        _make_durable(made)
        _take_place(made, target)
    except OSError as error:
        raise disk_trouble("write", target, error) from error
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _make_durable(folder: Path) -> None:
    for path in [*folder.iterdir(), folder]:
        fd = os.open(path, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


def _take_place(made: Path, target: Path) -> None:
    """Two renames: in between the old folder stands beside its place, never half a new one in it."""
    old = target.with_name(f".{target.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        target.rename(old)
    made.rename(target)
    shutil.rmtree(old, ignore_errors=True)


def sha256_file(path: Path) -> str:
    """Hex sha256 of a file's bytes. Raises RunError."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise disk_trouble("read", path, error) from error


def read_object(path: Path, what: str) -> dict[str, Any]:
    """The JSON object in a file that must be there. Raises TrainingError."""
    try:
        value = read_json(path)
    except (RunError, UnicodeDecodeError) as error:
        raise TrainingError(f"{what} {path} cannot be read: {error}") from error
    if not isinstance(value, dict):
        raise TrainingError(f"{what} {path} is missing or not a JSON object.")
    return value


def as_line(value: Mapping[str, Any]) -> str:
    """One line of JSON."""
    return json.dumps(value, ensure_ascii=False, default=str)


def refuse_pickles(folder: Path, what: str) -> None:
    """Raise TrainingError when a folder holds weights as pickles only: loading one runs foreign code."""
    names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    pickles = [name for name in names if name.endswith(PICKLES) and name != "training_args.bin"]
    if pickles and not any(name.endswith(".safetensors") for name in names):
        raise TrainingError(
            f"{what} {folder} has its weights in {pickles[0]}, a pickle: loading it would run whatever "
            "code its author put inside. Ask for the same weights as .safetensors, or convert them on a "
            "machine that you can lose."
        )


def refuse_remote_code(config: Mapping[str, Any], folder: Path, *, allowed: bool) -> None:
    """Raise TrainingError when a model wants to run code of its own and the person has not agreed."""
    if "auto_map" in config and not allowed:
        raise TrainingError(
            f"The model in {folder} brings Python code of its own, which would run on this computer with "
            'your rights. Read it first; if you trust it, set "allow_remote_code": true.'
        )
