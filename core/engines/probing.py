"""Does a provider answer, and does it take the key? One short request, made where a person waits.

`probe("openrouter", settings)` returns "Works: 312 models, $4.20 left on this key."
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Mapping
from typing import TYPE_CHECKING, Any, cast

from core.engines.failures import kind_of_status
from core.errors import EngineError
from core.names import PROVIDERS, Provider
from core.settings import Settings, origin_of

if TYPE_CHECKING:
    import openai

TIMEOUT_S = 10.0
NAMED = 3
LONGEST_NAME = 60
# The SDK would also send what other variables of the environment hold; a probe sends these alone.
SENT = frozenset({"host", "accept", "accept-encoding", "connection", "user-agent", "authorization"})


def probe(provider: str, settings: Settings) -> str:
    """What answered, in one sentence. Raises EngineError with what to do, SettingsError for no address."""
    spec = PROVIDERS[provider]
    stored = settings.key(provider)
    if spec.key_name and stored is None:
        raise EngineError(f"{spec.label} needs a key: paste one first.", kind="key", stops_job=True)
    address = settings.base_url(provider)
    origin_of(address)
    with _client(address, stored.secret.reveal() if stored else "none") as client, _worded(spec, address):
        return _found(client, spec)


def _found(client: openai.OpenAI, spec: Provider) -> str:
    """Ask, and say what came back."""
    # OpenRouter's list of models is open to everyone: only this tells a good key from a bad one.
    left = _left(client.get("/key", cast_to=object)) if spec.name == "openrouter" else ""
    # `models.list` cannot read the bare list that Together sends: so the same request, unparsed.
    models = _models(client.get("/models", cast_to=object))
    if not models:
        return "It answers, but has no model yet. Load one there, then test again."
    if spec.key_name is None and len(models) <= NAMED:
        return f"Works: {', '.join(name[:LONGEST_NAME] for name in models)}."
    return f"Works: {len(models)} model{'' if len(models) == 1 else 's'}{left}."


@contextlib.contextmanager
def _client(address: str, key: str) -> Generator[openai.OpenAI]:
    """An SDK client that follows no redirect and sends the key, and nothing else that is private."""
    import openai

    def only_ours(request: Any) -> None:
        for name in [name for name in request.headers if name.lower() not in SENT]:
            del request.headers[name]
        request.headers["Authorization"] = f"Bearer {key}"

    http = openai.DefaultHttpxClient(
        follow_redirects=False, timeout=TIMEOUT_S, event_hooks={"request": [only_ours]}
    )
    with openai.OpenAI(
        base_url=address, api_key=key, timeout=TIMEOUT_S, max_retries=0, http_client=http
    ) as client:
        yield client


def _models(body: Any) -> list[str]:
    """The names in a list of models, in either form. Raises ValueError for what is none."""
    rows = cast("dict[str, Any]", body).get("data") if isinstance(body, dict) else body
    if not isinstance(rows, list):
        raise ValueError("no list of models")
    found = [row for row in cast("list[Any]", rows) if isinstance(row, dict)]
    return [str(cast("dict[str, Any]", row).get("id", "?")) for row in found]


def _left(body: Any) -> str:
    """What OpenRouter says is left on the key, or nothing where there is no limit."""
    data = cast("Mapping[str, Any]", body).get("data") if isinstance(body, dict) else None
    left = cast("Mapping[str, Any]", data).get("limit_remaining") if isinstance(data, dict) else None
    return f", ${left:,.2f} left on this key" if isinstance(left, int | float) else ""


@contextlib.contextmanager
def _worded(spec: Provider, address: str) -> Generator[None]:
    """Turn the SDK's errors into one sentence that says what to do; no server's text is repeated."""
    import openai

    try:
        yield
    except openai.APITimeoutError:
        raise _error(
            "timeout", f"{spec.label} did not answer within {TIMEOUT_S:.0f} seconds; try again."
        ) from None
    except openai.APIConnectionError:
        raise _error("unreachable", _unreachable(spec, address)) from None
    except openai.APIStatusError as error:
        kind = kind_of_status(error.status_code, retry_after=False)
        raise _error(kind, _refused(spec, address, error.status_code, kind), error.status_code) from None
    except (openai.OpenAIError, ValueError):
        message = f"{origin_of(address)} answers, but not as a model server; check the address."
        raise _error("unreadable", message) from None


def _error(kind: str, message: str, status: int | None = None) -> EngineError:
    return EngineError(
        message, kind=kind, stops_job=kind not in ("transient", "rate_limited"), status=status
    )


def _unreachable(spec: Provider, address: str) -> str:
    if spec.key_name:
        return f"{spec.label} cannot be reached; check the internet connection, then test again."
    return f"Nothing answers at {origin_of(address)}. Start {spec.label}, then test again."


def _refused(spec: Provider, address: str, status: int, kind: str) -> str:
    """A status that is no success, in words."""
    texts = {
        "key": f"{spec.label} does not accept this key. Copy it again, whole, and save it anew.",
        "credit": f"The key is good, but there is no credit left; add some at {spec.label}.",
        "forbidden": f"{spec.label} does not allow this key to be used here; check its permissions.",
        "model": f"There is no list of models at {address}; the address should end in /v1.",
        "redirect": f"{origin_of(address)} sends us to another address; use that one instead.",
        "rate_limited": f"{spec.label} is busy or has trouble (HTTP {status}); test again in a minute.",
        "transient": f"{spec.label} is busy or has trouble (HTTP {status}); test again in a minute.",
    }
    return texts.get(kind, f"{spec.label} refused the request (HTTP {status}); check the address.")
