"""Any OpenAI-compatible endpoint: OpenRouter, Together, OpenAI, vLLM, Ollama, LM Studio, our own.

One aiohttp session an engine, one request a call: when to ask again is decided by `core.bulk`. A key
goes to the engine's own host and to no other: redirects are not followed. Bodies are read up to a cap,
and compressed ones are unpacked only so far, so no answer can fill the memory.
"""

from __future__ import annotations

import asyncio
import json
import socket
import time
import zlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from json.encoder import encode_basestring_ascii as _quoted
from typing import Any, NoReturn

import aiohttp
from aiohttp.abc import ResolveResult
from yarl import URL

from core.engines.failures import ASK_AGAIN, STOPS_JOB, Trouble, advice
from core.engines.reading import completions_of, read_answer
from core.errors import EngineError
from core.names import Provider
from core.records import Completion, Identity, Message, Role, Sampling
from core.settings import Secret, is_link_local, redact

LARGEST_ANSWER_BYTES = 16 * 1024 * 1024
LONGEST_REASON = 500
READ_BUFFER_BYTES = 1 << 20
KEEP_ALIVE_S = 60.0
# A connection that was closed while it was idle says so at once; later, the request was at work.
STALE_WITHIN_S = 0.5
# Closed before an answer had begun; in the middle of one it is a ClientPayloadError.
CLOSED = (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError, aiohttp.ClientConnectionResetError)
Answer = tuple[int, bytes, Mapping[str, str]]
# Made once: `json.dumps` would make an encoder at every call.
_as_json = json.JSONEncoder(separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds: for a whole request, without a byte arriving, and to connect."""

    total: float = 900.0
    idle: float = 300.0
    connect: float = 15.0


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where an engine sends its requests. `headers` never hold a key; `extra` goes into every body."""

    base_url: str
    dialect: Provider
    secret: Secret | None = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    extra: Mapping[str, Any] = field(default_factory=dict[str, Any])


class OpenAICompatible:
    """An engine over one chat-completions endpoint.

    With `relocate`, the address comes from it, at the first request and again when the connection
    is refused: an embedded server is started when needed, and once more if it stopped when idle.
    """

    def __init__(
        self,
        name: str,
        model: str,
        endpoint: Endpoint,
        identity: Identity,
        *,
        timeouts: Timeouts | None = None,
        relocate: Callable[[], Awaitable[str]] | None = None,
    ) -> None:
        self.name = name
        self.model = model
        self.identity = identity
        self._endpoint = endpoint
        self._url = None if relocate else _chat_url(endpoint.base_url)
        self._timeouts = timeouts or Timeouts()
        self._relocate = relocate
        self._session: aiohttp.ClientSession | None = None
        self._fresh: aiohttp.ClientSession | None = None
        self._begun: tuple[tuple[Sampling, Role, int | None] | None, str] = None, ""
        self.requests = 0

    @property
    def can_prefill(self) -> bool:
        """Whether a trailing assistant message is continued."""
        return self._endpoint.dialect.can_prefill

    @property
    def samples_at_once(self) -> bool:
        """Whether the server is known to take `n`, so that one prompt is read once for several answers."""
        return self._endpoint.dialect.takes_n

    async def complete(self, messages: Sequence[Message], sampling: Sampling) -> Completion:
        """The answer to one request. Raises EngineError."""
        return (await self._answers(messages, sampling))[0]

    async def complete_several(
        self, messages: Sequence[Message], sampling: Sampling, count: int
    ) -> list[Completion]:
        """Up to `count` answers to one request; fewer where the server ignores `n`. Raises EngineError."""
        return (await self._answers(messages, sampling, n=count))[:count]

    def payload(self, messages: Sequence[Message], sampling: Sampling) -> dict[str, Any]:
        """The request body in the endpoint's dialect."""
        turns = [message.as_dict() for message in messages]
        return {**self._wishes(sampling, messages[-1].role), "messages": turns}

    def _wishes(self, sampling: Sampling, last: Role) -> dict[str, Any]:
        """The body without its messages, of which the last is this role's."""
        dialect = self._endpoint.dialect
        body: dict[str, Any] = {
            "model": self.model,
            dialect.max_tokens_field: sampling.max_tokens,
            **self._endpoint.extra,
        }
        if not dialect.has_fixed_sampling(self.model):
            body |= {"temperature": sampling.temperature, "top_p": sampling.top_p}
        if sampling.seed is not None:
            body["seed"] = sampling.seed
        if sampling.stop:
            body["stop"] = list(sampling.stop)
        if sampling.repetition_penalty is not None and dialect.penalty_field:
            body[dialect.penalty_field] = sampling.repetition_penalty
        if sampling.top_logprobs and dialect.gives_logprobs(self.model):
            body |= {"logprobs": True, "top_logprobs": sampling.top_logprobs}
        if last == "assistant" and dialect.name == "vllm":
            body |= {"add_generation_prompt": False, "continue_final_message": True}
        return body

    def _body(self, messages: Sequence[Message], sampling: Sampling, n: int | None) -> bytes:
        """The request as it is sent. What all requests with one sampling share is encoded once."""
        kind = (sampling, messages[-1].role, n)
        if kind != self._begun[0]:
            several = {} if n is None else {"n": n}
            wishes = {**self._wishes(sampling, messages[-1].role), **several}
            self._begun = kind, f'{_as_json(wishes)[:-1]},"messages":['
        return f"{self._begun[1]}{','.join([_turn(message) for message in messages])}]}}".encode()

    async def _answers(
        self, messages: Sequence[Message], sampling: Sampling, n: int | None = None
    ) -> list[Completion]:
        data = self._body(messages, sampling, n)
        started = time.monotonic()
        try:
            if self._url is None and self._relocate is not None:
                self._url = _chat_url(await self._relocate())
            posts, (status, answer, headers) = await self._ask(data)
            found = completions_of(read_answer(status, answer, headers), time.monotonic() - started)
            return found if posts == 1 else [replace(one, attempts=posts) for one in found]
        except Trouble as trouble:
            if trouble.kind == "unreachable" and self._relocate is not None:
                self._url = None
            raise self._error(trouble) from None

    async def _ask(self, data: bytes) -> tuple[int, Answer]:
        """How often it was sent, and what came back."""
        started = time.monotonic()
        try:
            return 1, await self._post(data)
        except CLOSED as error:
            if time.monotonic() - started > STALE_WITHIN_S:
                self._broke(error)
        # The server had closed a connection that was kept open: ask again on a fresh one, at once.
        try:
            return 2, await self._post(data, fresh=True)
        except CLOSED as error:
            self._broke(error)

    async def _post(self, data: bytes, *, fresh: bool = False) -> Answer:
        assert self._url is not None
        self.requests += 1
        session = self._on_a_fresh_connection() if fresh else self._session or self._open_session()
        try:
            async with session.post(self._url, data=data, allow_redirects=False) as response:
                return response.status, await _read_capped(response), response.headers
        except aiohttp.ClientConnectorError as error:
            raise Trouble("unreachable", f"no server answers at {self._place} ({_why(error)})") from None
        except CLOSED:
            raise
        except aiohttp.ConnectionTimeoutError:
            what = f"{self._place} takes no connection within {self._timeouts.connect:.0f} s"
            raise Trouble("unreachable", what) from None
        except TimeoutError as error:
            idle = isinstance(error, aiohttp.SocketTimeoutError)
            what = (
                f"nothing for {self._timeouts.idle:g} s"
                if idle
                else f"no answer in {self._timeouts.total:g} s"
            )
            raise Trouble("timeout", what, maybe_billed=True) from None
        except aiohttp.InvalidURL:
            raise Trouble("unreachable", f"{self._place} is no address that can be asked") from None
        except (aiohttp.ClientError, ConnectionError) as error:
            self._broke(error)

    def _broke(self, error: Exception) -> NoReturn:
        what = f"the connection broke before the answer was whole ({type(error).__name__})"
        raise Trouble("connection", what, maybe_billed=True) from None

    @property
    def _place(self) -> str:
        return str(self._url.parent.parent) if self._url is not None else self.name

    def _open_session(self) -> aiohttp.ClientSession:
        self._session = self._new_session(keep=True)
        return self._session

    def _on_a_fresh_connection(self) -> aiohttp.ClientSession:
        """A session that opens a connection for every request: others of the pool may be dead too."""
        self._fresh = self._fresh or self._new_session(keep=False)
        return self._fresh

    def _new_session(self, *, keep: bool) -> aiohttp.ClientSession:
        headers = {
            "Content-Type": "application/json",
            # Compression would cost both sides time, and lets a small answer unpack into a huge one.
            "Accept-Encoding": "identity",
            **self._endpoint.headers,
        }
        if self._endpoint.secret is not None:
            headers["Authorization"] = f"Bearer {self._endpoint.secret.reveal()}"
        limits = self._timeouts
        resolver = CarefulResolver()
        pool = (
            aiohttp.TCPConnector(limit=0, resolver=resolver, keepalive_timeout=KEEP_ALIVE_S)
            if keep
            else aiohttp.TCPConnector(limit=0, resolver=resolver, force_close=True)
        )
        return aiohttp.ClientSession(
            headers=headers,
            timeout=aiohttp.ClientTimeout(
                total=limits.total, sock_read=limits.idle, sock_connect=limits.connect
            ),
            connector=pool,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            read_bufsize=READ_BUFFER_BYTES,
        )

    def _error(self, trouble: Trouble) -> EngineError:
        secret = self._endpoint.secret
        # Cleared of the key before it is cut: half a key would not be recognised any more.
        reason = redact(trouble.reason, [secret.reveal()] if secret else [])[:LONGEST_REASON]
        said = f"{self.name}: {reason}{'' if reason.endswith(('.', '!', '?')) else '.'}"
        return EngineError(
            f"{said} {advice(trouble.kind, self._endpoint.dialect)}".rstrip(),
            kind=trouble.kind,
            stops_job=trouble.kind in STOPS_JOB,
            status=trouble.status,
            transient=trouble.kind in ASK_AGAIN,
            retry_after_s=trouble.retry_after_s,
            maybe_billed=trouble.maybe_billed,
        )

    async def close(self) -> None:
        """Close the connections."""
        for session in (self._session, self._fresh):
            if session is not None:
                await session.close()
                # Connections say goodbye in the loop's next turns; ending it at once would warn of them.
                await asyncio.sleep(0)
        self._session = self._fresh = None


class CarefulResolver(aiohttp.ThreadedResolver):
    """Finds addresses like any other, but none of the machine's own network card.

    A name that was checked may point elsewhere a moment later: what is dialled is what is checked.
    """

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses of a name. Raises OSError where one of them is link-local."""
        found = await super().resolve(host, port, family)
        if any(is_link_local(one["host"]) for one in found):
            raise OSError(None, f"{host} leads to the machine's own network card")
        return found


def _turn(message: Message) -> str:
    """One message as JSON; twice as fast as an encoder that must look what it has before it."""
    return f'{{"role":"{message.role}","content":{_quoted(message.content)}}}'


def _chat_url(base_url: str) -> URL:
    return URL(f"{base_url.rstrip('/')}/chat/completions")


def _why(error: aiohttp.ClientConnectorError) -> str:
    """The reason without the address, which stands before it already."""
    return str(error.os_error.strerror or error.os_error)


async def _read_capped(response: aiohttp.ClientResponse) -> bytes:
    """The body, unpacked where it came compressed. Raises Trouble for one above the cap."""
    body = await response.content.readany()
    while not response.content.at_eof():
        body += await response.content.readany()
        if len(body) > LARGEST_ANSWER_BYTES:
            break
    if len(body) > LARGEST_ANSWER_BYTES:
        response.close()
        raise _too_large()
    coding = response.headers.get("Content-Encoding")
    return body if coding is None else _unpacked(body, coding.strip().lower())


def _unpacked(body: bytes, coding: str) -> bytes:
    """What a server compressed although it was asked not to."""
    if coding in ("", "identity"):
        return body
    if coding not in ("gzip", "deflate"):
        raise Trouble("unreadable", f"the answer is compressed as {coding[:20]!r}", status=200)
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 32 if coding == "gzip" else zlib.MAX_WBITS)
    try:
        text = unpacker.decompress(body, LARGEST_ANSWER_BYTES)
    except zlib.error:
        raise Trouble("unreadable", "the answer is damaged (compression)", status=200) from None
    if unpacker.unconsumed_tail:
        raise _too_large()
    return text


def _too_large() -> Trouble:
    return Trouble(
        "too_large", f"the answer is larger than {LARGEST_ANSWER_BYTES >> 20} MB", maybe_billed=True
    )
