"""Where a training stands, so that a killed one goes on: OUTPUT/checkpoints/step-000012/.

    adapter.safetensors     the trained numbers          optimizer.safetensors    AdamW's two averages each
    state.json              step, identity of the training, and the sha256 of both files

A checkpoint counts only when its hashes fit. A damaged one is named, and the one before it is used.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from core.errors import RunError
from core.store.jsonl import write_json
from training.files import read_object, sha256_file, whole_folder
from training.problems import TrainingError

KEPT = 2
FILES = ("adapter.safetensors", "optimizer.safetensors")
Parameters = Sequence[tuple[str, nn.Parameter]]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A folder whose hashes fit, and the steps that were finished when it was written."""

    folder: Path
    step: int


def save(output: Path, step: int, identity: str, parameters: Parameters, optimizer: Any) -> Path:
    """Write the checkpoint of a step and remove all but the last two. Raises RunError."""
    import safetensors.torch

    folder = output / "checkpoints" / f"step-{step:06d}"
    with whole_folder(folder) as made:
        for name, tensors in zip(FILES, (dict(parameters), _averages(parameters, optimizer)), strict=True):
            data = {key: value.detach().contiguous().cpu() for key, value in tensors.items()}
            safetensors.torch.save_file(data, made / name)
        hashes = {name: sha256_file(made / name) for name in FILES}
        write_json(made / "state.json", {"step": step, "identity": identity, "sha256": hashes})
    for old in _folders(output)[:-KEPT]:
        shutil.rmtree(old, ignore_errors=True)
    return folder


def _averages(parameters: Parameters, optimizer: Any) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {"rng": torch.get_rng_state()}
    for name, value in parameters:
        for key, tensor in optimizer.state.get(value, {}).items():
            found[f"{key}:{name}"] = tensor
    return found


def _folders(output: Path) -> list[Path]:
    return sorted((output / "checkpoints").glob("step-*"))


def newest(output: Path, identity: str, report: Callable[[str], None]) -> Checkpoint | None:
    """The last good checkpoint, or None where there is none. Raises TrainingError.

    It raises when there are checkpoints and none can be used, or they belong to other settings or data.
    """
    folders, troubles = _folders(output), list[str]()
    for folder in reversed(folders):
        try:
            state = _checked(folder)
        except (TrainingError, RunError) as error:
            troubles.append(str(error))
            report(f"{error} The one before it is used.")
            continue
        if state["identity"] != identity:
            raise TrainingError(
                f"{folder} is of a training with other settings, data or base; choose another output "
                'folder, or set "fresh": true to throw it away.'
            )
        return Checkpoint(folder, int(state["step"]))
    if troubles:
        raise TrainingError(f'{troubles[0]} No older one is left; set "fresh": true to begin anew.')
    return None


def drop_others(output: Path, identity: str) -> None:
    """Remove the checkpoints of other settings, data or base: for a folder that one caller owns alone."""
    for folder in _folders(output):
        try:
            known = read_object(folder / "state.json", "The checkpoint's").get("identity")
        except (TrainingError, RunError):
            continue
        if known != identity:
            shutil.rmtree(folder, ignore_errors=True)


def _checked(folder: Path) -> Mapping[str, Any]:
    state = read_object(folder / "state.json", "The checkpoint's")
    told = state.get("sha256")
    for name in FILES:
        if not isinstance(told, Mapping) or told.get(name) != sha256_file(folder / name):
            raise TrainingError(f"The checkpoint {folder} is damaged: {name} is not what was written.")
    return state


def load(found: Checkpoint, parameters: Parameters, optimizer: Any) -> None:
    """Put a checkpoint's numbers into the parameters and the optimiser. Raises TrainingError."""
    import safetensors.torch

    numbers, averages = (safetensors.torch.load_file(found.folder / name) for name in FILES)
    if set(numbers) != {name for name, _ in parameters}:
        raise TrainingError(f"The checkpoint {found.folder} is of another model.")
    torch.set_rng_state(averages["rng"])
    for name, value in parameters:
        value.data.copy_(numbers[name])
        state = {key: averages[f"{key}:{name}"] for key in ("step", "exp_avg", "exp_avg_sq")}
        optimizer.state[value] = {
            key: tensor if key == "step" else tensor.to(value.device) for key, tensor in state.items()
        }


def remove(output: Path) -> None:
    """Forget all checkpoints of an output folder."""
    shutil.rmtree(output / "checkpoints", ignore_errors=True)
