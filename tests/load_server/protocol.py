"""HTTP/1.1 by hand on a raw `asyncio.Protocol`: one request at a time on a kept-alive connection."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from tests.load_server.answers import answer_bytes, answer_to, prompt_tokens
from tests.load_server.faults import Fault, rate_limited
from tests.load_server.log import Record
from tests.load_server.plan import fault_of, numbers
from tests.load_server.wire import send

if TYPE_CHECKING:
    from tests.load_server.server import State

_OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
LIMIT = "limit"
_PHRASES = {status.value: status.phrase for status in HTTPStatus}


class Connection(asyncio.Protocol):
    """One connection. `transport` is None once it is lost."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.transport: asyncio.Transport | None = None
        self.answered = 0
        self._buffer = b""
        self._record: Record | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._closes = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.state.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        self.state.connections.discard(self)
        if self._timer is not None:
            self._timer.cancel()
        if self._record is not None:
            self._record.gone = True
            self._leave(self._record, time.monotonic())

    def data_received(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        if self._record is None:
            self._next()

    def pause_writing(self) -> None:
        self.state.paused.add(self)

    def resume_writing(self) -> None:
        self.state.paused.discard(self)

    def _next(self) -> None:
        """Serve the request at the front of the buffer, once it is there in full."""
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self._buffer[:end]
        size = _length_in(head)
        if len(self._buffer) < end + 4 + size:
            return
        content = self._buffer[end + 4 : end + 4 + size]
        self._buffer = self._buffer[end + 4 + size :]
        self._closes = b"onnection: close" in head
        if head.startswith(b"POST") and b"/chat/completions " in head[:200]:
            self._ask(head, content)
        else:
            self.reply(*self.state.side_door(head.split(b"\r\n", 1)[0]))

    def _ask(self, head: bytes, content: bytes) -> None:
        try:
            body = json.loads(content)
        except ValueError:
            self.reply(400, b'{"error": {"message": "the request is not JSON"}}')
            return
        state, now = self.state, time.monotonic()
        record = self._note(head, content, body, now)
        plan = state.plan
        first, second, third = numbers(plan.seed, record.sha, record.attempt)
        record.latency = plan.latency.draw(first, second)
        self._record = record
        if state.gate.admits(now):
            fault = fault_of(plan, record.number, body, record.attempt, now - state.first_at, third)
            state.gate.count(now, +1)
        else:
            fault = replace(rate_limited(plan.retry_after), name=LIMIT)
        record.in_flight = state.gate.in_flight
        record.fault = fault.name if fault else None
        record.latency = delay = _delay(record.latency, fault)
        if delay > 0:
            self._timer = asyncio.get_running_loop().call_later(delay, self._answer, head, body, fault)
        else:
            self._answer(head, body, fault)

    def _note(self, head: bytes, content: bytes, body: dict[str, Any], now: float) -> Record:
        """The new record of a request."""
        state = self.state
        log = state.log
        sha = hashlib.sha256(content).hexdigest()
        get = body.get
        limit = get("max_tokens") or get("max_completion_tokens")
        record = Record(
            len(log.records) + 1,
            now,
            sha,
            get("model", ""),
            get("seed"),
            get("n") or 1,
            limit,
            log.next_attempt(sha),
            b"uthorization:" in head,
        )
        if not log.records:
            state.first_at = now
        log.records.append(record)
        if state.plan.keep_bodies:
            record.body, record.headers, record.raw = body, headers_of(head), content
        return record

    def _leave(self, record: Record, now: float) -> None:
        # What a limit turned away was never in flight.
        if record.fault != LIMIT:
            self.state.gate.count(now, -1)
        self._record = None

    def _answer(self, head: bytes, body: dict[str, Any], fault: Fault | None) -> None:
        self._timer = None
        record, state = self._record, self.state
        if record is None or self.transport is None:
            return
        if fault is not None:
            send(self, fault, self._status_line(fault, head), self._content(fault, head, body, record))
            return
        record.status = 200
        content = self._ordinary(body, record)
        state.last_answer = content
        self.transport.write(_OK % (len(content), content))
        self.done()

    def _ordinary(self, body: dict[str, Any], record: Record) -> bytes:
        plan = self.state.plan
        cached = self.state.prefixes.cached(body) if plan.prefix_cache else 0
        record.prompt_tokens, record.cached_tokens = prompt_tokens(body), cached
        return answer_bytes(body, plan, cached)

    def _content(self, fault: Fault, head: bytes, body: dict[str, Any], record: Record) -> bytes:
        record.status = fault.status
        if fault.echoes_key:
            key = headers_of(head).get("authorization", "")
            return json.dumps({"error": {"message": f"Incorrect key provided: {key}."}}).encode()
        if fault.body is not None:
            return fault.body
        if fault.swapped and self.state.last_answer:
            return self.state.last_answer
        if fault.change is None:
            return self._ordinary(body, record)
        answer = answer_to(body, self.state.plan, 0)
        fault.change(answer)
        return json.dumps(answer).encode()

    def _status_line(self, fault: Fault, head: bytes) -> bytes:
        """The status line and the headers of a fault, without Content-Length."""
        headers = {"Content-Type": "application/json", **dict(fault.headers)}
        if fault.echoes_key:
            headers["X-Debug"] = headers_of(head).get("authorization", "")
        phrase = _PHRASES.get(fault.status, "Unknown")
        lines = [
            f"HTTP/1.1 {fault.status} {phrase}",
            *(f"{name}: {text}" for name, text in headers.items()),
        ]
        return "\r\n".join(lines).encode("latin-1") + b"\r\n"

    def done(self) -> None:
        """The answer is out: count it, and serve what came in meanwhile."""
        self.answered += 1
        if self._record is not None:
            self._record.sent = now = time.monotonic()
            self._leave(self._record, now)
        if self._closes and self.transport is not None:
            self.transport.close()
        elif self._buffer:
            self._next()

    def reply(self, status: int, content: bytes) -> None:
        """An answer outside the log."""
        if self.transport is not None:
            kind = "application/json"
            head = f"HTTP/1.1 {status} OK\r\nContent-Type: {kind}\r\nContent-Length: {len(content)}\r\n\r\n"
            self.transport.write(head.encode() + content)
            self.done()


def _length_in(head: bytes) -> int:
    """The Content-Length of a request's head, 0 without one."""
    start = head.find(b"Content-Length: ")
    if start < 0:
        start = head.lower().find(b"content-length: ")
    if start < 0:
        return 0
    return int(head[start + 16 : start + 32].split(b"\r", 1)[0])


def _delay(latency: float, fault: Fault | None) -> float:
    if fault is None:
        return latency
    return fault.after_s if fault.after_s is not None else latency * fault.factor


def headers_of(head: bytes) -> dict[str, str]:
    """The headers of a request by their name in lower case."""
    lines = head.decode("latin-1").split("\r\n")[1:]
    pairs = (line.partition(":") for line in lines)
    return {name.strip().lower(): value.strip() for name, _, value in pairs}
