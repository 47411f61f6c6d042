"""From a model name to an engine: the one place that knows which class serves which provider."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace

from core.embedded.adapters import Wearing
from core.embedded.catalogue import CHAT_TEMPLATE_SHA256, MODELS
from core.engines import Engine
from core.engines.fake import FakeEngine
from core.engines.openai_compatible import Endpoint, OpenAICompatible
from core.engines.routing import Routing
from core.errors import SettingsError
from core.names import PROVIDERS, ModelName, Provider
from core.records import Identity
from core.settings import Settings, origin_of

BARE_SERVER = Provider("http", "the server", "")


def open_engine(
    name: ModelName, settings: Settings, routing: Routing | None = None, *, wearing: Wearing | None = None
) -> Engine:
    """The engine for a model. Sends and starts nothing yet. Raises SettingsError.

    `routing` is for OpenRouter and ignored elsewhere; `wearing` is for the embedded model, and refused
    elsewhere, so that nobody takes the plain model for a tuned one.
    """
    if name.provider == "local":
        return _embedded(name, settings, wearing)
    if wearing is not None:
        raise SettingsError(
            f"{name.full} cannot wear an adapter of this computer; only local/ models can. Serve it with "
            f"its adapter: character serve vllm --model {name.slug} --adapter NAME=FOLDER"
        )
    if name.provider == "fake":
        return _fake(name, settings)
    if name.address:
        return _remote(name, Endpoint(name.address, BARE_SERVER))
    if name.provider == "vllm" and (served := _served_here(name, settings)):
        return served
    routing = (routing or Routing()) if name.provider == "openrouter" else None
    return _remote(name, provider_endpoint(name.provider, settings, routing), routing)


def _fake(name: ModelName, settings: Settings) -> Engine:
    # The fake engine must never pass for a model: it exists only where a test asks for it.
    if not settings.fake_engine_allowed:
        raise SettingsError("The fake engine serves tests only; try local/smollm2-135m.")
    return FakeEngine(name.model)


def _embedded(name: ModelName, settings: Settings, wearing: Wearing | None) -> Engine:
    if name.model not in MODELS:
        known = ", ".join(f"local/{model}" for model in MODELS)
        raise SettingsError(f"There is no embedded model {name.model!r}; there is {known}.")
    adapter = wearing.adapter if wearing else None

    async def start() -> str:
        from core.embedded.server import ensure_server

        return (await asyncio.to_thread(ensure_server, settings, name.model, adapter=adapter)).base_url

    identity = Identity(f"sha256:{MODELS[name.model].sha256}", chat_template=CHAT_TEMPLATE_SHA256)
    if wearing:
        identity = replace(identity, adapter=wearing.adapter.sha256, strength=wearing.strength)
    return OpenAICompatible(
        name.full,
        name.model,
        Endpoint("", PROVIDERS["local"], extra=wearing.as_body() if wearing else {}),
        identity,
        relocate=start,
    )


def _served_here(name: ModelName, settings: Settings) -> Engine | None:
    """The engine over a server that `character serve vllm` runs, known by its weights, not its port."""
    from core.serving import find_vllm

    # An address that a person set wins over what is found.
    if settings.base_url("vllm") != PROVIDERS["vllm"].base_url:
        return None
    found = find_vllm(settings, name.model)
    if found is None:
        return None
    endpoint = Endpoint(found.base_url, PROVIDERS["vllm"])
    return OpenAICompatible(name.full, name.model, endpoint, found.identity_of(name.model))


def provider_endpoint(provider: str, settings: Settings, routing: Routing | None = None) -> Endpoint:
    """Where a remote provider is asked, with its key. Raises SettingsError without one."""
    spec = PROVIDERS[provider]
    key = settings.key(provider)
    if spec.key_name and key is None:
        raise SettingsError(
            f"{spec.label} needs a key: set {spec.key_name} in the environment or .env, "
            "or save it under Engines and keys."
        )
    headers = {"X-OpenRouter-Title": "Character Studio"} if provider == "openrouter" else {}
    extra = {"provider": routing.as_body()} if routing else {}
    return Endpoint(settings.base_url(provider), spec, key.secret if key else None, headers, extra)


def _remote(name: ModelName, endpoint: Endpoint, routing: Routing | None = None) -> Engine:
    # Without the port: the same server on another port tomorrow is still the same engine.
    identity = Identity(
        re.sub(r":\d+$", "", origin_of(endpoint.base_url)), routing=routing.pins if routing else None
    )
    return OpenAICompatible(name.full, name.model, endpoint, identity)
