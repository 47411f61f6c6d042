"""A scripted OpenAI-compatible server on loopback, for real clients to talk to.

`StandIn(script)` answers request n with `script(n, body)`: a `Reply`, or a text for an ordinary
answer. `requests` holds every body that arrived, `headers` what came with it.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any


@dataclass(frozen=True)
class Reply:
    """One HTTP answer, body as JSON unless `raw` is given; `drop` closes the connection without one."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    drop: bool = False


def chat(text: str | None, *, finish: str = "stop", **more: Any) -> Reply:
    """An ordinary chat completion."""
    message = {"role": "assistant", "content": text, **more.pop("message", {})}
    usage = {"prompt_tokens": 20, "completion_tokens": len((text or "").split())}
    body = {"model": "served", "choices": [{"message": message, "finish_reason": finish}], "usage": usage}
    return Reply(body=body | more)


Script = Callable[[int, dict[str, Any]], Reply | str]


def parrot(number: int, body: dict[str, Any]) -> str:
    """The default script: a deterministic answer to the last user message."""
    system = any(message["role"] == "system" for message in body["messages"])
    voice = "Arr! " if system else ""
    return f"{voice}About {body['messages'][-1]['content']!r}: answer with seed {body.get('seed')}."


class StandIn:
    """The server; a context manager. `url` is its base URL, `name` the model name to ask for."""

    def __init__(self, script: Script = parrot) -> None:
        self.script = script
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"
        self.name = f"{self.url}#test-model"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with stand_in._lock:
                    stand_in.requests.append(body)
                    stand_in.headers.append(dict(self.headers))
                    number = len(stand_in.requests)
                reply = stand_in.script(number, body)
                # A client that was killed does not hear the end of its answer.
                with contextlib.suppress(ConnectionError):
                    self._send(chat(reply) if isinstance(reply, str) else reply)

            def _send(self, reply: Reply) -> None:
                if reply.drop:
                    self.close_connection = True
                    self.connection.close()
                    return
                data = reply.raw if reply.raw is not None else json.dumps(reply.body).encode()
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        return Handler

    def __enter__(self) -> StandIn:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
