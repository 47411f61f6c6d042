"""One server an embedded model, and one for each adapter in use, shared by all pages and jobs here.

`ensure_server` finds the one that runs, or starts it and waits. The state file beside the weights says
where it is; it counts only while that very process lives, answers, and serves these weights with this
chat template. A server of another version is left to its users and stops by itself when idle.

A server with an adapter is another one, under the adapter's own hash: what was trained anew is never
answered by what was loaded before. It applies no adapter unless a request gives a strength.
"""

from __future__ import annotations

import contextlib
import http.client
import importlib.util
import os
import subprocess
import sys
import threading
import time
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
from filelock import FileLock, Timeout

from core.embedded.adapters import LocalAdapter
from core.embedded.catalogue import CHAT_TEMPLATE_SHA256, LOCAL_EXTRA, EmbeddedModel, embedded_model
from core.embedded.fetch import model_folder, pull
from core.embedded.serve import ADAPTER_IDLE_S, ADAPTER_REFUSED, IDLE_S
from core.errors import ModelError, RunError
from core.job_wrapper import JOB_VARIABLE, SECRETS_VARIABLE
from core.settings import PROJECT, Settings
from core.store.jsonl import read_json

START_LIMIT_S = 120.0
STOP_LIMIT_S = 5.0
LOCK_LIMIT_S = 180.0
ANSWER_LIMIT_S = 5.0
# The system derives a process's start from the boot time, which moves a little when the clock is set.
START_TOLERANCE_S = 10.0
LOG_TAIL_LINES = 8


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """A running server: where it answers, what it serves, and which process it is."""

    base_url: str
    model: str
    weights_sha256: str
    chat_template_sha256: str
    pid: int
    created: float
    log_path: Path
    adapter_sha256: str | None = None


def ensure_server(
    settings: Settings, name: str, *, adapter: LocalAdapter | None = None, idle_s: float | None = None
) -> ServerInfo:
    """The running server of a model, with the adapter where one is given; started when needed.

    Raises ModelError: no weights, no room, or an adapter that changed since it was looked up.
    """
    model = embedded_model(name)
    if found := _found_and_kept(settings, name, adapter):
        return found
    _require_local_extra()
    weights = pull(settings, name)
    with _one_at_a_time(settings, model):
        if found := _found_and_kept(settings, name, adapter):
            return found
        _clear_dead(settings, name)
        if idle_s is None:
            idle_s = ADAPTER_IDLE_S if adapter else IDLE_S
        return _start(settings, model, weights, adapter, idle_s)


def find_server(settings: Settings, name: str, *, adapter: LocalAdapter | None = None) -> ServerInfo | None:
    """The running server of a model (with this very adapter), or None. Starts nothing."""
    model = embedded_model(name)
    info = _recorded(_state_file(settings, name, adapter))
    if info is None or _process(info) is None or not _answers(info):
        return None
    served = (info.weights_sha256, info.chat_template_sha256, info.adapter_sha256)
    wanted = (model.sha256, CHAT_TEMPLATE_SHA256, adapter.gguf_sha256 if adapter else None)
    return info if served == wanted else None


def stop_server(settings: Settings, name: str) -> bool:
    """End the model's servers, those with adapters too; whether there was one."""
    model = embedded_model(name)
    if not _state_files(settings, name):
        return False
    with _one_at_a_time(settings, model):
        stopped = [_stop(state) for state in _state_files(settings, name)]
    return any(stopped)


def _stop(state: Path) -> bool:
    info = _recorded(state)
    process = _process(info) if info else None
    if process:
        _end(process)
    state.unlink(missing_ok=True)
    return process is not None


def _state_file(settings: Settings, name: str, adapter: LocalAdapter | None = None) -> Path:
    mark = f"-{adapter.gguf_sha256[:16]}" if adapter else ""
    return model_folder(settings, name) / f"server{mark}.json"


def _state_files(settings: Settings, name: str) -> list[Path]:
    return sorted(model_folder(settings, name).glob("server*.json"))


def _clear_dead(settings: Settings, name: str) -> None:
    """Forget servers with adapters that were killed: nobody may ever ask for theirs again."""
    for state in model_folder(settings, name).glob("server-*.json"):
        info = _recorded(state)
        if info is None or _process(info) is None:
            state.unlink(missing_ok=True)
            state.with_suffix(".log").unlink(missing_ok=True)


def _found_and_kept(settings: Settings, name: str, adapter: LocalAdapter | None) -> ServerInfo | None:
    """The running server, told by a touch of its state file that it is needed again."""
    found = find_server(settings, name, adapter=adapter)
    if found:
        try:
            os.utime(_state_file(settings, name, adapter))
        except OSError:
            return None  # it stopped just now
    return found


def _recorded(state: Path) -> ServerInfo | None:
    """What the state file says, or None when it is missing or cannot be understood."""
    try:
        fields = read_json(state)
        return ServerInfo(**(fields | {"log_path": Path(fields["log_path"])})) if fields else None
    except (RunError, OSError, TypeError, KeyError):
        return None


def _process(info: ServerInfo) -> psutil.Process | None:
    """The recorded process while it lives; a stranger with the same number is not it."""
    try:
        process = psutil.Process(info.pid)
        same = abs(process.create_time() - info.created) <= START_TOLERANCE_S
        is_ours = same and "core.embedded.serve" in process.cmdline()
        return process if is_ours and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.Error:
        return None


def _answers(info: ServerInfo) -> bool:
    """Whether the server is up. One that takes the connection but is slow to answer is only busy."""
    address = urlsplit(info.base_url)
    connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=ANSWER_LIMIT_S)
    try:
        connection.connect()
        connection.request("GET", "/health")
        return connection.getresponse().status == 200
    except TimeoutError:
        return True
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _require_local_extra() -> None:
    if any(importlib.util.find_spec(package) is None for package in ("xllamacpp", "gguf")):
        raise ModelError(LOCAL_EXTRA)


@contextlib.contextmanager
def _one_at_a_time(settings: Settings, model: EmbeddedModel) -> Generator[None]:
    lock = FileLock(model_folder(settings, model.name) / "server.lock")
    try:
        lock.acquire(timeout=LOCK_LIMIT_S)
    except Timeout:
        raise ModelError(
            f"Another process has been starting {model.label} for {LOCK_LIMIT_S:.0f} s; "
            f"stop it with: character models stop {model.name}, then try again."
        ) from None
    except OSError as error:
        raise ModelError(
            f"{model.label} needs to write to {model_folder(settings, model.name)}: "
            f"{(error.strerror or str(error)).lower()}; set MODEL_PATH to a folder of yours."
        ) from error
    try:
        yield
    finally:
        lock.release()


def _start(
    settings: Settings, model: EmbeddedModel, weights: Path, adapter: LocalAdapter | None, idle_s: float
) -> ServerInfo:
    state = _state_file(settings, model.name, adapter)
    state.unlink(missing_ok=True)
    log = state.with_suffix(".log")
    command = [*_command(model, weights, state, idle_s), *_with_adapter(adapter)]
    process = _launch(command, log, _environment(settings))
    deadline = time.monotonic() + START_LIMIT_S
    while process.poll() is None and time.monotonic() < deadline:
        info = _recorded(state)
        if info and info.pid == process.pid and _answers(info):
            return info
        time.sleep(0.05)
    process.kill()
    if process.returncode == ADAPTER_REFUSED and adapter:
        raise ModelError(f"{adapter.gguf}: {_last_line(log)}")
    raise ModelError(_why_not(model, process.returncode, log))


def _command(model: EmbeddedModel, weights: Path, state: Path, idle_s: float) -> list[str]:
    return [
        *(sys.executable, "-m", "core.embedded.serve"),
        *("--name", model.name, "--model", str(weights), "--sha256", model.sha256),
        *("--state", str(state), "--idle-s", str(idle_s)),
        *("--slots", str(model.slots), "--context", str(model.slot_context)),
    ]


def _with_adapter(adapter: LocalAdapter | None) -> list[str]:
    if adapter is None:
        return []
    return ["--adapter", str(adapter.gguf), "--adapter-sha256", adapter.gguf_sha256]


def _environment(settings: Settings) -> dict[str, str]:
    """Ours without keys, which it never needs, and without the job's mark: it outlives the job."""
    dropped = (JOB_VARIABLE, SECRETS_VARIABLE)
    return {
        name: value
        for name, value in settings.for_subprocess().items()
        if name not in dropped and not name.endswith(("_KEY", "_TOKEN"))
    }


def _launch(command: list[str], log: Path, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    fd = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
    with os.fdopen(fd, "wb") as output:
        process = subprocess.Popen(
            command,
            cwd=PROJECT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    # Collected whenever it ends, so that it does not stay a zombie of a long-lived app.
    threading.Thread(target=process.wait, daemon=True).start()
    return process


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1] if lines else "it cannot be loaded."


def _why_not(model: EmbeddedModel, code: Any, log: Path) -> str:
    how = "did not answer in time" if code is None else f"ended at once (exit code {code})"
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    tail = "\n".join(lines[-LOG_TAIL_LINES:]) or "(nothing)"
    return (
        f"The server of {model.label} {how}. Check the file with: character models pull {model.name} "
        f"--verify, then try again. The end of its log ({log}):\n{tail}"
    )


def _end(process: psutil.Process) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process.terminate()
        try:
            process.wait(STOP_LIMIT_S)
        except psutil.TimeoutExpired:
            process.kill()
            process.wait(STOP_LIMIT_S)
