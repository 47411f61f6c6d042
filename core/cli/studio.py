"""`character studio` and `character doctor`: open the app, and say what works on this machine."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import socket
import sys
import time
import urllib.request
import webbrowser
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from core.cli.options import data_option, json_option
from core.cli.output import FAILED, say
from core.embedded.catalogue import MODELS
from core.embedded.server import find_server
from core.environments import find_environment
from core.errors import SettingsError
from core.names import PROVIDERS
from core.serving import find_vllm
from core.serving.machine import gpu_name
from core.settings import PROJECT, Settings, load_settings, subprocess_environment

FIRST_PORT = 8501


@click.command("studio")
@click.option("--port", type=click.IntRange(1024, 65535), help="Default: the first free one from 8501.")
@click.option("--browser/--no-browser", default=None, help="Open the page [where there is a screen].")
@data_option
def studio(port: int | None, browser: bool | None, data: Path | None) -> None:
    """Open the studio on 127.0.0.1."""
    serve_studio(load_settings(data=data), port, browser)


def serve_studio(settings: Settings, port: int | None, browser: bool | None, page: str = "") -> None:
    """Become the app, opened at a page ("rate?character=pirate"; "" is the first one). Does not return.

    Raises SettingsError when no port is free.
    """
    port = port or free_port()
    url = f"http://127.0.0.1:{port}"
    say(f"The studio opens at {url}{f'/{page}' if page else ''} (Ctrl-C ends it; jobs go on).")
    sys.stdout.flush()
    if has_screen() if browser is None else browser:
        open_when_ready(url, page)
    # Streamlit reads its theme from the folder it starts in; DATA_PATH is made absolute before.
    os.chdir(PROJECT)
    os.execve(sys.executable, streamlit_command(port), subprocess_environment(settings))


def has_screen() -> bool:
    """Whether a browser window can open here."""
    return sys.platform == "darwin" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def open_when_ready(url: str, page: str = "") -> None:
    """Open the page as soon as the app answers, from a process of its own: this one becomes the app."""
    if os.fork() == 0:
        _open_page(url, page)
        os._exit(0)


def _open_page(url: str, page: str) -> None:
    for _ in range(120):
        try:
            with urllib.request.urlopen(f"{url}/_stcore/health", timeout=1):
                webbrowser.open(f"{url}/{page}" if page else url)
                return
        except OSError:
            time.sleep(0.5)


def streamlit_command(port: int) -> list[str]:
    """The command that serves the app."""
    return [
        sys.executable,
        "-m",
        "streamlit",
        "run",
        str(PROJECT / "app" / "main.py"),
        "--server.address=127.0.0.1",
        f"--server.port={port}",
        "--server.headless=true",
    ]


def free_port(first: int = FIRST_PORT) -> int:
    """The first port from `first` on which nothing listens. Raises SettingsError after a hundred."""
    for port in range(first, first + 100):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise SettingsError(f"Ports {first} to {first + 99} are all busy; choose one with --port.")


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


COMMANDS = (studio, doctor)
