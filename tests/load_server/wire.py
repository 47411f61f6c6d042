"""How a faulty answer goes on the wire: whole, cut, reset, dripping, streamed, or not at all."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import TYPE_CHECKING

from tests.load_server.faults import Fault

if TYPE_CHECKING:
    from tests.load_server.protocol import Connection

_BLOCK = b"A" * 65_536


def send(connection: Connection, fault: Fault, head: bytes, content: bytes) -> None:
    """Send a fault's answer the way it wants."""
    transport = connection.transport
    assert transport is not None
    wire, sent = fault.wire, int(fault.amount)
    whole = head + b"Content-Length: %d\r\n\r\n" % len(content) + content
    if wire == "silent":
        return
    if wire == "restart":
        connection.state.restart(fault.amount)
    elif wire == "drop" or (wire == "stale" and connection.answered):
        transport.abort()
    elif wire in ("cut", "reset"):
        transport.write(whole[: len(whole) - len(content) + min(sent, len(content) - 1)])
        hang_up(transport) if wire == "reset" else transport.close()
    elif wire == "drip":
        transport.write(whole[: len(whole) - len(content)])
        drip(connection, content, 0, fault.amount)
    elif wire == "stream":
        stream(connection, head, sent * 1_000_000)
    elif wire == "wrong_length":
        wrong_length(connection, head, content, sent)
    else:
        transport.write(whole)
        connection.done()
        if wire == "close_after":
            transport.close()


def hang_up(transport: asyncio.BaseTransport) -> None:
    """Close with a reset: a linger of no seconds makes the kernel send RST."""
    raw = transport.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    asyncio.get_running_loop().call_soon(transport.abort)  # type: ignore[attr-defined]


def wrong_length(connection: Connection, head: bytes, content: bytes, by: int) -> None:
    """Announce a length that is wrong by `by` bytes, send the content, and close."""
    assert connection.transport is not None
    announced = max(0, len(content) + by)
    transport = connection.transport
    transport.write(head + b"Content-Length: %d\r\n\r\n" % announced + content)
    connection.done()
    transport.close()


def drip(connection: Connection, data: bytes, position: int, every_s: float) -> None:
    """Send one byte, and the next one `every_s` seconds later."""
    if connection.transport is None:
        return
    connection.transport.write(data[position : position + 1])
    if position + 1 == len(data):
        connection.done()
        return
    asyncio.get_running_loop().call_later(every_s, drip, connection, data, position + 1, every_s)


def stream(connection: Connection, head: bytes, size: int) -> None:
    """Send a text of `size` bytes as fast as it is read."""
    assert connection.transport is not None
    begin, end = b'{"choices": [{"message": {"content": "', b'"}, "finish_reason": "stop"}]}'
    connection.transport.write(
        head + b"Content-Length: %d\r\n\r\n" % (len(begin) + size + len(end)) + begin
    )
    _more(connection, size, end)


def _more(connection: Connection, left: int, end: bytes) -> None:
    while connection.transport is not None and connection not in connection.state.paused and left:
        block = _BLOCK[:left]
        connection.transport.write(block)
        left -= len(block)
    if connection.transport is None:
        return
    if left:
        asyncio.get_running_loop().call_later(0.001, _more, connection, left, end)
        return
    connection.transport.write(end)
    connection.done()
