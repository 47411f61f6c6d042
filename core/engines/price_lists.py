"""Fetch a provider's list of prices: one GET request, its key to its own host and to no other.

prices = asyncio.run(fetch_prices("openrouter", settings))    {"z-ai/glm-4.5-air": Price(…), …}
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from typing import Any, NamedTuple

import aiohttp

from core.engines.failures import STOPS_JOB, kind_of_status
from core.errors import EngineError, SettingsError
from core.names import PROVIDERS, Provider
from core.prices import Price, parse_openrouter, parse_together
from core.settings import Secret, Settings, origin_of

LARGEST_LIST_BYTES = 32_000_000
TIMEOUT_S = 15.0
PARSERS: dict[str, Callable[..., dict[str, Price]]] = {
    "openrouter": parse_openrouter,
    "together": parse_together,
}
# OpenRouter shows its list to everyone; Together only to its customers.
NEEDS_KEY = frozenset({"together"})


async def fetch_prices(
    provider: str,
    settings: Settings,
    *,
    timeout_s: float = TIMEOUT_S,
    largest_bytes: int = LARGEST_LIST_BYTES,
) -> dict[str, Price]:
    """The prices of a provider's models by their id there, dated today; never an empty list.

    Raises SettingsError for a provider without a list or a wrong address, EngineError otherwise.
    """
    if provider not in PARSERS:
        raise SettingsError(
            f"There is no list of prices to fetch from {provider!r}; choose {' or '.join(PARSERS)}, "
            "or add a price with `character prices set MODEL --input USD --output USD`."
        )
    spec = PROVIDERS[provider]
    stored = settings.key(provider)
    if stored is None and provider in NEEDS_KEY:
        message = f"{spec.label} shows its prices only with a key; save one under Engines and keys."
        raise _error("key", message)
    address = settings.base_url(provider).rstrip("/")
    origin_of(address)
    request = _Request(spec, address, stored.secret if stored else None, timeout_s, largest_bytes)
    return _read(spec, address, await _get(request))


class _Request(NamedTuple):
    """What is asked of whom, how long it may take, and how much may come back."""

    spec: Provider
    address: str
    secret: Secret | None
    timeout_s: float
    largest_bytes: int


async def _get(request: _Request) -> bytes:
    """The body of the list. Raises EngineError; no server's text is repeated in it."""
    spec, address = request.spec, request.address
    timeout = aiohttp.ClientTimeout(total=request.timeout_s)
    try:
        async with (
            aiohttp.ClientSession(headers=_headers(request.secret), timeout=timeout) as session,
            session.get(f"{address}/models", allow_redirects=False) as response,
        ):
            if response.status != 200:
                raise _refused(spec, address, response.status)
            return await _read_capped(response, request)
    except TimeoutError:
        message = f"{spec.label} did not send its prices within {request.timeout_s:g} seconds; try again."
        raise _error("timeout", message) from None
    except aiohttp.ClientConnectorError:
        message = f"{origin_of(address)} cannot be reached; check the internet connection, then try again."
        raise _error("unreachable", message) from None
    except (aiohttp.ClientError, OSError, ValueError) as error:
        reason = type(error).__name__
        message = f"The connection to {origin_of(address)} broke ({reason}); try again in a minute."
        raise _error("connection", message) from None


def _headers(secret: Secret | None) -> dict[str, str]:
    ours = {"User-Agent": "character-studio"}
    return ours if secret is None else ours | {"Authorization": f"Bearer {secret.reveal()}"}


async def _read_capped(response: aiohttp.ClientResponse, request: _Request) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > request.largest_bytes:
            message = (
                f"{request.spec.label}'s list is larger than {request.largest_bytes // 1_000_000} MB; "
                "check its address."
            )
            raise _error("unreadable", message)
    return bytes(body)


def _read(spec: Provider, address: str, body: bytes) -> dict[str, Price]:
    """The prices in a body. Raises EngineError where there is none."""
    try:
        found: Any = json.loads(body)
    except (ValueError, RecursionError):
        found = None
    prices = PARSERS[spec.name](found, as_of=date.today().isoformat())
    if not prices:
        message = f"{origin_of(address)} answers, but sends no prices; check that the address ends in /v1."
        raise _error("unreadable", message)
    return prices


def _refused(spec: Provider, address: str, status: int) -> EngineError:
    """A status that is no success, in words."""
    kind = kind_of_status(status, retry_after=False)
    busy = f"{spec.label} is busy or has trouble (HTTP {status}); try again in a minute."
    texts = {
        "key": f"{spec.label} does not accept this key; save it anew under Engines and keys.",
        "forbidden": f"{spec.label} does not allow this key to see prices; check its permissions.",
        "model": f"There is no list of models at {address}; the address should end in /v1.",
        "redirect": f"{origin_of(address)} sends us to another address; use that one instead.",
        "rate_limited": busy,
        "transient": busy,
    }
    fallback = f"{spec.label} refused to send its prices (HTTP {status}); check the address."
    return _error(kind, texts.get(kind, fallback), status)


def _error(kind: str, message: str, status: int | None = None) -> EngineError:
    return EngineError(message, kind=kind, stops_job=kind in STOPS_JOB, status=status)
