"""The door where people sign in with a password: nothing of the studio is reached before.

The cookie is signed, HttpOnly and SameSite; it travels on to the pages in a header that no browser can set,
and is looked at again there.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from urllib.parse import parse_qs, quote

from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import Receive, Scope

from app.entrance.attempts import Attempts, Who
from app.entrance.hosts import place_of, same_origin
from app.entrance.sign_in_page import POLICY, safe_next, sign_in_page
from app.entrance.sign_ins import KNOWN_FOR_S, SIGNED_IN_FOR_S, SignIns
from core.settings import Settings
from core.store.people import People, Person, name_key

PERSON_HEADER = "x-character-person"
COOKIE, KNOWN_COOKIE = "character_person", "character_browser"
OPEN_PATHS = ("/_stcore/health",)
LARGEST_FORM = 4096
FORM_WITHIN_S = 15.0
# Each check takes 32 MB and a tenth of a second of one core.
CHECKED_AT_ONCE, MOST_WAITING = 2, 64


@dataclass
class ByPassword:
    """Who may enter by password. `url` is the address that people type; `rest` waits (tests do not)."""

    settings: Settings
    url: str = ""
    attempts: Attempts = field(default_factory=Attempts)
    rest: Callable[[float], Awaitable[object]] = asyncio.sleep
    by_password: bool = True

    def __post_init__(self) -> None:
        self.people = People(self.settings)
        self.sign_ins = SignIns(self.settings)
        self._checking = asyncio.Semaphore(CHECKED_AT_ONCE)
        self._waiting = 0

    async def answer(self, asked: HTTPConnection, scope: Scope, receive: Receive) -> Response | None:
        """Our own answer, or None where the app may answer."""
        path = scope["path"]
        if scope["type"] == "http" and path in ("/sign-in", "/sign-out"):
            return await self._at_the_door(Request(scope, receive), path)
        if path in OPEN_PATHS:
            return None
        if self.sign_ins.who(self._token(asked)) is None:
            return _to_sign_in(asked, scope)
        scope["headers"].append((PERSON_HEADER.encode(), self._token(asked).encode()))
        return None

    def may_stay(self, asked: HTTPConnection) -> Callable[[], bool]:
        """Asks again whether who opened a socket is still signed in."""
        token = self._token(asked)
        return lambda: self.sign_ins.who(token) is not None

    @property
    def secure(self) -> bool:
        """Whether cookies travel over https only."""
        return self.url.startswith("https://")

    @property
    def cookie(self) -> str:
        """The cookie's name: with https one that no neighbouring site can set."""
        return f"__Host-{COOKIE}" if self.secure else COOKIE

    def _token(self, asked: HTTPConnection) -> str:
        return asked.cookies.get(self.cookie, "")

    async def _at_the_door(self, request: Request, path: str) -> Response:
        if path == "/sign-out":
            return self._sign_out(request)
        if request.method == "POST":
            return await self._try(request)
        return _page(goes_to=safe_next(request.query_params.get("next", "/")))

    def _sign_out(self, request: Request) -> Response:
        """End this sign-in in every tab; a link on a page elsewhere ends nothing."""
        if request.headers.get("sec-fetch-site", "") == "cross-site":
            return RedirectResponse("/", 303)
        self.sign_ins.end(self._token(request))
        answer = RedirectResponse("/sign-in", 303)
        answer.delete_cookie(self.cookie, httponly=True, samesite="lax", secure=self.secure)
        return answer

    async def _try(self, request: Request) -> Response:
        """A sign-in that was sent: the way in, or the form again with what was wrong."""
        if not same_origin(request.headers.get("origin", ""), request.headers.get("host", ""), self.url):
            return PlainTextResponse("Sign in on the studio's own page.", 403)
        form = await _form(request)
        if form is None:
            return PlainTextResponse("That is not a sign-in.", 413)
        name, goes_to = form.get("name", "")[:100], safe_next(form.get("next", "/"))
        known = self.sign_ins.known_as(request.cookies.get(KNOWN_COOKIE, ""), name)
        who = Who(name_key(name), place_of(request.client.host if request.client else None), known)
        if (wait := self.attempts.wait_s(who, now=time.monotonic())) > 0:
            error = f"Too many wrong passwords. Try again in {max(1, round(wait))} s."
            return _page(goes_to=goes_to, name=name, error=error, status=429)
        if self._waiting >= MOST_WAITING and not known:
            return _page(goes_to=goes_to, name=name, error="Many sign in just now. Try again.", status=503)
        # Counted as wrong before it is looked at: of passwords sent all at once only the first few count.
        self.attempts.failed(who, now=time.monotonic())
        person = await self._checked(who, name, form.get("password", ""))
        if person is None:
            error = "Name and password do not fit. Whoever runs this studio can give you a new password."
            return _page(goes_to=goes_to, name=name, error=error, status=401)
        self.attempts.succeeded(who)
        return self.let_in(person, goes_to, known=bool(known))

    async def _checked(self, who: Who, name: str, password: str) -> Person | None:
        self._waiting += 1
        try:
            if pause := self.attempts.pause_s(who, now=time.monotonic()):
                await self.rest(pause)
            async with self._checking:
                return await asyncio.to_thread(self.people.check, name, password)
        finally:
            self._waiting -= 1

    def let_in(self, person: Person, goes_to: str, *, known: bool = False) -> Response:
        """The way in: a sign-in of its own each time, and a note that this browser is a known one."""
        answer = RedirectResponse(goes_to, 303)
        kept = [(self.cookie, self.sign_ins.begin(person), SIGNED_IN_FOR_S)]
        if not known:
            kept.append((KNOWN_COOKIE, self.sign_ins.know(person), KNOWN_FOR_S))
        for name, token, age in kept:
            answer.set_cookie(name, token, max_age=age, httponly=True, samesite="lax", secure=self.secure)
        return answer


async def _form(request: Request) -> dict[str, str] | None:
    """The fields of a small form; None when it is too large or takes too long."""
    body = b""
    try:
        async with asyncio.timeout(FORM_WITHIN_S):
            async for piece in request.stream():
                body += piece
                if len(body) > LARGEST_FORM:
                    return None
    except TimeoutError:
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


def _to_sign_in(asked: HTTPConnection, scope: Scope) -> Response:
    """The sign-in page for somebody who opens a page; a plain refusal for everything else."""
    if scope["type"] == "http" and "text/html" in asked.headers.get("accept", ""):
        path = asked.url.path + (f"?{asked.url.query}" if asked.url.query else "")
        return RedirectResponse(f"/sign-in?next={quote(safe_next(path), safe='')}", 303)
    return PlainTextResponse("Sign in first.", 401)
