"""The first to see every request: refuses foreign host names and, in a shared studio, strangers.

Nothing of the studio is reached before: no page, no websocket, no upload, no picture. The cookie is signed,
HttpOnly and SameSite; the person's name reaches the pages in a header that no browser can set.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass, field
from urllib.parse import parse_qs, quote

from itsdangerous import BadSignature, URLSafeTimedSerializer
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.entrance.attempts import Attempts
from app.entrance.hosts import answers_to, same_origin
from app.entrance.sign_in_page import POLICY, safe_next, sign_in_page
from core.store.people import People, Person

PERSON_HEADER = "x-character-person"
COOKIE = "character_person"
SIGNED_IN_FOR_S = 14 * 24 * 3600
LARGEST_FORM = 4096
OPEN_PATHS = ("/_stcore/health", "/sign-in", "/sign-out")
LOG = logging.getLogger(__name__)


@dataclass
class Doorkeeper:
    """ASGI middleware around the app.

    `people` is None in a studio of one's own: then only host names are checked. `secure` marks the
    cookie for https only.
    """

    app: ASGIApp
    names: tuple[str, ...]
    people: People | None = None
    secure: bool = False
    attempts: Attempts = field(default_factory=Attempts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, send it to the sign-in page, or refuse it."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        asked = HTTPConnection(scope)
        scope["headers"] = [pair for pair in scope["headers"] if pair[0].decode("latin-1") != PERSON_HEADER]
        answer = await self._answer(asked, scope, receive)
        if answer is None:
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await _refuse_socket(receive, send)
        else:
            await answer(scope, receive, send)

    async def _answer(self, asked: HTTPConnection, scope: Scope, receive: Receive) -> Response | None:
        """Our own answer, or None where the app may answer."""
        if not answers_to(asked.headers.get("host", ""), self.names):
            return PlainTextResponse("This studio does not answer to that name.", 403)
        if self.people is None:
            return None
        if scope["type"] == "http" and asked.url.path in ("/sign-in", "/sign-out"):
            return await self._at_the_door(Request(scope, receive))
        if asked.url.path in OPEN_PATHS:
            return None
        person = self.person_of(asked)
        if person is None:
            return _to_sign_in(asked)
        scope["headers"].append((PERSON_HEADER.encode(), quote(person.name).encode()))
        return None

    def person_of(self, asked: HTTPConnection) -> Person | None:
        """Who is signed in with the request's cookie, or None."""
        assert self.people is not None
        try:
            name, stamp = self._signer().loads(asked.cookies.get(COOKIE, ""), max_age=SIGNED_IN_FOR_S)
        except (BadSignature, ValueError, TypeError):
            return None
        person = self.people.get(str(name))
        return person if person and person.stamp == stamp else None

    def _signer(self) -> URLSafeTimedSerializer:
        assert self.people is not None
        return URLSafeTimedSerializer(self.people.cookie_secret(), salt="character-studio-sign-in")

    async def _at_the_door(self, request: Request) -> Response:
        if request.url.path == "/sign-out":
            answer: Response = RedirectResponse("/sign-in", 303)
            answer.delete_cookie(COOKIE, httponly=True, samesite="lax", secure=self.secure)
            return answer
        if request.method == "POST":
            return await self._try(request)
        return _page(goes_to=safe_next(request.query_params.get("next", "/")))

    async def _try(self, request: Request) -> Response:
        """A sign-in that was sent: the way in, or the form again with what was wrong."""
        if not same_origin(request.headers.get("origin", ""), request.headers.get("host", "")):
            return PlainTextResponse("Sign in on the studio's own page.", 403)
        form = await _form(request)
        if form is None:
            return PlainTextResponse("That is not a sign-in.", 413)
        name, goes_to = form.get("name", "")[:100], safe_next(form.get("next", "/"))
        who = (f"name:{name.casefold().strip()}", f"from:{request.client.host if request.client else ''}")
        if (wait := self.attempts.wait_s(*who, now=time.monotonic())) > 0:
            error = f"Too many wrong passwords. Try again in {max(1, round(wait))} s."
            return _page(goes_to=goes_to, name=name, error=error, status=429)
        assert self.people is not None
        # Counted as wrong before it is looked at: of passwords sent all at once only the first few count.
        self.attempts.failed(*who, now=time.monotonic())
        person = await asyncio.to_thread(self.people.check, name, form.get("password", ""))
        if person is None:
            error = "Name and password do not fit. Whoever runs this studio can give you a new password."
            return _page(goes_to=goes_to, name=name, error=error, status=401)
        self.attempts.succeeded(*who)
        return self._let_in(person, goes_to)

    def _let_in(self, person: Person, goes_to: str) -> Response:
        answer = RedirectResponse(goes_to, 303)
        token = self._signer().dumps([person.name, person.stamp])
        answer.set_cookie(
            COOKIE, token, max_age=SIGNED_IN_FOR_S, httponly=True, samesite="lax", secure=self.secure
        )
        return answer


async def _form(request: Request) -> dict[str, str] | None:
    """The fields of a small form; None when it is too large."""
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > LARGEST_FORM:
            return None
    fields = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True)
    return {name: values[0] for name, values in fields.items()}


def _page(*, goes_to: str, name: str = "", error: str = "", status: int = 200) -> Response:
    headers = {
        "Content-Security-Policy": POLICY,
        "Cache-Control": "no-store",
        "Referrer-Policy": "same-origin",
    }
    return HTMLResponse(sign_in_page(goes_to=goes_to, name=name, error=error), status, headers)


def _to_sign_in(asked: HTTPConnection) -> Response:
    """The sign-in page for somebody who opens a page; a plain refusal for everything else."""
    if asked.scope["type"] == "http" and "text/html" in asked.headers.get("accept", ""):
        path = asked.url.path + (f"?{asked.url.query}" if asked.url.query else "")
        return RedirectResponse(f"/sign-in?next={quote(safe_next(path), safe='')}", 303)
    return PlainTextResponse("Sign in first.", 401)


async def _refuse_socket(receive: Receive, send: Send) -> None:
    message: Message = await receive()
    if message["type"] == "websocket.connect":
        await send({"type": "websocket.close", "code": 1008})
