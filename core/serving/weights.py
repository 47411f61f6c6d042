"""Which weights a model's name stands for, what vLLM is given for it, and what identifies them.

local/smollm2-135m                  the embedded model, dequantised once: vLLM reads no GGUF
/models/my-model, ./my-model        a folder in Hugging Face's form
llama-3.1-8b-it, org/name           a model of the Hugging Face hub, which vLLM fetches itself
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from core.embedded.catalogue import CHAT_TEMPLATE_SHA256, MODELS, EmbeddedModel, embedded_model
from core.embedded.fetch import model_folder, pull
from core.environments import Environment, clean_environment
from core.errors import ModelError, RunError
from core.guarded import run_tree
from core.names import spelled_for
from core.settings import Settings
from core.store.jsonl import read_json, write_json

Report = Callable[[str], None]

SCRIPT = Path(__file__).with_name("dequantise.py")
TEMPLATE = Path(__file__).parents[1] / "embedded" / "chatml.jinja"
MANIFEST = "dequantised.json"
# Four bytes a weight where the embedded file has about one, and twice that while it is written.
ROOM = 10
SMALL_MODEL_BYTES = 1_500_000_000
# Files up to this size are hashed whole, of larger ones the beginning and the end.
HASHED_WHOLE = 16 << 20


@dataclass(frozen=True, slots=True)
class Weights:
    """What to serve. `model` is what vLLM is given; `names` are what requests may call it.

    `origin` identifies the weights, wherever they lie. `is_small` says that 32 bits a weight are
    affordable. `context` and `chat_template` are set for the embedded model.
    """

    model: str
    names: tuple[str, ...]
    origin: str
    is_small: bool = False
    context: int | None = None
    chat_template: str | None = None


def wanted_names(model: str, asked: str | None = None) -> tuple[str, ...]:
    """What requests may call the model, the first for people to read. Raises ModelError."""
    model = model.removeprefix("vllm/")
    name = asked or (_folder_of(model).name if _is_path(model) else model.removeprefix("local/"))
    if asked is None and not _is_path(model) and not model.startswith("local/"):
        name = spelled_for("vllm", model)
    if not name.strip() or any(not letter.isprintable() or letter.isspace() for letter in name):
        raise ModelError(f"{name!r} cannot be a model's name; give one with --served-model-name.")
    # `vllm/smollm2-135m` is asked for by its long name: aliases are spelled out before a request.
    return tuple(dict.fromkeys([name, spelled_for("vllm", name)]))


def find_weights(
    settings: Settings, environment: Environment, model: str, names: tuple[str, ...], report: Report
) -> Weights:
    """The weights of a name, prepared where needed. Raises ModelError."""
    model = model.removeprefix("vllm/")
    if model.startswith("local/"):
        return _embedded(settings, environment, model.removeprefix("local/"), names, report)
    if model.lower().endswith(".gguf"):
        raise ModelError(
            f"vLLM no longer reads GGUF files such as {model}; give a folder in Hugging Face's form, or "
            "serve the file with Ollama or LM Studio."
        )
    if _is_path(model):
        return _own_folder(_folder_of(model), names)
    hub_name = spelled_for("vllm", model)
    if "/" not in hub_name:
        raise ModelError(
            f"There is no folder {model!r} here, and a model of the Hugging Face hub has the form "
            f"organisation/name; the embedded one is {', '.join(f'local/{name}' for name in MODELS)}."
        )
    return Weights(hub_name, names, f"hub:{hub_name}")


def _is_path(model: str) -> bool:
    looks = model.startswith(("/", "./", "../", "~"))
    return looks or (not model.startswith("local/") and _folder_of(model).is_dir())


def _folder_of(model: str) -> Path:
    return Path(model).expanduser().absolute()


def _own_folder(folder: Path, names: tuple[str, ...]) -> Weights:
    if not (folder / "config.json").is_file():
        what = (
            "an adapter: give it with --adapter" if (folder / "adapter_config.json").is_file() else "none"
        )
        raise ModelError(f"{folder} holds no config.json, so it is no complete model ({what}).")
    weights = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    return Weights(str(folder), names, f"sha256:{_fingerprint(folder)}", 0 < weights < SMALL_MODEL_BYTES)


def _fingerprint(folder: Path) -> str:
    """A hash that any change of weights, configuration or tokenizer moves, quick for large files too."""
    found = hashlib.sha256()
    for path in sorted(path for path in folder.iterdir() if path.is_file()):
        size = path.stat().st_size
        found.update(f"{path.name}\0{size}\0".encode())
        with path.open("rb") as file:
            found.update(file.read(HASHED_WHOLE))
            if size > HASHED_WHOLE:
                file.seek(-min(HASHED_WHOLE, size - HASHED_WHOLE), 2)
                found.update(file.read())
    return found.hexdigest()


# ---- the embedded model


def _embedded(
    settings: Settings, environment: Environment, name: str, names: tuple[str, ...], report: Report
) -> Weights:
    model = embedded_model(name)
    source = pull(settings, name, report=report)
    folder = model_folder(settings, name) / "vllm"
    if not _is_dequantised(folder, model):
        with _one_at_a_time(folder, report):
            if not _is_dequantised(folder, model):
                _dequantise(settings, environment, model, source, folder, report)
    origin = f"sha256:{model.sha256}"
    return Weights(str(folder), names, origin, True, model.context, CHAT_TEMPLATE_SHA256)


def _is_dequantised(folder: Path, model: EmbeddedModel) -> bool:
    try:
        return read_json(folder / MANIFEST) == _facts(model)
    except (RunError, OSError):
        return False


def _facts(model: EmbeddedModel) -> dict[str, str]:
    return {"weights_sha256": model.sha256, "chat_template_sha256": CHAT_TEMPLATE_SHA256}


def _dequantise(
    settings: Settings,
    environment: Environment,
    model: EmbeddedModel,
    source: Path,
    folder: Path,
    report: Report,
) -> None:
    """Put the folder in its place; the manifest comes last, so that half of one never counts."""
    if shutil.disk_usage(source.parent).free < ROOM * model.size:
        raise ModelError(
            f"{source.parent} needs {ROOM * model.size / 1e9:.1f} GB free to hold {model.label} in the "
            "form that vLLM reads; free some space or set MODEL_PATH to another disk."
        )
    report("Preparing the weights for vLLM (once).")
    shutil.rmtree(folder, ignore_errors=True)
    words = [str(environment.python), "-I", str(SCRIPT), str(source), str(folder), str(TEMPLATE)]
    code, said = run_tree(words, clean_environment(settings) | {"HF_HUB_OFFLINE": "1"})
    if code:
        reason = next(iter(said.strip().splitlines()[-1:]), "it gave no reason")[:300]
        raise ModelError(
            f"{model.label} could not be prepared for vLLM ({reason}); check memory and disk, then "
            "try again."
        )
    write_json(folder / MANIFEST, _facts(model))


@contextmanager
def _one_at_a_time(folder: Path, report: Report) -> Generator[None]:
    lock = FileLock(folder.with_name(folder.name + ".lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        report("Another process is preparing the weights; waiting for it.")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
