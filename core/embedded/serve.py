"""The embedded model's server process: llama.cpp's own HTTP server, on 127.0.0.1, until nobody needs it.

    python -m core.embedded.serve --name smollm2-135m --model FILE --state FILE --sha256 HEX
        [--adapter FILE --adapter-sha256 HEX]

It writes the state file once it listens, stops after `--idle-s` without a request, and ends on SIGTERM.
Its standard output is the log. `core.embedded.server` starts it.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import importlib
import os
import signal
import stat
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import psutil

from core.embedded.catalogue import CHAT_TEMPLATE, CHAT_TEMPLATE_SHA256
from core.store.jsonl import read_json, write_json

IDLE_S = 900.0
# A server holds 0.9 GB; one with an adapter is there for one comparison or job, and starts in a second.
ADAPTER_IDLE_S = 240.0
LOOK_EVERY_S = 5.0
LOG_LIMIT_BYTES = 1_000_000
# Waiting requests hold a thread each: with fewer, many clients at once would block the health check.
HTTP_THREADS = 128
# How long llama.cpp's waiting threads spin before they sleep; the OpenMP library reads it once, when it
# is loaded. Its own default made the server several times slower beside a busy program. This value is as
# fast on an idle computer, and on a busy one a fifth slower than sleeping at once (bench.embedded_threads).
SPIN_COUNT = "1000"
# Warnings would be two lines for every request whose prompt is cached.
ERRORS = 1
# The exit code that says: it is the adapter, and the last line of the log says why.
ADAPTER_REFUSED = 3


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until idle or told to stop, then leave no state file behind."""
    options = _options(arguments)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        _require_adapter(options)
        server = _start(options)
        # Read once more: what was loaded in between is then surely what the hash says.
        _require_adapter(options)
    except (RuntimeError, ImportError) as error:
        if options.adapter and not isinstance(error, ImportError):
            _refuse_adapter("The embedded server cannot load this adapter; was it made for another model?")
        cure = " Install the OpenMP runtime (Debian: libgomp1)." if "libgomp" in str(error) else ""
        sys.exit(f"{error}.{cure}")
    _write_state(options, str(server.listening_address))
    _wait(server, options, stop)
    _remove_state(options)
    # The server's own ending waits for running answers, which nobody will read; the system frees it all.
    sys.stdout.flush()
    os._exit(0)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m core.embedded.serve")
    parser.add_argument("--name", required=True)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--sha256", required=True)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--adapter", type=Path)
    parser.add_argument("--adapter-sha256")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--slots", type=int, default=8)
    parser.add_argument("--context", type=int, default=4096, help="tokens a slot")
    parser.add_argument("--threads", type=int, default=usable_cores())
    parser.add_argument("--idle-s", type=float, default=IDLE_S)
    return parser.parse_args(arguments)


def _require_adapter(options: argparse.Namespace) -> None:
    """End the process unless the adapter's file is the one that was asked for."""
    if options.adapter is None:
        return
    try:
        with options.adapter.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        _refuse_adapter(f"It cannot be read ({error.strerror}); train again, then ask again.")
    if found != options.adapter_sha256:
        _refuse_adapter("It was trained anew while it was being loaded; ask again to hear the new one.")


def _refuse_adapter(why: str) -> NoReturn:
    print(why, flush=True)
    sys.exit(ADAPTER_REFUSED)


def usable_cores() -> int:
    """Physical cores that this process may use: llama.cpp gains nothing from their twins."""
    physical = psutil.cpu_count(logical=False) or os.cpu_count() or 1
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else physical
    return max(1, min(physical, allowed))


def _start(options: argparse.Namespace) -> Any:
    """The running server; it answers in threads of its own."""
    os.environ.setdefault("GOMP_SPINCOUNT", SPIN_COUNT)
    xllamacpp: Any = importlib.import_module("xllamacpp")
    params = xllamacpp.CommonParams()
    params.model.path = str(options.model)
    params.model_alias = {options.name}
    if options.adapter:
        # llama.cpp's own default is full strength for everyone; here only a request gives strength.
        params.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(str(options.adapter), 0.0)]
    params.hostnames, params.port = ["127.0.0.1"], options.port
    params.n_parallel, params.n_ctx = options.slots, options.slots * options.context
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = options.threads
    params.n_threads_http = HTTP_THREADS
    params.chat_template, params.use_jinja = CHAT_TEMPLATE, True
    # A slot keeps its last prompt, which is what a shared system prompt needs; a second cache beside the
    # slots took 250 MB and made nothing faster.
    params.cache_prompt, params.cache_ram_mib = True, 0
    # llama.cpp's own defaults, named here so that a new release cannot change answers unnoticed.
    params.sampling.top_k, params.sampling.min_p, params.sampling.penalty_last_n = 40, 0.05, 64
    # A model this small fits everywhere; measuring the memory first would only take time.
    params.fit_params = False
    # A web page must not be able to read answers, so no other origin is allowed; metrics are for _wait.
    params.cors_origins, params.ui, params.endpoint_slots = "", False, False
    params.endpoint_metrics = True
    params.verbosity = ERRORS
    return xllamacpp.Server(params)


def _write_state(options: argparse.Namespace, address: str) -> None:
    state = {
        "base_url": f"{address}/v1",
        "model": options.name,
        "weights_sha256": options.sha256,
        "chat_template_sha256": CHAT_TEMPLATE_SHA256,
        "pid": os.getpid(),
        "created": psutil.Process().create_time(),
        "log_path": str(options.state.with_suffix(".log")),
        "adapter_sha256": options.adapter_sha256,
    }
    write_json(options.state, state, mode=0o600)


def _remove_state(options: argparse.Namespace) -> None:
    """Delete the state file (and an adapter's log), unless a newer server has put its own there."""
    path = options.state
    with contextlib.suppress(Exception):  # ending must not fail over a file
        if read_json(path)["pid"] == os.getpid():
            path.unlink()
            if options.adapter:
                path.with_suffix(".log").unlink()


def _wait(server: Any, options: argparse.Namespace, stop: threading.Event) -> None:
    """Return when told to stop, or after `idle_s` without a request and without a look-up."""
    last, active = "", time.time()
    while time.time() - max(active, _looked_up(options.state)) < options.idle_s:
        if stop.wait(min(LOOK_EVERY_S, options.idle_s / 4)):
            return
        work = _work(server)
        if work != last or _is_busy(work):
            last, active = work, time.time()
        _bound_log()


def _work(server: Any) -> str:
    """The server's own counters of what it has done and is doing, as text that changes with work."""
    counters = ("prompt_tokens_total", "tokens_predicted_total", "requests_processing", "requests_deferred")
    lines = str(server.handle_metrics()).splitlines()
    wanted = tuple(f"llamacpp:{name} " for name in counters)
    return "\n".join(line for line in lines if line.startswith(wanted))


def _is_busy(work: str) -> bool:
    running = (line.split() for line in work.splitlines() if "requests_" in line)
    return any(float(value) > 0 for _, value in running)


def _looked_up(state: Path) -> float:
    """When somebody last asked for this server: `ensure_server` touches the state file."""
    try:
        return state.stat().st_mtime
    except OSError:
        return 0.0


def _bound_log() -> None:
    """Empty the log when it has grown too long. It is opened for appending, so writing goes on."""
    status = os.fstat(sys.stdout.fileno())
    if stat.S_ISREG(status.st_mode) and status.st_size > LOG_LIMIT_BYTES:
        os.ftruncate(sys.stdout.fileno(), 0)


if __name__ == "__main__":
    main()
