"""Adapters that the embedded server can load: found by folder or name, checked, known by their content.

    LORA_PATH/smollm2-135m-dpo/pirate/adapter/adapter.gguf     loaded at run time, with a strength
    LORA_PATH/smollm2-135m-dpo/pirate/adapter/adapter_model.safetensors    what it was made from

An adapter is known by the hash of its weights, a server's copy of it by the hash of the GGUF file.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from core.embedded.catalogue import LOCAL_EXTRA, EmbeddedModel, embedded_model
from core.errors import ModelError, RunError, SettingsError
from core.names import ALIASES, ModelName
from core.settings import Settings
from core.store.disk import disk_trouble
from core.store.jsonl import read_json

GGUF, WEIGHTS, CONFIG, PROVENANCE = (
    "adapter.gguf",
    "adapter_model.safetensors",
    "adapter_config.json",
    "provenance.json",
)
# The trainer writes into the GGUF file which weights it was made from.
MADE_FROM = "character.adapter_sha256"
PICKLES = ("adapter_model.bin", "adapter_model.pt", "adapter_model.pth")
# In the order in which a name is looked for: a merged adapter holds the others, a trial's is the smallest.
STAGES = ("merged", "dpo", "sft", "trial")
STRONGEST = 1.5


@dataclass(frozen=True, slots=True)
class LocalAdapter:
    """An adapter of the embedded model. `sha256` is what rows carry, `gguf_sha256` what is loaded.

    `on_top_of` names the adapter that it was trained on top of: alone it is half of a character.
    """

    folder: Path
    gguf: Path
    sha256: str
    gguf_sha256: str
    on_top_of: str | None = None


@dataclass(frozen=True, slots=True)
class Wearing:
    """An adapter at a strength: 0 is the plain model, 1 the adapter as trained. Raises SettingsError."""

    adapter: LocalAdapter
    strength: float = 1.0

    def __post_init__(self) -> None:
        checked_strength(self.strength)

    def as_body(self) -> dict[str, Any]:
        """What every request to a server with this adapter says."""
        body: dict[str, Any] = {"lora": [{"id": 0, "scale": self.strength}]}
        # After a request that names no strength, llama.cpp takes what it has read with the adapter for
        # the plain model's own; strength 0 must be the plain model whoever asked before.
        return body if self.strength else body | {"cache_prompt": False}


def find_adapter(settings: Settings, model: str, wish: str | Path) -> LocalAdapter:
    """The adapter in a folder, or of a character's name ("pirate", "dpo/pirate"), fit for a model.

    Raises ModelError for one that is not there or cannot be used, with what to do.
    """
    served, folder = embedded_model(model), _folder_of(settings, model, wish)
    _refuse_pickles(folder)
    _refuse_other_base(folder, served, settings)
    gguf = folder / GGUF
    if not gguf.is_file():
        raise ModelError(
            f"{folder} holds no {GGUF}, which the embedded model needs. Train it again with "
            f"character train --backend local, or take the adapter that was made for {served.name}."
        )
    loaded = file_sha256(gguf)
    return LocalAdapter(folder, gguf, _weights_hash(folder, gguf, loaded), loaded, _below(folder))


def checked_strength(strength: float) -> float:
    """The strength itself. Raises SettingsError unless it is from 0 to 1.5."""
    if not math.isfinite(strength) or not 0 <= strength <= STRONGEST:
        raise SettingsError(
            f"A strength of {strength:g} cannot be used: 0 is the plain model, 1 the adapter as trained, "
            f"{STRONGEST:g} the most; choose a number in between."
        )
    return strength


def adapter_names(settings: Settings, model: str) -> list[str]:
    """What can be chatted with on a model: "dpo/pirate", "merged/pirate" …, those with a GGUF only."""
    found: list[str] = []
    for stage in STAGES:
        places = (settings.lora_path / f"{model}-{stage}").glob(f"*/adapter/{GGUF}")
        found += sorted(f"{stage}/{place.parent.parent.name}" for place in places)
    return found


def _folder_of(settings: Settings, model: str, wish: str | Path) -> Path:
    """The folder that holds the adapter's files."""
    named = _named(settings, model, str(wish))
    for place in [Path(wish).expanduser().absolute(), *named]:
        for folder in (place / "adapter", place):
            if any(os.path.exists(folder / name) for name in (CONFIG, GGUF, *PICKLES)):
                return folder
    known = ", ".join(adapter_names(settings, model))
    raise ModelError(
        f"There is no adapter {str(wish)!r}, neither as a folder nor in {settings.lora_path}"
        + (f"; there is {known}." if known else ". Train one: character train dpo --backend local …")
    )


def _named(settings: Settings, model: str, name: str) -> list[Path]:
    stage, slash, character = name.partition("/")
    pairs = [(stage, character)] if slash else [(stage, name) for stage in STAGES]
    plain = [(stage, one) for stage, one in pairs if stage in STAGES and _is_plain(one)]
    return [settings.lora_path / f"{model}-{stage}" / one for stage, one in plain]


def _is_plain(name: str) -> bool:
    return bool(name) and Path(name).name == name


def _refuse_pickles(folder: Path) -> None:
    pickles = [name for name in PICKLES if (folder / name).exists()]
    if pickles and not (folder / WEIGHTS).exists():
        raise ModelError(
            f"The adapter in {folder} has its weights in {pickles[0]}, a pickle: loading it would run "
            f"whatever code its author put inside. Ask for the same weights as {WEIGHTS}."
        )


def _refuse_other_base(folder: Path, model: EmbeddedModel, settings: Settings) -> None:
    """Refuse an adapter that is known to be for another model; an unknown name says nothing."""
    base = str(_object(folder / CONFIG).get("base_model_name_or_path") or "")
    slug = ModelName("local", base).slug if base else ""
    if slug in ALIASES and slug != model.name:
        raise ModelError(_other_base(folder, base, model))
    made_for, here = _base_hash(folder), _hash_here(settings, model)
    if made_for and here and made_for != here:
        raise ModelError(_other_base(folder, f"{base or 'a model'} ({made_for[:12]})", model))


def _other_base(folder: Path, base: str, model: EmbeddedModel) -> str:
    return (
        f"The adapter in {folder} was made for {base}, and its numbers mean nothing on {model.name}. "
        "Use it with its own model, or train one here: character train dpo --backend local …"
    )


def _base_hash(folder: Path) -> str | None:
    base = _object(folder / PROVENANCE).get("base")
    return str(base["sha256"]) if isinstance(base, Mapping) and "sha256" in base else None


def _below(folder: Path) -> str | None:
    below = _object(folder / PROVENANCE).get("on_top_of")
    return str(below[0]) if isinstance(below, list) and below else None


def _hash_here(settings: Settings, model: EmbeddedModel) -> str | None:
    """The hash of the 32-bit weights that the trainer unpacked here; None where it never did."""
    unpacked = settings.model_path / model.name / f"hf-{model.sha256[:12]}" / "weights.json"
    found = _object(unpacked).get("sha256")
    return str(found) if found else None


def _object(path: Path) -> Mapping[str, Any]:
    """The JSON object in a file, empty where there is none."""
    try:
        value = read_json(path)
    except (RunError, OSError, UnicodeDecodeError):
        raise ModelError(f"{path} cannot be read; train or download the adapter again.") from None
    return value if isinstance(value, dict) else {}


def _weights_hash(folder: Path, gguf: Path, loaded: str) -> str:
    """What rows call the adapter: the hash of the weights that the GGUF was made from."""
    told = _made_from(gguf, *_mark(gguf))
    if told is None:
        return loaded
    weights = folder / WEIGHTS
    if weights.exists() and file_sha256(weights) != told:
        raise ModelError(
            f"{gguf} was made from other weights than those beside it, so it would speak with an old "
            "voice. Train again, or delete it and merge again: the GGUF is then written anew."
        )
    return told


@lru_cache(maxsize=64)
def _made_from(gguf: Path, *_mark: int) -> str | None:
    """The hash that the trainer wrote into the file; None in files of other makers."""
    try:
        from gguf import GGUFReader
    except ImportError:
        raise ModelError(LOCAL_EXTRA) from None
    try:
        field = GGUFReader(gguf).get_field(MADE_FROM)
    except (ValueError, OSError, IndexError, KeyError) as error:
        raise ModelError(f"{gguf} is damaged ({error}); train or merge again.") from error
    return str(field.contents()) if field else None


def file_sha256(path: Path) -> str:
    """Hex sha256 of a file, read again whenever the file changes. Raises RunError."""
    return _hashed(path, *_mark(path))


def _mark(path: Path) -> tuple[int, int, int]:
    """What changes when a file is written or replaced."""
    try:
        status = path.stat()
    except OSError as error:
        raise disk_trouble("read", path, error) from error
    return status.st_ino, status.st_size, status.st_mtime_ns


@lru_cache(maxsize=64)
def _hashed(path: Path, *_mark: int) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise disk_trouble("read", path, error) from error
