"""Adapters on disk: PEFT safetensors, a GGUF for the embedded server, and where they came from.

    adapter/adapter_model.safetensors, adapter_config.json    any PEFT program
    adapter/adapter.gguf                                      llama.cpp, with a strength from 0 to 1.5
    adapter/provenance.json                                   base, recipe, data, parents, with their hashes

    python -m training.adapters --config FILE
    {"adapter": DIR, "base"?: "local/smollm2-135m", "gguf"?: true}

An adapter whose weights are a pickle is refused, as is one that changes more than linear layers.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import math
import re
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from core.embedded.adapters import MADE_FROM
from core.store.jsonl import write_json
from training.files import read_object, refuse_pickles, refuse_remote_code, sha256_file
from training.problems import TrainingError

WEIGHTS, CONFIG, GGUF, PROVENANCE = (
    "adapter_model.safetensors",
    "adapter_config.json",
    "adapter.gguf",
    "provenance.json",
)
_NAME = re.compile(r"base_model\.model\.(?P<layer>.+)\.lora_(?P<side>[AB])(?:\.default)?\.weight")
# Families whose query and key rows llama.cpp keeps in another order than Hugging Face.
ROTATED = ("llama", "mistral")
ARCHITECTURES = {
    "llama": "llama",
    "mistral": "llama",
    "qwen2": "qwen2",
    "qwen3": "qwen3",
    "gemma3_text": "gemma3",
    "gemma3": "gemma3",
}


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer's change: scale · up · down, in float32."""

    down: Tensor
    up: Tensor
    scale: float

    def delta(self, dtype: torch.dtype = torch.float32) -> Tensor:
        """The matrix that is added to the layer's weights at strength 1."""
        return self.scale * (self.up.to(dtype) @ self.down.to(dtype))


@dataclass(frozen=True, slots=True)
class Adapter:
    """An adapter as read from its folder. `base_sha256` is None where nobody wrote it down."""

    folder: Path
    layers: Mapping[str, Layer]
    config: Mapping[str, Any]
    provenance: Mapping[str, Any] = field(default_factory=dict)

    @property
    def sha256(self) -> str:
        """What the adapter is known by: the hash of its weights' file."""
        return sha256_file(self.folder / WEIGHTS)

    @property
    def base_sha256(self) -> str | None:
        """The hash of the model that it was made for, where it is known."""
        base = self.provenance.get("base")
        return str(base["sha256"]) if isinstance(base, Mapping) and "sha256" in base else None

    @property
    def base_name(self) -> str:
        """What that model is called."""
        return str(self.config.get("base_model_name_or_path") or "an unnamed model")


def read_adapter(folder: Path, *, allow_remote_code: bool = False) -> Adapter:
    """The adapter in a folder (its `adapter/` will do too). Raises TrainingError."""
    if not (folder / CONFIG).exists() and (folder / "adapter").is_dir():
        folder = folder / "adapter"
    config = read_object(folder / CONFIG, "The adapter's")
    refuse_pickles(folder, "The adapter in")
    refuse_remote_code(config, folder, allowed=allow_remote_code)
    _require_plain(config, folder)
    tensors = _tensors(folder / WEIGHTS)
    known = read_object(folder / PROVENANCE, "The adapter's") if (folder / PROVENANCE).exists() else {}
    _require_unchanged(known, folder)
    return Adapter(folder, _layers(tensors, config, folder), config, known)


def _require_plain(config: Mapping[str, Any], folder: Path) -> None:
    more = ("use_dora", "modules_to_save", "layer_replication", "trainable_token_indices")
    odd = [name for name in more if config.get(name)]
    if config.get("peft_type") != "LORA" or odd or config.get("bias", "none") != "none":
        what = ", ".join(odd) or f"type {config.get('peft_type')}, bias {config.get('bias')}"
        raise TrainingError(
            f"The adapter in {folder} is not a plain LoRA ({what}); only those can be used."
        )


def _require_unchanged(known: Mapping[str, Any], folder: Path) -> None:
    told = known.get("adapter_sha256")
    if told and told != sha256_file(folder / WEIGHTS):
        raise TrainingError(
            f"{folder / WEIGHTS} is not the file that was written (its checksum differs from "
            f"{PROVENANCE}); train, merge or download it again."
        )


def _tensors(path: Path) -> dict[str, Tensor]:
    import safetensors
    import safetensors.torch

    try:
        return safetensors.torch.load_file(path)
    except FileNotFoundError:
        raise TrainingError(f"{path.parent} holds no {path.name}, so it is no adapter.") from None
    except (safetensors.SafetensorError, OSError, ValueError) as error:
        raise TrainingError(f"{path} is damaged ({error}); train or download it again.") from error


def _layers(tensors: Mapping[str, Tensor], config: Mapping[str, Any], folder: Path) -> dict[str, Layer]:
    sides: dict[str, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        match = _NAME.fullmatch(name)
        if match is None:
            raise TrainingError(f"The adapter in {folder} changes {name}, which is no linear layer's LoRA.")
        sides.setdefault(match["layer"], {})[match["side"]] = tensor.float()
    if not sides or any(len(pair) < 2 for pair in sides.values()):
        raise TrainingError(f"The adapter in {folder} is incomplete; train or download it again.")
    return {
        name: Layer(pair["A"], pair["B"], _scale(name, pair["A"].shape[0], config))
        for name, pair in sorted(sides.items())
    }


def _scale(layer: str, rank: int, config: Mapping[str, Any]) -> float:
    special = config.get("alpha_pattern") or {}
    alpha = next(
        (value for key, value in special.items() if re.fullmatch(rf"(.*\.)?{key}", layer)),
        config.get("lora_alpha", rank),
    )
    return float(alpha) / (math.sqrt(rank) if config.get("use_rslora") else rank)


def write_adapter(
    folder: Path, layers: Mapping[str, Layer], *, rank: int, alpha: float, base_name: str
) -> None:
    """Write layers of one rank as a PEFT adapter; their own scales must be alpha / rank."""
    import peft
    import safetensors.torch

    config = peft.LoraConfig(
        r=rank,
        lora_alpha=int(alpha) if float(alpha).is_integer() else alpha,
        target_modules=_target_names(layers),
        task_type="CAUSAL_LM",
        base_model_name_or_path=base_name,
        inference_mode=True,
    )
    tensors = {
        f"base_model.model.{name}.lora_{side}.weight": part.float().contiguous().cpu()
        for name, layer in layers.items()
        for side, part in (("A", layer.down), ("B", layer.up))
    }
    safetensors.torch.save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})
    config.save_pretrained(folder)


def _target_names(layers: Mapping[str, Any]) -> list[str]:
    # Full names where a vision tower may hold layers of the same last word.
    is_nested = any("language_model" in name for name in layers)
    return sorted(layers if is_nested else {name.rsplit(".", 1)[-1] for name in layers})


def write_provenance(folder: Path, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Write what an adapter is made of beside it, and return it."""
    told = {
        "adapter_sha256": sha256_file(folder / WEIGHTS),
        **facts,
        "created": time.time(),
        "versions": {
            name: _version(name) for name in ("torch", "transformers", "peft", "character-studio")
        },
    }
    write_json(folder / PROVENANCE, told)
    return told


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "unknown"


def write_gguf(
    layers: Mapping[str, Layer], model_config: Any, target: Path, *, made_from: str | None = None
) -> None:
    """Write layers as the GGUF adapter that llama.cpp reads. Raises TrainingError.

    `made_from` is the hash of the weights they come from: by it a GGUF left over from before is known.
    """
    import gguf

    text = model_config.get_text_config()
    architecture = ARCHITECTURES.get(text.model_type)
    if architecture is None:
        known = ", ".join(sorted(ARCHITECTURES))
        raise TrainingError(f"No GGUF adapter can be written for {text.model_type!r} (known: {known}).")
    writer = gguf.GGUFWriter(target, architecture)
    writer.add_type(gguf.GGUFType.ADAPTER)
    writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
    if made_from:
        writer.add_string(MADE_FROM, made_from)
    alpha = float(max(layer.down.shape[0] for layer in layers.values()))
    writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, alpha)
    names = gguf.get_tensor_name_map(_architecture(gguf, architecture), text.num_hidden_layers)
    for name, layer in layers.items():
        _add_layer(writer, _gguf_name(names, name), layer, alpha, text)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _architecture(gguf: Any, wanted: str) -> Any:
    return next(key for key, name in gguf.MODEL_ARCH_NAMES.items() if name == wanted)


def _gguf_name(names: Any, layer: str) -> str:
    plain = layer.replace("language_model.model.", "model.").replace("model.language_model.", "model.")
    found = names.get_name(f"{plain}.weight", try_suffixes=(".weight",))
    if found is None:
        raise TrainingError(f"llama.cpp has no name for the layer {layer}, so no GGUF can be written.")
    return found


def _add_layer(writer: Any, name: str, layer: Layer, alpha: float, text: Any) -> None:
    """Both factors; what this layer's own scale differs from alpha / rank by goes into `up`."""
    rank = layer.down.shape[0]
    up = layer.up * (layer.scale * rank / alpha)
    if text.model_type in ROTATED:
        heads = {"attn_q": text.num_attention_heads, "attn_k": text.num_key_value_heads}
        for part, count in heads.items():
            if f".{part}." in name:
                up = rotated(up, count)
    writer.add_tensor(f"{name}.lora_a", layer.down.float().contiguous().numpy())
    writer.add_tensor(f"{name}.lora_b", up.float().contiguous().numpy())


def rotated(rows: Tensor, heads: int) -> Tensor:
    """Rows of queries or keys in llama.cpp's order: pairs of a rotation side by side, not halves apart."""
    half = rows.shape[0] // heads // 2
    return rows.reshape(heads, 2, half, *rows.shape[1:]).swapaxes(1, 2).reshape(rows.shape)


def add_gguf(adapter: Adapter, model_config: Any) -> Path:
    """Write (or replace) the GGUF beside an adapter's weights; appears whole. Raises TrainingError."""
    target = adapter.folder / GGUF
    part = target.with_name(f".{GGUF}.part")
    try:
        write_gguf(adapter.layers, model_config, part, made_from=adapter.sha256)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return target


def require_base(adapter: Adapter, sha256: str, name: str) -> None:
    """Raise TrainingError when an adapter is known to be for another base than this one."""
    if adapter.base_sha256 is not None and adapter.base_sha256 != sha256:
        raise TrainingError(
            f"The adapter in {adapter.folder} was made for {adapter.base_name} "
            f"({adapter.base_sha256[:12]}), and the model here is {name} ({sha256[:12]}); its numbers "
            "mean nothing there. Take the base that it was made for."
        )


def require_fit(adapter: Adapter, shapes: Mapping[str, Sequence[int]], where: str) -> None:
    """Raise TrainingError unless every layer of the adapter is there, in the same shape."""
    for name, layer in adapter.layers.items():
        wanted = (layer.up.shape[0], layer.down.shape[1])
        if name not in shapes:
            raise TrainingError(f"The adapter in {adapter.folder} changes {name}, which {where} lacks.")
        if tuple(shapes[name]) != wanted:
            raise TrainingError(
                f"The adapter in {adapter.folder} is for another base: its {name} is {wanted[0]} × "
                f"{wanted[1]}, that of {where} {' × '.join(map(str, shapes[name]))}."
            )


def fold_in(adapter: Adapter, model: Any) -> None:
    """Add an adapter to a loaded model's own weights; each sum is made in float32."""
    modules = dict(model.named_modules())
    linear = {name: module for name, module in modules.items() if isinstance(module, torch.nn.Linear)}
    require_fit(adapter, {name: module.weight.shape for name, module in linear.items()}, "the model")
    for name, layer in adapter.layers.items():
        weight = linear[name].weight
        made = weight.data.float() + layer.delta().to(weight.device)
        weight.data.copy_(made.to(weight.dtype))


def template_hash(template: str) -> str:
    """The hash by which rows name a chat template."""
    return hashlib.sha256(template.encode()).hexdigest()


def convert(config: Mapping[str, Any]) -> dict[str, Any]:
    """Check an adapter and write its GGUF: what `python -m training.adapters` does."""
    from core.settings import load_settings
    from training.base import base_hash, model_config_of

    adapter = read_adapter(Path(config["adapter"]))
    folder, name, told = model_config_of(load_settings(), str(config.get("base") or adapter.base_name))
    require_base(adapter, base_hash(folder), name)
    made = add_gguf(adapter, told) if config.get("gguf", True) else None
    return {
        "verb": "adapters",
        "status": "done",
        "adapter": str(adapter.folder),
        "adapter_sha256": adapter.sha256,
        "base": name,
        "layers": len(adapter.layers),
        "gguf": str(made) if made else None,
        "bytes": made.stat().st_size if made else 0,
    }


if __name__ == "__main__":
    from training.job import main

    sys.exit(main("adapters", convert))
