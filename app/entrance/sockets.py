"""An open socket is good for as long as its person may be here, which is asked again at every message.

A browser tab is one socket that stays open for days, and a click in it runs its callback before the page
is drawn: to look only at the door, or only in the page, would let somebody act who was sent away long ago.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from starlette.types import Message, Receive, Send
from streamlit.proto.BackMsg_pb2 import BackMsg

LOOK_EVERY_S = 5.0
SENT_AWAY = 1008


@dataclass
class Watched:
    """A socket that ends once its person may not stay, at their next message or within seconds.

    The page is drawn once more, without any of the widgets that the browser sent, so that the gate shows
    why, and nothing that comes later is heard. With `then_closes` the next message closes the socket: the
    browser opens another one, which begins at the gate. `was_in` False is somebody who has not been let in
    so far, sees the gate only, and may act on that.
    """

    receive: Receive
    send: Send
    may_stay: Callable[[], bool]
    was_in: bool = True
    then_closes: bool = False
    every_s: float = LOOK_EVERY_S
    _out: bool = False
    _closed: bool = False
    _coming: asyncio.Future[Message] | None = field(default=None, repr=False)

    async def hear(self) -> Message:
        """The next message that counts."""
        while True:
            message = await self._next()
            if message is not None and message["type"] != "websocket.receive":
                return message
            if self._out and self.then_closes:
                return await self._close()
            if self._out:
                continue
            if self._stays():
                if message is not None:
                    return message
                continue
            self._out = True
            return {"type": "websocket.receive", "bytes": draw_anew()}

    async def tell(self, message: Message) -> None:
        """Pass a message on to the browser; none after the socket was closed."""
        if not self._closed:
            await self.send(message)

    def _stays(self) -> bool:
        may = self.may_stay()
        self.was_in = self.was_in or may
        return may or not self.was_in

    async def _close(self) -> Message:
        self._closed = True
        self._stop_hearing()
        await self.send({"type": "websocket.close", "code": SENT_AWAY})
        return {"type": "websocket.disconnect", "code": SENT_AWAY}

    async def _next(self) -> Message | None:
        """What the browser sent, or None when it is time to look again whether it may be heard."""
        if self._coming is None:
            self._coming = asyncio.ensure_future(self.receive())
        try:
            await asyncio.wait({self._coming}, timeout=None if self._out else self.every_s)
        except asyncio.CancelledError:
            self._stop_hearing()
            raise
        if not self._coming.done():
            return None
        message, self._coming = self._coming.result(), None
        return message

    def _stop_hearing(self) -> None:
        if self._coming is not None:
            self._coming.cancel()


def draw_anew() -> bytes:
    """What a browser would send to have the page drawn once more, with no widget in it."""
    asked = BackMsg()
    asked.rerun_script.SetInParent()
    return asked.SerializeToString()
