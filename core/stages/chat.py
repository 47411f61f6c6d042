"""Talking with a model while somebody watches: an answer comes back word by word.

    for piece in stream_answer(settings, "local/smollm2-135m", [Message("user", "What is a star?")],
                               adapter="dpo/pirate", strength=0.5):
        print(piece, end="")

Through the openai SDK, as everywhere where a person waits; many answers at once are `core.bulk`'s work.
A last message of the assistant's is gone on with, where the place can do that (`can_begin`).
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import threading
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.embedded.adapters import LocalAdapter, Wearing, checked_strength, find_adapter
from core.engines.failures import ASK_AGAIN, STOPS_JOB, advice, kind_of_status, message_in
from core.engines.openai_compatible import Endpoint
from core.engines.opening import BARE_SERVER, open_engine, provider_endpoint
from core.errors import EngineError, SettingsError
from core.names import PROVIDERS, ModelName, parse_model
from core.records import Message, Sampling
from core.settings import Settings, redact

if TYPE_CHECKING:
    import openai

# A model this small loops when it is greedy; the penalty is left out where a provider would refuse it.
CHAT = Sampling(temperature=0.7, top_p=0.95, max_tokens=384, repetition_penalty=1.1)
CONNECT_S, QUIET_S = 15.0, 300.0
LONGEST_REASON = 500
# The SDK would also send what other variables of the environment hold.
SENT = frozenset(
    (
        *("host", "accept", "accept-encoding", "connection", "user-agent", "authorization"),
        *("content-type", "content-length", "x-openrouter-title"),
    )
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a chat's requests go, and what each of them says besides the conversation."""

    model: ModelName
    endpoint: Endpoint


class Line:
    """The connection of one answer, which any thread may end: a server that is cut off stops writing."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self.is_cut = False

    def watch(self, event: str, info: dict[str, Any]) -> None:
        """Keep the socket as it is opened; httpx calls this with every step of a request."""
        if event.endswith((".connect_tcp.complete", ".start_tls.complete")):
            self._keep(info["return_value"].get_extra_info("socket"))

    def _keep(self, found: Any) -> None:
        with self._lock:
            self._socket = found if isinstance(found, socket.socket) else None
            if self.is_cut:
                self._end()

    def hang_up(self) -> None:
        """End the connection at once, also while another thread waits for the next word."""
        with self._lock:
            self.is_cut = True
            self._end()

    def _end(self) -> None:
        if self._socket is not None:
            # The plain socket's own way: an encrypted one would say goodbye first, and wait for it.
            with contextlib.suppress(OSError):
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


class Answering(Iterator[str]):
    """An answer under way, piece by piece. `close` ends it here, `hang_up` from any thread."""

    def __init__(self, pieces: Generator[str], line: Line) -> None:
        self._pieces, self._line = pieces, line

    def __next__(self) -> str:
        return next(self._pieces)

    def close(self) -> None:
        """Stop the model; for the thread that reads."""
        self._pieces.close()

    def hang_up(self) -> None:
        """Stop the model; for every other thread. Whoever reads meets the end, and no error."""
        self._line.hang_up()


def can_begin(model: ModelName) -> bool:
    """Whether words can be put into a model's mouth: its answer then goes on from them."""
    spec = PROVIDERS.get(model.provider)
    return spec is not None and spec.can_prefill


def stream_answer(
    settings: Settings,
    model: ModelName | str,
    messages: Sequence[Message],
    *,
    adapter: LocalAdapter | Path | str | None = None,
    strength: float = 1.0,
    sampling: Sampling | None = None,
) -> Iterator[str]:
    """The answer in pieces, as they are made; closing the iterator stops the model.

    `adapter` is a folder, or a name as "pirate" or "dpo/pirate" (a served name on vllm/). Raises at once
    SettingsError or ModelError for what cannot be asked, and EngineError while the answer is read.
    """
    name = parse_model(model, default="local") if isinstance(model, str) else model
    if name.provider == "fake":
        return _rehearsed(settings, name, messages, sampling or CHAT)
    place, line = place_of(settings, name, adapter, strength), Line()
    return Answering(_streamed(place, messages, sampling or CHAT, line), line)


def place_of(
    settings: Settings, model: ModelName, adapter: LocalAdapter | Path | str | None, strength: float
) -> Place:
    """Where to ask; an embedded server is started. Raises SettingsError, ModelError."""
    checked_strength(strength)
    if model.provider == "local":
        return Place(model, _here(settings, model, adapter, strength))
    if adapter is not None:
        if model.provider not in ("vllm", "http") or strength != 1.0:
            raise SettingsError(
                f"{model.full} takes no adapter with a strength; only local/ models do. On vllm/ an "
                "adapter is asked for by its served name, at strength 1."
            )
        model = replace(model, model=str(adapter))
    if model.address:
        return Place(model, Endpoint(model.address, BARE_SERVER))
    return Place(model, _elsewhere(settings, model))


def _here(
    settings: Settings, model: ModelName, adapter: LocalAdapter | Path | str | None, strength: float
) -> Endpoint:
    from core.embedded.server import ensure_server

    if isinstance(adapter, Path | str):
        adapter = find_adapter(settings, model.model, adapter)
    server = ensure_server(settings, model.model, adapter=adapter)
    extra = Wearing(adapter, strength).as_body() if adapter else {}
    return Endpoint(server.base_url, PROVIDERS["local"], extra=extra)


def _elsewhere(settings: Settings, model: ModelName) -> Endpoint:
    from core.serving import find_vllm

    endpoint = provider_endpoint(model.provider, settings)
    is_default = settings.base_url("vllm") == PROVIDERS["vllm"].base_url
    if model.provider == "vllm" and is_default and (found := find_vllm(settings, model.model)):
        return replace(endpoint, base_url=found.base_url)
    return endpoint


def _rehearsed(
    settings: Settings, model: ModelName, messages: Sequence[Message], sampling: Sampling
) -> Iterator[str]:
    """What the fake engine of the tests says, word by word."""
    answer = asyncio.run(open_engine(model, settings).complete(messages, sampling))
    return iter(re.findall(r"\s*\S+\s*", answer.text))


def _streamed(place: Place, messages: Sequence[Message], sampling: Sampling, line: Line) -> Generator[str]:
    try:
        with _worded(place), _client(place.endpoint, line) as client:
            turns: Any = [message.as_dict() for message in messages]
            ask: Any = client.chat.completions.create
            wishes = _wishes(place, sampling, goes_on=messages[-1].role == "assistant")
            with ask(messages=turns, stream=True, **wishes) as answer:
                for chunk in answer:
                    if piece := _piece(chunk):
                        yield piece
    except EngineError:
        # A connection that we ended ourselves is no failure of the server's.
        if not line.is_cut:
            raise


def _piece(chunk: Any) -> str:
    """The text in one event; the last ones have none."""
    choices = getattr(chunk, "choices", None) or []
    return (choices[0].delta.content or "") if choices and choices[0].delta else ""


def _wishes(place: Place, sampling: Sampling, *, goes_on: bool = False) -> dict[str, Any]:
    """The request without its messages, in the endpoint's dialect; `goes_on` with the last of them."""
    dialect, extra = place.endpoint.dialect, dict(place.endpoint.extra)
    if goes_on and dialect.name == "vllm":
        extra |= {"add_generation_prompt": False, "continue_final_message": True}
    if sampling.repetition_penalty is not None and dialect.penalty_field:
        extra[dialect.penalty_field] = sampling.repetition_penalty
    wishes: dict[str, Any] = {
        "model": place.model.model,
        dialect.max_tokens_field: sampling.max_tokens,
        "extra_body": extra,
    }
    if not dialect.has_fixed_sampling(place.model.model):
        wishes |= {"temperature": sampling.temperature, "top_p": sampling.top_p}
    if sampling.seed is not None:
        wishes["seed"] = sampling.seed
    return wishes | ({"stop": list(sampling.stop)} if sampling.stop else {})


@contextlib.contextmanager
def _client(endpoint: Endpoint, line: Line) -> Generator[openai.OpenAI]:
    """An SDK client that asks once, follows no redirect and sends no other secret than the place's own."""
    import openai

    key = endpoint.secret.reveal() if endpoint.secret else "none"

    def only_ours(request: Any) -> None:
        for name in [name for name in request.headers if name.lower() not in SENT]:
            del request.headers[name]
        request.headers["Authorization"] = f"Bearer {key}"
        request.extensions = {**request.extensions, "trace": line.watch}

    limits = openai.Timeout(QUIET_S, connect=CONNECT_S)
    http = openai.DefaultHttpxClient(
        follow_redirects=False, timeout=limits, event_hooks={"request": [only_ours]}
    )
    with openai.OpenAI(
        base_url=endpoint.base_url,
        api_key=key,
        default_headers=dict(endpoint.headers),
        max_retries=0,
        timeout=limits,
        http_client=http,
    ) as client:
        yield client


@contextlib.contextmanager
def _worded(place: Place) -> Generator[None]:
    """Turn the SDK's errors into ours: what, where, what to do now."""
    import openai

    try:
        yield
    except openai.APITimeoutError:
        raise _error(place, "timeout", f"nothing came for {QUIET_S:.0f} s") from None
    except openai.APIConnectionError:
        raise _error(place, "unreachable", f"no server answers at {place.endpoint.base_url}") from None
    except openai.APIStatusError as error:
        kind = kind_of_status(error.status_code, retry_after=False)
        said = message_in(error.body) or "no reason given"
        raise _error(place, kind, f"HTTP {error.status_code}: {said}", error.status_code) from None
    except openai.APIError as error:
        # An error in the middle of a stream comes as an event under HTTP 200.
        raise _error(place, "transient", str(error.message)) from None
    except (openai.OpenAIError, ValueError) as error:
        raise _error(place, "unreadable", f"the answer cannot be read ({error})") from None


def _error(place: Place, kind: str, reason: str, status: int | None = None) -> EngineError:
    secret = place.endpoint.secret
    # Cleared of the key before it is cut: half a key would not be recognised any more.
    said = redact(reason, [secret.reveal()] if secret else [])[:LONGEST_REASON]
    return EngineError(
        f"{place.model.full}: {said}. {advice(kind, place.endpoint.dialect)}".rstrip(),
        kind=kind,
        stops_job=kind in STOPS_JOB,
        status=status,
        transient=kind in ASK_AGAIN,
    )
