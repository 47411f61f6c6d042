"""The door where people sign in at their identity provider, which Streamlit's login does on a page.

That page is reached by everybody, and nothing else: no file, no upload, and of an open socket only the
gate. Who was let in and is taken off the list, or signs out in another tab, is not heard any more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope

from app.entrance.oidc import USER_COOKIE, may_enter, user_of
from app.entrance.sign_ins import SignIns
from core.settings import Settings
from core.store.people import People

# What pages show and take in; everything else that is served is Streamlit's own program.
GUARDED = ("/media/", "/_stcore/upload_file", "/_stcore/metrics", "/_stcore/agent")
SIGN_OUT = "/auth/logout"
COOKIES_LAST_S = 31 * 24 * 3600


@dataclass
class ByProvider:
    """Who may enter at an identity provider."""

    settings: Settings
    by_password: bool = False

    def __post_init__(self) -> None:
        self.people = People(self.settings)
        self.sign_ins = SignIns(self.settings)

    async def answer(self, asked: HTTPConnection, scope: Scope, receive: Receive) -> Response | None:
        """A refusal, or None where the app may answer."""
        cookie = asked.cookies.get(USER_COOKIE, "")
        if cookie and self.sign_ins.is_foreign_ended(cookie):
            scope["headers"] = [pair for pair in scope["headers"] if pair[0] != b"cookie"]
            cookie = ""
        if scope["type"] == "http" and scope["path"] == SIGN_OUT and cookie:
            if asked.headers.get("sec-fetch-site", "") == "cross-site":
                return PlainTextResponse("Sign out on the studio's own page.", 403)
            self.sign_ins.end_foreign(cookie, for_s=COOKIES_LAST_S)
        is_in = bool(cookie) and self.may_stay(asked)()
        if not is_in and scope["path"].startswith(GUARDED):
            return PlainTextResponse("Sign in first.", 401)
        if not is_in and scope["type"] == "websocket":
            _begins_anew(scope)
        return None

    def may_stay(self, asked: HTTPConnection) -> Callable[[], bool]:
        """Asks again whether who opened a socket is on the list and has not signed out."""
        cookie, user = (
            asked.cookies.get(USER_COOKIE, ""),
            user_of(asked.cookies, self.people.cookie_secret()),
        )

        def may() -> bool:
            return not self.sign_ins.is_foreign_ended(cookie) and may_enter(user, self.people.oidc() or {})

        return may


def _begins_anew(scope: Scope) -> None:
    """Take out the session that the socket would go on with: what it showed was for somebody let in."""
    wanted = b"sec-websocket-protocol"
    named = b",".join(value for name, value in scope["headers"] if name == wanted)
    kept = b",".join(named.split(b",")[:2])
    scope["headers"] = [pair for pair in scope["headers"] if pair[0] != wanted]
    if kept:
        scope["headers"].append((wanted, kept))
        scope["subprotocols"] = [one.strip().decode("latin-1") for one in kept.split(b",")]
