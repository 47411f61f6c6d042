"""Plain GET requests to the Hugging Face hub; a token goes to the host it is meant for and to no other.

The hub answers many downloads by a redirect to a storage host, whose address carries its own
signature: such a redirect is followed without the token, and never from https down to http.
"""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from typing import IO, Any

from core.settings import Secret, origin_of

LARGEST_ANSWER_BYTES = 64 * 1024 * 1024
TIMEOUT_S = 30.0


class HubTrouble(Exception):
    """A request that brought nothing: the reason, and the HTTP status when there was an answer."""

    def __init__(self, reason: str, *, status: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status


def fetch(url: str, *, token: Secret | None = None) -> bytes:
    """The body of an address. Raises HubTrouble, SettingsError for what is no address."""
    host = origin_of(url)
    request = urllib.request.Request(url, headers={"User-Agent": "character-studio"})
    if token is not None:
        request.add_header("Authorization", f"Bearer {token.reveal()}")
    opener = urllib.request.build_opener(_Redirects)
    try:
        with opener.open(request, timeout=TIMEOUT_S) as response:
            body: bytes = response.read(LARGEST_ANSWER_BYTES + 1)
    except urllib.error.HTTPError as error:
        with error:
            raise HubTrouble(_reason_in(error), status=error.code) from None
    except urllib.error.URLError as error:
        raise HubTrouble(f"no answer from {host} ({_words(error.reason)})") from None
    except (OSError, http.client.HTTPException) as error:
        raise HubTrouble(f"the connection to {host} broke ({_words(error)})") from None
    if len(body) > LARGEST_ANSWER_BYTES:
        raise HubTrouble(f"{url} is larger than 64 MB")
    return body


def fetch_json(url: str, *, token: Secret | None = None) -> Any:
    """The JSON value at an address. Raises HubTrouble."""
    body = fetch(url, token=token)
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise HubTrouble(f"{origin_of(url)} answered with something else than JSON") from None


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects, leaving the token behind where they lead to another host."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        if req.full_url.startswith("https:") and not newurl.startswith("https:"):
            raise HubTrouble("the hub's answer leads to an address without encryption")
        follow = super().redirect_request(req, fp, code, msg, headers, newurl)
        if follow is not None and origin_of(newurl) != origin_of(req.full_url):
            follow.remove_header("Authorization")
        return follow


def _reason_in(error: urllib.error.HTTPError) -> str:
    """What the hub says about a refusal, or the status alone."""
    try:
        body = json.loads(error.read(10_000))
        said = str(body["error"])[:300]
    except (OSError, ValueError, KeyError, TypeError, http.client.HTTPException):
        said = str(error.reason)
    return f"HTTP {error.code}: {said}"


def _words(reason: object) -> str:
    return str(getattr(reason, "strerror", None) or reason or type(reason).__name__).lower()
