"""The model to train: the embedded one, dequantised once to 32 bits, or a Hugging Face folder.

    MODEL_PATH/smollm2-135m/hf-0c1d3326cd97/   model.safetensors, tokenizer, our chat template, weights.json

The embedded base is made from the very file that is served, so that an adapter fits what answers. A base is
known by `sha256`, over its weights and its configuration: adapters, caches and merges name it.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock

from core.embedded.catalogue import CHAT_TEMPLATE, MODELS, embedded_model
from core.embedded.fetch import model_folder, pull
from core.errors import RunError
from core.records import content_hash
from core.settings import Settings
from core.store.jsonl import read_json, write_json
from training.files import (
    read_object,
    refuse_pickles,
    refuse_remote_code,
    sha256_file,
    whole_folder,
)
from training.problems import TrainingError

FINGERPRINT = "weights.json"
Report = Callable[[str], None]


@dataclass(slots=True)
class Base:
    """A loaded model with its tokenizer, the template it speaks, and the hash that it is known by."""

    name: str
    folder: Path
    sha256: str
    model: Any
    tokenizer: Any
    template: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where the numbers live: a device and their precision."""

    device: str = "cpu"
    dtype: torch.dtype = torch.float32


def place_for(device: str = "auto", precision: str = "auto") -> Place:
    """A device and a precision it really computes in. Raises TrainingError where it cannot be had."""
    if device not in ("auto", "cpu", "cuda"):
        raise TrainingError(f"There is no device {device!r}; choose auto, cpu or cuda.")
    if device == "cuda" and not torch.cuda.is_available():
        raise TrainingError(
            "No CUDA device answers: torch was installed for the CPU, or there is no driver; use cpu."
        )
    chosen = "cuda" if device != "cpu" and torch.cuda.is_available() else "cpu"
    fast_bf16 = computes_bf16(chosen)
    if precision == "bfloat16" and not fast_bf16:
        raise TrainingError(
            f"This {'processor' if chosen == 'cpu' else 'GPU'} does not compute in bfloat16; "
            "use float32 (or auto)."
        )
    return Place(chosen, torch.bfloat16 if precision != "float32" and fast_bf16 else torch.float32)


def computes_bf16(device: str) -> bool:
    """Whether bfloat16 is a gain there: GPUs since Ampere, processors with AMX or AVX512-BF16."""
    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return any(_processor_has(name) for name in ("_is_amx_tile_supported", "_is_avx512_bf16_supported"))


def _processor_has(question: str) -> bool:
    # These have no public name; where a release drops them, 32 bits are always right.
    ask = getattr(torch.cpu, question, None)
    return bool(ask()) if ask else False


def embedded_folder(settings: Settings, name: str, report: Report = print) -> Path:
    """The embedded model in 32 bits, made from its served weights when it is not here yet."""
    model = embedded_model(name)
    source = pull(settings, name, report=report)
    folder = model_folder(settings, name) / f"hf-{model.sha256[:12]}"
    # Not ".lock" in the folder: that one comes and goes as a whole.
    with FileLock(folder.with_name("dequantise.lock")):
        if not (folder / FINGERPRINT).exists():
            report("Unpacking the model's weights to 32 bits (once).")
            _require_room(folder.parent, source.stat().st_size * 5)
            with whole_folder(folder) as made:
                dequantise(source, made)
                write_json(made / FINGERPRINT, fingerprint(made))
    return folder


def _require_room(folder: Path, need: int) -> None:
    status = os.statvfs(folder)
    if status.f_bavail * status.f_frsize < need:
        raise TrainingError(
            f"{folder} has no room for {need / 1e6:.0f} MB of 32-bit weights; free some space or set "
            "MODEL_PATH to another disk."
        )


def dequantise(source: Path, folder: Path) -> None:
    """Write a GGUF file as a Hugging Face folder: 32-bit safetensors, tokenizer, our chat template."""
    transformers = quiet_transformers()
    place = {"pretrained_model_name_or_path": str(source.parent), "gguf_file": source.name}
    model = transformers.AutoModelForCausalLM.from_pretrained(**place, dtype=torch.float32)
    # It still counts as quantised, and as such refuses to be saved.
    model.hf_quantizer, model.is_quantized = None, False
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.save_pretrained(folder)
    tokenizer = transformers.AutoTokenizer.from_pretrained(**place)
    tokenizer.chat_template = CHAT_TEMPLATE
    tokenizer.save_pretrained(folder)


def quiet_transformers() -> Any:
    """The transformers package, without progress bars and chatter on a job's log."""
    import transformers

    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    return transformers


def open_base(
    settings: Settings,
    wanted: str,
    place: Place,
    *,
    allow_remote_code: bool = False,
    report: Report = print,
) -> Base:
    """The model named `local/<embedded>` or found in a folder. Raises TrainingError or ModelError."""
    folder, name = _find(settings, wanted, report)
    check_folder(folder, allow_remote_code=allow_remote_code)
    options = {"dtype": place.dtype, "trust_remote_code": allow_remote_code, "local_files_only": True}
    transformers = quiet_transformers()
    try:
        model = transformers.AutoModelForCausalLM.from_pretrained(
            folder, use_safetensors=True, attn_implementation="sdpa", **options
        )
        tokenizer = transformers.AutoTokenizer.from_pretrained(
            folder, trust_remote_code=allow_remote_code, local_files_only=True
        )
    except (ValueError, OSError, KeyError, ImportError) as error:
        raise TrainingError(f"The model in {folder} cannot be loaded: {error}") from error
    model.to(place.device).requires_grad_(False)
    return Base(name, folder, base_hash(folder), model, tokenizer, _template_of(tokenizer, folder))


def _find(settings: Settings, wanted: str, report: Report) -> tuple[Path, str]:
    name = wanted.removeprefix("local/")
    if name in MODELS:
        return embedded_folder(settings, name, report), name
    folder = Path(wanted).expanduser()
    if not (folder / "config.json").is_file():
        raise TrainingError(
            f"There is no model {wanted!r}: give local/{next(iter(MODELS))}, or a folder with a "
            "config.json and .safetensors (a Hugging Face download)."
        )
    return folder, folder.resolve().name


def model_config_of(settings: Settings, wanted: str, report: Report = print) -> tuple[Path, str, Any]:
    """Folder, name and configuration of a model, without loading its weights. Raises TrainingError."""
    folder, name = _find(settings, wanted, report)
    check_folder(folder, allow_remote_code=False)
    return folder, name, quiet_transformers().AutoConfig.from_pretrained(folder, local_files_only=True)


def check_folder(folder: Path, *, allow_remote_code: bool) -> None:
    """Raise TrainingError for a folder that would run foreign code, or holds no safetensors."""
    refuse_remote_code(
        read_object(folder / "config.json", "The model's"), folder, allowed=allow_remote_code
    )
    refuse_pickles(folder, "The model in")
    if not list(folder.glob("*.safetensors")):
        raise TrainingError(f"{folder} holds no .safetensors weights; download the model again.")


def _template_of(tokenizer: Any, folder: Path) -> str:
    if not tokenizer.chat_template:
        raise TrainingError(
            f"The tokenizer in {folder} has no chat template, so turns cannot be told apart; take the "
            "instruction-tuned model."
        )
    return str(tokenizer.chat_template)


def base_hash(folder: Path) -> str:
    """The hash that a folder's weights and configuration are known by, remembered beside them."""
    kept: Any = None
    with contextlib.suppress(RunError):
        kept = read_json(folder / FINGERPRINT)
    if isinstance(kept, dict) and kept.get("files") == _facts(folder):
        return str(kept["sha256"])
    found = fingerprint(folder)
    # A folder that cannot be written is hashed every time.
    with contextlib.suppress(RunError):
        write_json(folder / FINGERPRINT, found)
    return str(found["sha256"])


def fingerprint(folder: Path) -> dict[str, Any]:
    """The folder's hash, and the sizes and times that say whether it still holds."""
    hashes = {path.name: sha256_file(path) for path in _weights(folder)}
    config = read_object(folder / "config.json", "The model's")
    # What a library writes about itself does not change the model.
    told = {
        key: value for key, value in config.items() if key not in ("transformers_version", "_name_or_path")
    }
    return {"sha256": content_hash({"weights": hashes, "config": told}), "files": _facts(folder)}


def _weights(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.safetensors"))


def _facts(folder: Path) -> dict[str, list[int]]:
    found = ((path.name, path.stat()) for path in [*_weights(folder), folder / "config.json"])
    return {name: [stat.st_size, stat.st_mtime_ns] for name, stat in found}
