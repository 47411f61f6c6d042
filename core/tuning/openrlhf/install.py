"""OpenRLHF's own environment: how it is made, whether it is there, and which flags its programs know.

environments/openrlhf/                  made by `character setup openrlhf`
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from core.environments import Environment, Recipe, find_environment
from core.errors import ModelError, Problem
from core.formats import Kind
from core.serving.machine import Machine
from core.settings import Settings
from core.tuning.openrlhf.command import MODULES, Part
from core.tuning.openrlhf.cures import AGAIN
from core.tuning.openrlhf.parser import Flag, flags_in, problems_in
from core.tuning.openrlhf.recipe import VERSION

NAME = "openrlhf"
# flash-attn is published as source. Its installer takes a ready-made build where there is one, and the
# newest torch with one for 2.8.3 is this.
TORCH = "torch==2.8.0"
# What flash-attn and DeepSpeed need to be built; their own metadata cannot be read without torch.
FIRST = (TORCH, "setuptools", "wheel", "packaging", "ninja", "numpy", "psutil")
CHECK = "import deepspeed, flash_attn, openrlhf, ray; print('ready')"
RECIPE = Recipe(
    name=NAME,
    label="OpenRLHF",
    build="gpu",
    # Its own pins choose DeepSpeed, flash-attn, Ray and transformers, which no other of our parts shares.
    requirements=(f"openrlhf=={VERSION}", TORCH),
    disk_bytes=14_000_000_000,
    check=("-I", "-c", CHECK),
    first=FIRST,
)
NOT_INSTALLED = (
    "OpenRLHF is not installed. Run: character setup openrlhf (about 14 GB, on Linux with an NVIDIA GPU "
    "and the CUDA toolkit; into an environment of its own). Without a GPU: --backend together, or "
    "--backend local for the embedded model."
)
# Where the flags of a program are declared, below site-packages.
LAUNCHERS = {"deepspeed": "deepspeed/launcher/runner.py", "ray": "ray/dashboard/modules/job/cli.py"}
# What the launcher adds by itself.
ADDED = {"openrlhf": ("--local_rank", "0"), "deepspeed": ("--module",), "ray": ()}


def recipe_for(machine: Machine, *, without_gpu: bool = False) -> Recipe:
    """How the environment is made here. Raises ModelError where it could not work."""
    if machine.system != "Linux" or machine.processor not in ("x86_64", "amd64"):
        raise ModelError(
            f"There is no OpenRLHF for {machine.system} on {machine.processor}, only for Linux on x86_64. "
            "Here, train with --backend together, or the embedded model with --backend local."
        )
    if not machine.gpu and not without_gpu:
        raise ModelError(
            "OpenRLHF trains on NVIDIA GPUs only, and none was found here (try: nvidia-smi). Train with "
            "--backend together, or the embedded model with --backend local. On the GPU-less head of a "
            "cluster add --without-gpu."
        )
    return RECIPE


def require_environment(settings: Settings) -> Environment:
    """The finished environment. Raises ModelError when it is missing or of another version."""
    found = find_environment(settings, NAME)
    if found is None:
        raise ModelError(NOT_INSTALLED)
    installed = found.versions.get("openrlhf", "an unknown version")
    if installed != VERSION:
        raise ModelError(
            f"OpenRLHF {installed} is installed, and these commands are for {VERSION}, whose flags have "
            f"other names than before. Run: {AGAIN}"
        )
    return found


def unknown_flags(environment: Environment, kind: Kind, parts: Mapping[str, Part]) -> list[Problem]:
    """What the installed programs would not take of a command, read from their sources; [] is none."""
    found: list[Problem] = []
    for name, part in parts.items():
        words = (*part.words, *ADDED[name])
        problems = problems_in(words, _flags(environment, _source_of(name, kind)))
        found += [Problem(f"{part.program} {problem.place}", problem.message) for problem in problems]
    return found


def _source_of(name: str, kind: Kind) -> str:
    return LAUNCHERS.get(name) or f"{MODULES[kind].replace('.', '/')}.py"


def _flags(environment: Environment, source: str) -> dict[str, Flag]:
    paths = sorted(environment.folder.glob(f"lib/python3*/site-packages/{source}"))
    if not paths:
        raise ModelError(f"The environment lacks {source}; make it anew with: {AGAIN}")
    return _flags_of(paths[0])


def _flags_of(path: Path) -> dict[str, Flag]:
    try:
        return flags_in(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, SyntaxError) as error:
        raise ModelError(f"{path} cannot be read ({error}); make it anew with: {AGAIN}") from error
