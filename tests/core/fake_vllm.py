"""A stand-in for the program `vllm`: its words, its processes, its answers; a few lines of it.

Placed as `bin/vllm` of an environment. What it does is told by variables, so that its words stay vLLM's:
FAKE_VLLM_RECORD a file for its argv, environment and process ids · FAKE_VLLM_DIES the words with which
it ends before it answers · FAKE_VLLM_STUBBORN "1": it does not hear SIGTERM · FAKE_VLLM_LOADING
seconds until it answers.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

ENGINE = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nwhile True: time.sleep(60)"
LOADING_S = 0.3


def main() -> None:
    """Serve as `vllm serve` would, on loopback."""
    if "--version" in sys.argv:
        print("0.0.0+fake")
        return
    asked = words()
    print(f"(APIServer pid={os.getpid()}) INFO 11-23 23:51:42 [api_utils.py:347] loading", flush=True)
    if dying := os.environ.get("FAKE_VLLM_DIES"):
        print(dying, flush=True)
        sys.exit(3)
    engines = start_engines()
    record(engines)
    time.sleep(float(os.environ.get("FAKE_VLLM_LOADING", LOADING_S)))
    if os.environ.get("FAKE_VLLM_STUBBORN"):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    ThreadingHTTPServer((asked.host, asked.port), handler(asked)).serve_forever()


def words() -> argparse.Namespace:
    """The words of vLLM that matter here; the others are accepted."""
    parser = argparse.ArgumentParser()
    parser.add_argument("verb", choices=["serve"])
    parser.add_argument("model")
    parser.add_argument("--host")
    parser.add_argument("--port", type=int)
    parser.add_argument("--served-model-name", nargs="+")
    parser.add_argument("--lora-modules", nargs="+", default=[])
    return parser.parse_known_args()[0]


def start_engines() -> list[int]:
    """An engine and a worker as vLLM has them: no mark in their environment, deaf to SIGTERM.

    The second has also left the group.
    """
    quiet: dict[str, Any] = {"env": {}, "stdout": subprocess.DEVNULL}
    engine = subprocess.Popen([sys.executable, "-c", ENGINE], **quiet)
    worker = subprocess.Popen([sys.executable, "-c", ENGINE], start_new_session=True, **quiet)
    return [engine.pid, worker.pid]


def record(engines: list[int]) -> None:
    """Leave what the tests look at."""
    if path := os.environ.get("FAKE_VLLM_RECORD"):
        found = {"argv": sys.argv, "environment": dict(os.environ), "pids": [os.getpid(), *engines]}
        part = Path(path + ".part")
        part.write_text(json.dumps(found))
        part.replace(path)


def handler(asked: argparse.Namespace) -> type[BaseHTTPRequestHandler]:
    """What it answers, adapters as models of their own."""
    names = [*asked.served_model_name, *(module.split("=")[0] for module in asked.lora_modules)]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/v1/models":
                self.say(200, {"data": [{"id": name} for name in names]})
            else:
                self.say(200 if self.path == "/health" else 404, {})

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if body["model"] not in names:
                return self.say(404, {"error": {"message": f"The model {body['model']} does not exist."}})
            message = {"role": "assistant", "content": f"{body['model']} speaking."}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            self.say(200, {"model": body["model"], "choices": [choice], "usage": {"prompt_tokens": 3}})

        def say(self, status: int, body: dict[str, Any]) -> None:
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler


if __name__ == "__main__":
    main()
