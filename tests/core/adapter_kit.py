"""Adapters for the tests of the embedded server: random ones that fit the model, written without torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from core.embedded.adapters import CONFIG, GGUF, MADE_FROM, PROVENANCE, WEIGHTS
from core.embedded.fetch import sha256_of

HIDDEN, INNER, LAYERS, RANK = 576, 1536, 30, 4


def write_gguf_adapter(path: Path, *, seed: int = 1, size: float = 0.05, **changes: Any) -> Path:
    """A GGUF adapter of SmolLM2-135M's shapes; `size` 0 makes one that changes nothing."""
    gguf = pytest.importorskip("gguf")
    import numpy as np

    random, hidden = np.random.default_rng(seed), changes.get("hidden", HIDDEN)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_type(gguf.GGUFType.ADAPTER)
    writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
    if changes.get("made_from"):
        writer.add_string(MADE_FROM, changes["made_from"])
    writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, float(RANK))
    for layer in range(LAYERS):
        name = f"blk.{layer}.ffn_down.weight"
        for side, shape in (("a", (RANK, INNER)), ("b", (hidden, RANK))):
            values = random.normal(scale=size, size=shape).astype(np.float32)
            writer.add_tensor(f"{name}.lora_{side}", values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def write_adapter_folder(
    folder: Path, *, seed: int = 1, base: str = "smollm2-135m", **changes: Any
) -> Path:
    """An adapter as the trainer leaves it: weights (any bytes do here), configuration, GGUF."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = folder / WEIGHTS
    weights.write_bytes(f"weights {seed}".encode())
    (folder / CONFIG).write_text(json.dumps({"peft_type": "LORA", "base_model_name_or_path": base}))
    (folder / PROVENANCE).write_text(json.dumps({"adapter_sha256": sha256_of(weights)}))
    made_from = changes.pop("made_from", sha256_of(weights))
    write_gguf_adapter(folder / GGUF, seed=seed, made_from=made_from, **changes)
    return folder
