"""`character doctor`: what works on this machine, each gap with its cure."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from core.cli.options import data_option, json_option
from core.cli.output import FAILED, say
from core.embedded.catalogue import MODELS
from core.embedded.server import find_server
from core.environments import find_environment
from core.names import PROVIDERS
from core.serving import find_vllm
from core.serving.machine import gpu_name
from core.settings import Settings, load_settings


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that works or does not; `cure` is what to do about it."""

    what: str
    works: bool
    detail: str
    cure: str = ""


@click.command("doctor")
@data_option
@json_option
def doctor(data: Path | None, as_json: bool) -> None:
    """Say what works on this machine, and how to mend what does not."""
    findings = list(examine(load_settings(data=data)))
    if as_json:
        rows = [{"what": f.what, "works": f.works, "detail": f.detail, "cure": f.cure} for f in findings]
        click.echo(json.dumps({"verb": "doctor", "findings": rows}))
    for finding in () if as_json else findings:
        say(f"{'ok ' if finding.works else 'no '} {finding.what}: {finding.detail}")
        if not finding.works and finding.cure:
            say(f"     {finding.cure}")
    essential = [finding for finding in findings if finding.what in ("data folder", "embedded model")]
    sys.exit(0 if all(finding.works for finding in essential) else FAILED)


def examine(settings: Settings) -> Iterator[Finding]:
    """Every finding about this machine, quick to make: nothing is sent."""
    yield _data_folder(settings)
    for model in MODELS.values():
        yield _embedded_model(settings, model.name)
    yield _vllm(settings)
    yield _openrlhf(settings)
    yield _lm_eval(settings)
    for spec in PROVIDERS.values():
        if spec.key_name:
            key = settings.key(spec.name)
            detail = f"key from {key.source}, ends in …{key.secret.last4}" if key else "no key"
            yield Finding(
                spec.label, key is not None, detail, f"Set {spec.key_name} if you want to use it."
            )
    for module, what, extra in (
        ("torch", "training here", "train"),
        ("sklearn", "evaluation here", "eval"),
        ("together", "training on Together", "together"),
    ):
        there = importlib.util.find_spec(module) is not None
        yield Finding(
            what, there, "installed" if there else "not installed", f"pip install -e '.[{extra}]'"
        )


def _data_folder(settings: Settings) -> Finding:
    folder = settings.data_path
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        return Finding(
            "data folder", False, f"{folder}: {error.strerror}", "Set DATA_PATH to a folder of yours."
        )
    free_gb = shutil.disk_usage(folder).free / 1e9
    writable = os.access(folder, os.W_OK) and free_gb > 0.2
    return Finding(
        "data folder", writable, f"{folder}, {free_gb:.0f} GB free", "Set DATA_PATH or free some space."
    )


def _embedded_model(settings: Settings, name: str) -> Finding:
    if importlib.util.find_spec("xllamacpp") is None:
        return Finding("embedded model", False, "the local extra is missing", "pip install -e '.[local]'")
    if not any((settings.model_path / name).glob("*.gguf")):
        return Finding("embedded model", False, f"{name} is not here", f"character models pull {name}")
    server = find_server(settings, name)
    state = f"served at {server.base_url}" if server else "ready, starts when needed"
    return Finding("embedded model", True, f"{name}, {state}")


def _lm_eval(settings: Settings) -> Finding:
    if find_environment(settings, "lm-eval") is None:
        cure = "character setup lm-eval, if you want full benchmarks"
        return Finding("lm-eval", False, "not installed", cure)
    return Finding("lm-eval", True, "installed")


def _vllm(settings: Settings) -> Finding:
    """vLLM: whether it is installed, what it would run on, and where it answers now."""
    gpu = gpu_name()
    on = f"GPU: {gpu}" if gpu else "no GPU found, so it runs on the processor"
    environment = find_environment(settings, "vllm")
    if environment is None:
        size = "about 12 GB" if gpu else "about 3.5 GB"
        cure = f"character setup vllm ({size}), if you want to serve models and adapters here"
        return Finding("vLLM", False, f"not installed; {on}", cure)
    if environment.build == "gpu" and not gpu:
        cure = "Mend its driver (try: nvidia-smi), or run: character setup vllm --cpu"
        return Finding("vLLM", False, "the GPU build is installed, but there is no usable GPU", cure)
    server = find_vllm(settings)
    state = f"vllm/{server.names[0]} served at {server.base_url}" if server else "ready"
    return Finding("vLLM", True, f"{environment.build.upper()} build, {state}; {on}")


def _openrlhf(settings: Settings) -> Finding:
    """OpenRLHF: whether it is installed, and whether there is a GPU to train on."""
    environment, gpu = find_environment(settings, "openrlhf"), gpu_name()
    if not gpu:
        cure = "Train with --backend together, or the embedded model with --backend local."
        return Finding("OpenRLHF", False, "no NVIDIA GPU was found, and it trains on those only", cure)
    if environment is None:
        cure = "character setup openrlhf (about 14 GB), if you want to train on your own GPU"
        return Finding("OpenRLHF", False, f"not installed; GPU: {gpu}", cure)
    return Finding("OpenRLHF", True, f"{environment.versions.get('openrlhf', '')} is ready; GPU: {gpu}")


COMMANDS = (doctor,)
