"""What this computer is, as far as vLLM cares: system, processor, GPU."""

from __future__ import annotations

import os
import platform
import subprocess
from dataclasses import dataclass
from pathlib import Path

import psutil

GPU_LIMIT_S = 15.0
GPU_FILES = (Path("/proc/driver/nvidia/gpus"), Path("/dev/nvidia0"))


@dataclass(frozen=True, slots=True)
class Machine:
    """`gpu` is the name of a usable NVIDIA GPU, "" for none. `memory` is in bytes."""

    system: str
    processor: str
    gpu: str
    has_avx2: bool
    cores: int
    memory: int


def this_machine() -> Machine:
    """The computer that this runs on; asking the GPU's driver may take a second."""
    return Machine(
        system=platform.system(),
        processor=platform.machine().lower(),
        gpu=gpu_name(),
        has_avx2=_has_avx2(),
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        memory=psutil.virtual_memory().total,
    )


def gpu_name() -> str:
    """The first NVIDIA GPU that the driver lists; where there is no such tool, what its files say."""
    return next(iter(gpu_names()), "")


def gpu_names() -> list[str]:
    """Every NVIDIA GPU that the driver lists; without its tool one at most, as the system's files say."""
    try:
        words = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
        done = subprocess.run(words, capture_output=True, text=True, timeout=GPU_LIMIT_S)
    except FileNotFoundError:
        return ["an NVIDIA GPU"] if any(_has_entries(path) for path in GPU_FILES) else []
    except (OSError, subprocess.TimeoutExpired):
        return []
    lines = [line.strip() for line in done.stdout.splitlines() if line.strip()]
    return lines if done.returncode == 0 else []


def _has_entries(path: Path) -> bool:
    try:
        return any(path.iterdir()) if path.is_dir() else path.exists()
    except OSError:
        return False


def _has_avx2() -> bool:
    """Whether an x86 processor has AVX2; true where the system does not say."""
    try:
        text = Path("/proc/cpuinfo").read_text(errors="replace")
    except OSError:
        return True
    flags = [line for line in text.splitlines() if line.startswith("flags")]
    return not flags or " avx2" in flags[0]
