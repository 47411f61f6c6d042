"""The server itself: its state, a context manager that runs it in a thread, and its side doors.

GET /_stats  the figures      GET /_log    every record as JSONL
POST /_reset  forget them     GET /v1/models
"""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any

from tests.load_server.answers import PrefixCache
from tests.load_server.log import Gate, Log
from tests.load_server.plan import Plan
from tests.load_server.protocol import Connection

MODEL = "test-model"


class State:
    """What all connections of a server share. Lives in the server's loop."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.connections: set[Connection] = set()
        self.paused: set[Connection] = set()
        self.port = 0
        self._listener: asyncio.Server | None = None
        self._coming_back: asyncio.Task[None] | None = None
        self.reset()

    def reset(self) -> None:
        """Forget every request; the limits start afresh."""
        plan = self.plan
        self.log = Log()
        self.gate = Gate(plan.concurrency, plan.rate, plan.bucket)
        self.prefixes = PrefixCache()
        self.last_answer = b""
        self.first_at = 0.0

    async def listen(self, port: int = 0) -> None:
        """Open the port: the one from before, when there was one."""
        raw = socket.socket()
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        raw.bind(("127.0.0.1", self.port or port))
        self.port = raw.getsockname()[1]
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(lambda: Connection(self), sock=raw, backlog=4096)

    async def refuse(self) -> None:
        """Close the port and drop every connection."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        for connection in list(self.connections):
            if connection.transport is not None:
                connection.transport.abort()
        # The kernel answers "refused" only when the loop has let go of the listening socket.
        await asyncio.sleep(0)

    def restart(self, down_s: float) -> None:
        """Be gone for `down_s` seconds. A restart under way is left alone."""
        if self._coming_back is None or self._coming_back.done():
            self._coming_back = asyncio.get_running_loop().create_task(self.away(down_s))

    async def away(self, down_s: float) -> None:
        await self.refuse()
        await asyncio.sleep(down_s)
        await self.listen()

    def side_door(self, line: bytes) -> tuple[int, bytes]:
        """The answer to a request that is no chat: status and body."""
        if b"/_stats " in line:
            return 200, json.dumps(self.log.stats(self.gate)).encode()
        if b"/_log " in line:
            return 200, self.log.jsonl()
        if b"/_bodies " in line:
            return 200, self.log.bodies()
        if line.startswith(b"POST /_reset "):
            self.reset()
            return 200, b"{}"
        if line.startswith(b"GET /v1/models "):
            return 200, json.dumps({"data": [{"id": MODEL, "object": "model"}]}).encode()
        return 404, b'{"error": {"message": "there is nothing here"}}'


class LoadServer:
    """A server in a thread with a loop of its own; a context manager.

    `url` is its base URL, `name` the model name to ask for. `refuse`, `reopen` and `restart` stop and
    start it at the same port.
    """

    def __init__(self, plan: Plan | None = None, *, port: int = 0) -> None:
        self.state = State(plan or Plan())
        self._port = port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    @property
    def url(self) -> str:
        """The base URL of the OpenAI protocol."""
        return f"http://127.0.0.1:{self.state.port}/v1"

    @property
    def name(self) -> str:
        """The model's name, as the command line takes it."""
        return f"{self.url}#{MODEL}"

    @property
    def log(self) -> Log:
        """What came in since the start or the last reset."""
        return self.state.log

    def stats(self) -> dict[str, Any]:
        """The figures, as `/_stats` gives them."""
        return self._call(lambda: self.state.log.stats(self.state.gate))

    def reset(self) -> None:
        """Forget every request."""
        self._call(self.state.reset)

    def refuse(self) -> None:
        """Drop every connection and refuse new ones until `reopen`."""
        asyncio.run_coroutine_threadsafe(self.state.refuse(), self._loop).result(10)

    def reopen(self) -> None:
        """Listen again at the same port."""
        asyncio.run_coroutine_threadsafe(self.state.listen(), self._loop).result(10)

    def restart(self, down_s: float = 0.0) -> None:
        """Drop every connection, be gone for `down_s` seconds, come back."""
        asyncio.run_coroutine_threadsafe(self.state.away(down_s), self._loop).result(10 + down_s)

    def _call(self, wanted: Callable[[], Any]) -> Any:
        async def inside() -> Any:
            return wanted()

        return asyncio.run_coroutine_threadsafe(inside(), self._loop).result(10)

    def __enter__(self) -> LoadServer:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self.state.listen(self._port), self._loop).result(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.refuse()
        asyncio.run_coroutine_threadsafe(_cancel_the_rest(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


async def _cancel_the_rest() -> None:
    """Cancel what still runs in the loop, as a restart under way."""
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
