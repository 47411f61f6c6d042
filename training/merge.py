"""Several adapters → one, exactly; or a base with its adapter → one complete model.

    python -m training.merge --config FILE

    {"adapters": [DPO, SFT], "weights": [1.0, 0.25], "output": DIR}      "weights" may be a list of lists
    {"adapters": [DIR], "base": "local/smollm2-135m", "full": true, "output": DIR, "dtype"?: "float32"}

Σ wᵢ·sᵢ·BᵢAᵢ is written as one product: the rows of all Aᵢ under one another, the columns wᵢ·sᵢ·Bᵢ beside
one another, rank Σ rᵢ, alpha = rank. Adding the factors themselves instead would bring cross terms BᵢAⱼ.
Every merge is read back from the disk and compared with the sum of the changes.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from core.settings import load_settings
from core.store.jsonl import write_json
from training.adapters import (
    Adapter,
    Layer,
    add_gguf,
    read_adapter,
    require_base,
    require_fit,
    write_adapter,
    write_provenance,
)
from training.base import FINGERPRINT, base_hash, fingerprint, model_config_of
from training.files import PICKLES, whole_folder
from training.job import Field, checked, main
from training.problems import TrainingError

LARGEST_ERROR = 1e-5
DEFAULT_WEIGHTS = (1.0, 0.25)
INDEX = "model.safetensors.index.json"
# Gemma 3's layers under the name that they have when loaded, and the one in its files.
SPELLINGS = (("model.language_model.", "language_model.model."),)
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
FIELDS = {
    "adapters": Field((list,), required=True),
    "output": Field((str,), required=True),
    "weights": Field((list,)),
    "base": Field((str,)),
    "full": Field((bool,), False),
    "dtype": Field((str,)),
    "gguf": Field((bool,), True),
}


def work(config: Mapping[str, Any]) -> dict[str, Any]:
    """Merge as the config says; the result comes back. Raises CoreError."""
    told = checked(config, FIELDS)
    adapters = [read_adapter(Path(place)) for place in told["adapters"]]
    require_same_base(adapters)
    sweep = _sweep(told["weights"], len(adapters))
    output = Path(told["output"])
    if told["full"]:
        if len(sweep) > 1:
            raise TrainingError("A complete model is made with one list of weights, not a sweep.")
        return {"verb": "merge", "status": "done"} | _full(adapters, sweep[0], told, output)
    made = [_one(adapters, weights, told, _place(output, weights, len(sweep))) for weights in sweep]
    return {"verb": "merge", "status": "done", "merged": made, "output": str(output)}


def _sweep(told: Any, count: int) -> list[list[float]]:
    """The lists of weights to merge with. Raises TrainingError."""
    given = told if told is not None else list(DEFAULT_WEIGHTS[:count])
    lists = given if given and all(isinstance(one, list) for one in given) else [given]
    for weights in lists:
        numbers = [one for one in weights if isinstance(one, int | float) and not isinstance(one, bool)]
        if len(numbers) != len(weights) or len(weights) != count or not any(weights):
            raise TrainingError(
                f"{weights} is no list of {count} weights, one for each adapter, not all 0."
            )
    return [[float(one) for one in weights] for weights in lists]


def _place(output: Path, weights: Sequence[float], count: int) -> Path:
    return output if count == 1 else output / "_".join(f"{one:g}" for one in weights)


def require_same_base(adapters: Sequence[Adapter]) -> None:
    """Raise TrainingError unless the adapters were made for one model and change the same layers."""
    if not adapters:
        raise TrainingError("There is no adapter to merge; name at least one.")
    first = adapters[0]
    for other in adapters[1:]:
        if first.base_sha256 and other.base_sha256:
            require_base(other, first.base_sha256, first.base_name)
        elif Path(first.base_name).name != Path(other.base_name).name:
            raise TrainingError(
                f"{first.folder} was made for {first.base_name}, {other.folder} for {other.base_name}; "
                "only adapters of one base can be merged."
            )
        _require_order(first, other)
        if set(first.layers) != set(other.layers):
            odd = sorted(set(first.layers) ^ set(other.layers))
            raise TrainingError(
                f"{first.folder} and {other.folder} change different layers ({odd[0]} is in one only); "
                "train both with the same recipe."
            )
        shapes = {name: (layer.up.shape[0], layer.down.shape[1]) for name, layer in first.layers.items()}
        require_fit(other, shapes, str(first.folder))


def _require_order(first: Adapter, other: Adapter) -> None:
    """An adapter trained on top of another one means nothing beside a third."""
    below = other.provenance.get("on_top_of") or []
    if below and first.sha256 not in below:
        raise TrainingError(
            f"{other.folder} was trained on top of another adapter ({below[0][:12]}), "
            f"not on top of {first.folder}."
        )


def merged_layers(adapters: Sequence[Adapter], weights: Sequence[float]) -> dict[str, Layer]:
    """The weighted sum of the adapters' changes, as one adapter of the ranks' sum (scale 1)."""
    return {name: _joined([one.layers[name] for one in adapters], weights) for name in adapters[0].layers}


def _joined(layers: Sequence[Layer], weights: Sequence[float]) -> Layer:
    down = torch.cat([layer.down.float() for layer in layers])
    up = [layer.up.float() * (weight * layer.scale) for layer, weight in zip(layers, weights, strict=True)]
    return Layer(down, torch.cat(up, dim=1), 1.0)


def largest_error(made: Adapter, adapters: Sequence[Adapter], weights: Sequence[float]) -> float:
    """The largest relative difference, over the layers, between a merge and the sum of the changes."""
    return max(
        _difference(layer, [one.layers[name] for one in adapters], weights)
        for name, layer in made.layers.items()
    )


def _difference(made: Layer, layers: Sequence[Layer], weights: Sequence[float]) -> float:
    wide = torch.float64
    parts = zip(layers, weights, strict=True)
    wanted = sum((weight * layer.delta(wide) for layer, weight in parts), torch.zeros((), dtype=wide))
    size = float(wanted.norm())
    apart = float((made.delta(wide) - wanted).norm())
    return apart / size if size else apart


def _one(
    adapters: Sequence[Adapter], weights: Sequence[float], told: Mapping[str, Any], output: Path
) -> dict[str, Any]:
    _refuse_own_folder(adapters, output)
    rank = sum(next(iter(one.layers.values())).down.shape[0] for one in adapters)
    layers = merged_layers(adapters, weights)
    if any(layer.down.shape[0] != rank for layer in layers.values()):
        raise TrainingError(
            "These adapters have different ranks in different layers; they cannot be merged."
        )
    with whole_folder(output) as folder:
        write_adapter(folder, layers, rank=rank, alpha=rank, base_name=adapters[0].base_name)
        found = largest_error(read_adapter(folder), adapters, weights)
        if not found <= LARGEST_ERROR:
            raise TrainingError(
                f"The merge differs from the sum of its parts by {found:.1e}; an adapter may hold "
                "numbers that are none. Nothing was written."
            )
        write_provenance(folder, _facts(adapters, weights, found))
        gguf = _gguf(folder, told)
    made = read_adapter(output)
    return {
        "adapter": str(output),
        "adapter_sha256": made.sha256,
        "weights": list(weights),
        "rank": rank,
        "largest_error": found,
        "gguf": str(output / gguf) if gguf else None,
    }


def _gguf(folder: Path, told: Mapping[str, Any]) -> str | None:
    """The name of the GGUF written, where one is wanted and the base is at hand."""
    if not told["gguf"] or not told["base"]:
        return None
    made = read_adapter(folder)
    place, name, config = model_config_of(load_settings(), told["base"])
    require_base(made, base_hash(place), name)
    return add_gguf(made, config).name


def _refuse_own_folder(adapters: Sequence[Adapter], output: Path) -> None:
    for one in adapters:
        if output.resolve() in (one.folder.resolve(), *one.folder.resolve().parents):
            raise TrainingError(f"{output} holds an adapter that is to be merged; choose another output.")


def _facts(adapters: Sequence[Adapter], weights: Sequence[float], error: float) -> dict[str, Any]:
    first = adapters[0]
    parents = [
        {"sha256": one.sha256, "weight": weight, "kind": one.provenance.get("kind", "unknown")}
        for one, weight in zip(adapters, weights, strict=True)
    ]
    return {
        "kind": "merge",
        "base": first.provenance.get("base", {"name": first.base_name}),
        "chat_template_sha256": first.provenance.get("chat_template_sha256"),
        "method": "exact rank concatenation, float32",
        "parents": parents,
        "largest_relative_error": error,
    }


def _full(
    adapters: Sequence[Adapter], weights: Sequence[float], told: Mapping[str, Any], output: Path
) -> dict[str, Any]:
    if not told["base"]:
        raise TrainingError('A complete model needs its base: add "base".')
    if told["dtype"] is not None and told["dtype"] not in DTYPES:
        raise TrainingError(f"dtype: {told['dtype']!r} is not one of {', '.join(DTYPES)}.")
    source, name, _ = model_config_of(load_settings(), told["base"])
    for one in adapters:
        require_base(one, base_hash(source), name)
    if output.resolve() == source.resolve():
        raise TrainingError(f"{output} is the base itself; choose another output.")
    _refuse_own_folder(adapters, output)
    _require_room(source, output)
    with whole_folder(output) as folder:
        fold(source, merged_layers(adapters, weights), folder, DTYPES.get(told["dtype"] or ""))
        facts = _facts(adapters, weights, 0.0) | {"method": "folded into the base, sums in float32"}
        write_json(folder / "provenance.json", facts)
        write_json(folder / FINGERPRINT, made := fingerprint(folder))
    return {
        "model": str(output),
        "sha256": made["sha256"],
        "files": sorted(p.name for p in output.iterdir()),
    }


def _require_room(source: Path, output: Path) -> None:
    need = sum(path.stat().st_size for path in source.glob("*.safetensors")) * 2
    there = next(place for place in (output.absolute(), *output.absolute().parents) if place.exists())
    if shutil.disk_usage(there).free < need:
        raise TrainingError(
            f"{there} has no room for {need / 1e6:.0f} MB; free some space or choose another."
        )


def fold(source: Path, layers: Mapping[str, Layer], folder: Path, dtype: torch.dtype | None = None) -> None:
    """Write the base in `source` with the changes added, shard by shard, and an index of what is there.

    Sums are made in float32 and kept in the base's own precision, or in `dtype`.
    """
    layers = _as_stored(layers, source)
    left, places, total = set(layers), dict[str, str](), 0
    for path in sorted(source.glob("*.safetensors")):
        tensors = dict(_folded(path, layers, dtype))
        _save(tensors, folder / path.name)
        left -= {name.removesuffix(".weight") for name in tensors}
        places |= dict.fromkeys(tensors, path.name)
        total += sum(value.nbytes for value in tensors.values())
    if left:
        raise TrainingError(
            f"The base has no weights called {min(left)}.weight; the adapter is for another one."
        )
    if len(set(places.values())) > 1 or (source / INDEX).exists():
        write_json(folder / INDEX, {"metadata": {"total_size": total}, "weight_map": places})
    _copy_rest(source, folder, dtype)


def _as_stored(layers: Mapping[str, Layer], source: Path) -> dict[str, Layer]:
    """The layers by the names that the base's files give them."""
    import safetensors

    stored: set[str] = set()
    for path in source.glob("*.safetensors"):
        with safetensors.safe_open(path, "pt") as file:
            stored |= set(file.keys())
    return {_spelled(name, stored): layer for name, layer in layers.items()}


def _spelled(name: str, stored: set[str]) -> str:
    others = (name.replace(loaded, filed, 1) for loaded, filed in SPELLINGS if name.startswith(loaded))
    return next((one for one in (name, *others) if f"{one}.weight" in stored), name)


def _folded(
    path: Path, layers: Mapping[str, Layer], dtype: torch.dtype | None
) -> Iterator[tuple[str, Tensor]]:
    import safetensors.torch

    for name, tensor in safetensors.torch.load_file(path).items():
        layer = layers.get(name.removesuffix(".weight")) if name.endswith(".weight") else None
        wanted = dtype if dtype is not None and tensor.is_floating_point() else tensor.dtype
        if layer is None:
            yield name, tensor.to(wanted)
            continue
        if tensor.shape != (layer.up.shape[0], layer.down.shape[1]):
            raise TrainingError(f"The adapter does not fit: {name} is {tuple(tensor.shape)} in the base.")
        yield name, (tensor.float() + layer.delta()).to(wanted)


def _save(tensors: Mapping[str, Tensor], path: Path) -> None:
    import safetensors.torch

    safetensors.torch.save_file(dict(tensors), path, metadata={"format": "pt"})


def _copy_rest(source: Path, folder: Path, dtype: torch.dtype | None) -> None:
    """Configuration and tokenizer; never the old index, old hashes or weights in other forms."""
    left_out = (".safetensors", ".index.json", ".gguf", *PICKLES)
    for path in source.iterdir():
        if (
            path.is_file()
            and not path.name.endswith(left_out)
            and path.name not in (FINGERPRINT, "provenance.json")
        ):
            shutil.copyfile(path, folder / path.name)
    if dtype is not None:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        config["dtype"] = str(dtype).removeprefix("torch.")
        write_json(folder / "config.json", config)


if __name__ == "__main__":
    sys.exit(main("merge", work))
