"""The first to see every request: it refuses foreign names, pages and networks, and strangers.

A studio of one's own answers to this computer only, however it was started. A shared one has a door, by
password or at an identity provider, and asks it about every request and every message of an open socket.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.entrance.by_password import PERSON_HEADER
from app.entrance.hosts import answers_to, same_origin, stays_here
from app.entrance.sockets import Watched

# No page elsewhere shows ours in a frame, and no file of ours is taken for a program.
HEADERS = (
    (b"x-frame-options", b"SAMEORIGIN"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
)


class Door(Protocol):
    """One way to enter. With a password people are in before they see a page; else a page lets them in."""

    by_password: bool

    async def answer(self, asked: HTTPConnection, scope: Scope, receive: Receive) -> Response | None:
        """Our own answer, or None where the app may answer."""
        ...

    def may_stay(self, asked: HTTPConnection) -> Callable[[], bool]:
        """Asks again, at any time, whether who opened a socket may be here."""
        ...


@dataclass
class Doorkeeper:
    """ASGI middleware around the app. Without a `door` it is one's own studio; people type the `url`."""

    app: ASGIApp
    names: tuple[str, ...]
    door: Door | None = None
    url: str = ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, send it to the sign-in page, or refuse it."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        scope["headers"] = [pair for pair in scope["headers"] if _name(pair) != PERSON_HEADER]
        asked = HTTPConnection(scope)
        answer = self._refusal(asked, scope)
        if answer is None and self.door is not None:
            answer = await self.door.answer(asked, scope, receive)
        if scope["type"] == "websocket":
            await self._socket(asked, answer, scope, receive, send)
        else:
            await (answer or self.app)(scope, receive, _with_headers(send, secure=self._is_secure))

    async def _socket(
        self, asked: HTTPConnection, answer: Response | None, scope: Scope, receive: Receive, send: Send
    ) -> None:
        if answer is not None:
            await _refuse_socket(receive, send)
        elif self.door is None:
            await self.app(scope, receive, send)
        else:
            may_stay, by_password = self.door.may_stay(asked), self.door.by_password
            watched = Watched(receive, send, may_stay, was_in=by_password, then_closes=not by_password)
            await self.app(scope, watched.hear, watched.tell)

    def _refusal(self, asked: HTTPConnection, scope: Scope) -> Response | None:
        """Why a request is none of ours, whoever sends it."""
        host = asked.headers.get("host", "")
        if not answers_to(host, self.names):
            return PlainTextResponse("This studio does not answer to that name.", 403)
        if self.door is None and not (asked.client and stays_here(asked.client.host)):
            return PlainTextResponse(
                "This studio is for the computer that it runs on. For a team: character studio --share", 403
            )
        origin = asked.headers.get("origin")
        if scope["type"] == "websocket" and origin is not None and not same_origin(origin, host, self.url):
            return PlainTextResponse("This studio talks to its own pages only.", 403)
        return None

    @property
    def _is_secure(self) -> bool:
        return self.url.startswith("https://")


def _name(pair: tuple[bytes, bytes]) -> str:
    return pair[0].decode("latin-1").lower()


def _with_headers(send: Send, *, secure: bool) -> Send:
    """Answers with our headers; where people come over https, no cookie of any part travels without."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            given = [(name.lower(), value) for name, value in message.get("headers", [])]
            there = {name for name, _ in given}
            given += [pair for pair in HEADERS if pair[0] not in there]
            message = {**message, "headers": [_secured(pair) if secure else pair for pair in given]}
        await send(message)

    return sending


def _secured(pair: tuple[bytes, bytes]) -> tuple[bytes, bytes]:
    name, value = pair
    parts = {part.strip().lower() for part in value.split(b";")[1:]}
    return (name, value + b"; Secure") if name == b"set-cookie" and b"secure" not in parts else pair


async def _refuse_socket(receive: Receive, send: Send) -> None:
    message: Message = await receive()
    if message["type"] == "websocket.connect":
        await send({"type": "websocket.close", "code": 1008})
