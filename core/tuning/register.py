"""A finished adapter at its place: LORA_PATH/<student>-<stage>/<character>/, with where it comes from.

    adapter_config.json · adapter_model.safetensors · provenance.json

The folder appears whole or not at all. An adapter that stood there before is kept beside it.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.errors import ModelError
from core.names import ALIASES, ModelName
from core.settings import Settings
from core.store import disk
from core.store.disk import disk_trouble
from core.store.jsonl import read_json, write_json
from core.tuning.convert import file_sha256
from core.tuning.state import Tuning
from core.tuning.unpack import CONFIG, PICKLES, WEIGHTS, check_weights, unpack_adapter
from core.tuning.weights import copy_without_image_part

PROVENANCE = "provenance.json"


def adapter_folder(settings: Settings, student: str, kind: str, constitution: str) -> Path:
    """Where the adapter of a student, a stage and a character stands."""
    return settings.lora_path / f"{student}-{kind}" / constitution


def register(tuning: Tuning, archive: Path, settings: Settings) -> tuple[Path, list[str]]:
    """Unpack, check and put an adapter in its place; returns the folder and notes.

    Doing it twice is harmless. Raises ModelError for an adapter that cannot be used, RunError otherwise.
    """
    target = adapter_folder(settings, tuning.student, tuning.kind, tuning.constitution)
    if _is_this(target, tuning):
        return target, []
    new = target.with_name(f".{target.name}.{tuning.id}.new")
    try:
        shutil.rmtree(new, ignore_errors=True)
        disk.make_folder(new)
    except OSError as error:
        raise disk_trouble("make", new, error) from error
    unpacked = unpack_adapter(archive, new)
    about = read_json(new / CONFIG)
    _check_base(about, tuning)
    write_json(new / PROVENANCE, _provenance(tuning, new, about, unpacked.files))
    _put(new, target)
    return target, [f"left in the archive: {name}" for name in unpacked.left_out]


def register_folder(
    made: Path, target: Path, facts: Mapping[str, Any], *, base: str, where: str
) -> list[str]:
    """Put an adapter that a trainer left in a folder in its place, and return notes.

    `base` is the model that it belongs to, `facts` what is kept of how it was made, `where` a word for
    the hidden folder in between. Raises ModelError for what is no adapter, RunError otherwise.
    """
    if not (made / WEIGHTS).is_file() or not (made / CONFIG).is_file():
        pickle = any(path.suffix in PICKLES for path in made.glob("adapter_model.*"))
        why = "its weights are a pickle, which can run programs" if pickle else f"there is no {WEIGHTS}"
        raise ModelError(f"{made} holds no adapter that can be used: {why}; nothing was registered.")
    new = target.with_name(f".{target.name}.{where}.new")
    shutil.rmtree(new, ignore_errors=True)
    disk.make_folder(new)
    left_out = copy_without_image_part(made / WEIGHTS, new / WEIGHTS)
    check_weights(new / WEIGHTS)
    about = read_json(made / CONFIG)
    write_json(new / CONFIG, about | {"base_model_name_or_path": base})
    write_json(
        new / PROVENANCE, {"adapter_sha256": file_sha256(new / WEIGHTS), **facts, "created": time.time()}
    )
    _put(new, target)
    return (
        [f"{left_out} layers of the image part, which learned nothing, were taken out"] if left_out else []
    )


def _is_this(target: Path, tuning: Tuning) -> bool:
    found = read_json(target / PROVENANCE) if target.is_dir() else None
    return (
        isinstance(found, dict) and found.get("tuning") == tuning.id and found.get("job") == tuning.job_id
    )


def _check_base(about: Any, tuning: Tuning) -> None:
    """Refuse an adapter that names another student as its base; an unknown name says nothing."""
    base = about.get("base_model_name_or_path") if isinstance(about, dict) else None
    if not isinstance(base, str):
        raise ModelError(f"The adapter's {CONFIG} is not readable; nothing was registered.")
    slug = ModelName("together", base).slug
    if slug in ALIASES and slug != tuning.student:
        raise ModelError(
            f"The adapter was trained on {slug}, and {tuning.student} was meant; it was not registered."
        )


def _provenance(
    tuning: Tuning, folder: Path, about: dict[str, Any], names: tuple[str, ...]
) -> dict[str, Any]:
    return {
        "backend": "together",
        "tuning": tuning.id,
        "job": tuning.job_id,
        "output_name": tuning.output_name,
        "student": tuning.student,
        "model": tuning.model,
        "base_in_adapter": about.get("base_model_name_or_path"),
        "stage": tuning.kind,
        "constitution": tuning.constitution,
        "continues": tuning.from_checkpoint,
        "recipe": tuning.recipe,
        "notes": tuning.notes,
        "training_source": tuning.training_source,
        "training_sha256": tuning.training_sha256,
        "source_sha256": tuning.source_sha256,
        "rows": tuning.rows,
        "archive": tuning.archive,
        "cost_usd": tuning.cost_usd,
        "made_at": time.time(),
        "sha256": {name: file_sha256(folder / name) for name in names},
    }


def _put(new: Path, target: Path) -> None:
    """Move a folder into place; what was there is kept under a name of its own."""
    try:
        disk.sync_folder(new)
        if target.exists():
            target.rename(target.with_name(f"{target.name}.before-{time.time_ns()}"))
        new.rename(target)
        disk.sync_folder(target.parent)
    except OSError as error:
        raise disk_trouble("put in place", target, error) from error
