"""LoRA adapters as vLLM takes them: a PEFT folder under a name of its own."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import ModelError, RunError
from core.store.jsonl import read_json

# The ranks that vLLM can make room for.
RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
WEIGHTS = ("adapter_model.safetensors", "adapter_model.bin")


@dataclass(frozen=True, slots=True)
class Adapter:
    """One adapter: what requests call it, where it is, its rank, and the hash of its weights."""

    name: str
    path: Path
    rank: int
    sha256: str


def read_adapters(texts: Sequence[str]) -> tuple[Adapter, ...]:
    """The adapters of `NAME=PATH` texts (a path alone is named after its folder). Raises ModelError."""
    found = tuple(_read_adapter(text.strip()) for text in texts if text.strip())
    names = [adapter.name for adapter in found]
    for name in names:
        if names.count(name) > 1:
            raise ModelError(
                f"Two adapters are called {name!r}; give each a name of its own, as NAME=PATH."
            )
    return found


def room_for(adapters: Sequence[Adapter], asked: int | None = None) -> int:
    """The smallest rank limit of vLLM that every adapter fits into. Raises ModelError."""
    largest = max((adapter.rank for adapter in adapters), default=1)
    if asked is not None and asked < largest:
        names = ", ".join(adapter.name for adapter in adapters if adapter.rank > asked)
        raise ModelError(
            f"{names} has rank {largest}, more than --max-lora-rank {asked}; leave that flag out, and it "
            "is chosen to fit."
        )
    wanted = max(largest, asked or 1)
    for rank in RANKS:
        if rank >= wanted:
            return rank
    raise ModelError(f"vLLM serves adapters up to rank {RANKS[-1]}, and one has rank {wanted}.")


def _read_adapter(text: str) -> Adapter:
    name, equals, place = text.partition("=")
    path = Path(place if equals else text).expanduser().absolute()
    name = name.strip() if equals else path.name
    if not NAME.fullmatch(name):
        raise ModelError(f"{name!r} cannot be an adapter's name; use letters, digits, dots and dashes.")
    about = _about(name, path)
    weights = next((path / file for file in WEIGHTS if (path / file).is_file()), None)
    if weights is None:
        raise ModelError(f"Adapter {name}: {path} holds no {WEIGHTS[0]}; was its training cut short?")
    return Adapter(name, path, _rank(name, about), _sha256(weights))


def _about(name: str, path: Path) -> dict[str, Any]:
    """The adapter's configuration, if it is one that vLLM can serve."""
    try:
        about = read_json(path / "adapter_config.json")
    except (RunError, OSError):
        about = None
    if not isinstance(about, dict):
        raise ModelError(
            f"Adapter {name}: {path} is not an adapter folder; it should hold adapter_config.json, as PEFT "
            "and TRL write it."
        )
    for field, what in (("use_dora", "DoRA weights"), ("modules_to_save", "whole retrained layers")):
        if about.get(field):
            raise ModelError(
                f"Adapter {name} holds {what}, which vLLM cannot load; merge it into the model."
            )
    return about


def _rank(name: str, about: dict[str, Any]) -> int:
    """The largest rank in the adapter: single layers may have one of their own."""
    try:
        own: dict[str, Any] = about.get("rank_pattern") or {}
        return max([int(about["r"]), *(int(rank) for rank in own.values())])
    except (KeyError, TypeError, ValueError, AttributeError):
        raise ModelError(f"Adapter {name}: its adapter_config.json names no rank.") from None


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
