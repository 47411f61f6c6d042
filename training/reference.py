"""Reference log-probabilities on disk, by (model hash, row key): computed once for any number of runs.

    MODEL_PATH/reference/<model hash>/<hash of the keys in it>.safetensors

One file a run that met new rows; a damaged one is thrown away and its rows are computed again.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from core.errors import RunError
from core.records import content_hash
from core.store.jsonl import write_atomic
from training.data import Example, collate
from training.model import Trainee

# Without gradients far more tokens fit at once; beyond this nothing gets faster.
TOKENS_AT_ONCE = 4096
Watch = Callable[[int, int], None]


def model_key(base_sha256: str, precision: str, on_top: Sequence[str] = ()) -> str:
    """What the reference is known by: weights, precision, and the adapters folded into it."""
    return content_hash([base_sha256, precision, list(on_top)])


class References:
    """The reference log-probabilities of one model: a vector of all learned tokens a row."""

    def __init__(self, folder: Path, model: str) -> None:
        self._folder = folder / model[:32]
        self._known: dict[str, Tensor] = {}
        for path in sorted(self._folder.glob("*.safetensors")):
            self._known.update(_read(path))

    def of(self, example: Example) -> Tensor:
        """log ρ of the example's learned tokens, its branches one after the other. Call `fill` before."""
        return self._known[example.key]

    def fill(self, trainee: Trainee, examples: Sequence[Example], device: str, watch: Watch) -> int:
        """Compute what is missing, keep it, and say how many rows that was."""
        missing = {one.key: one for one in examples if one.key not in self._known}
        new: dict[str, Tensor] = {}
        for group in _groups(sorted(missing.values(), key=lambda one: one.length)):
            new.update(_computed(trainee, group, device))
            watch(len(new), len(missing))
        self._known.update(new)
        self._keep(new)
        return len(new)

    def _keep(self, new: Mapping[str, Tensor]) -> None:
        import safetensors.torch

        if new:
            data = safetensors.torch.save(dict(new))
            # A full disk must not end a training: the next run computes them again.
            with contextlib.suppress(RunError):
                write_atomic(self._folder / f"{content_hash(sorted(new))[:16]}.safetensors", data)


def _read(path: Path) -> Mapping[str, Tensor]:
    import safetensors
    import safetensors.torch

    try:
        return safetensors.torch.load_file(path)
    except (safetensors.SafetensorError, OSError, ValueError):
        with contextlib.suppress(OSError):
            path.unlink()
        return {}


def _groups(examples: Sequence[Example]) -> list[list[Example]]:
    groups: list[list[Example]] = []
    room = 0
    for example in examples:
        size = example.length * len(example.branches)
        if not groups or size > room:
            groups.append([])
            room = TOKENS_AT_ONCE
        groups[-1].append(example)
        room -= size
    return groups


def _computed(trainee: Trainee, group: Sequence[Example], device: str) -> dict[str, Tensor]:
    with trainee.reference():
        found = trainee.log_probs(batch := collate(group).to(device)).float().cpu()
    parts = torch.split(found, batch.lengths)
    return {
        example.key: torch.cat(
            [parts[place + len(group) * branch] for branch in range(len(example.branches))]
        )
        for place, example in enumerate(group)
    }


def gathered(references: Sequence[Tensor], examples: Sequence[Example]) -> Tensor:
    """The vectors of several rows in the order of their batch: all chosen, then all rejected."""
    parts = [
        torch.split(known, [sum(flags) for flags in example.learned])
        for known, example in zip(references, examples, strict=True)
    ]
    return torch.cat([part[branch] for branch in range(len(examples[0].branches)) for part in parts])
