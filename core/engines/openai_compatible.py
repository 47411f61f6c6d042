"""Any OpenAI-compatible endpoint: OpenRouter, Together, OpenAI, vLLM, Ollama, LM Studio, our own.

One aiohttp session an engine. Transient failures are retried here with growing, jittered pauses;
what asking again cannot mend stops the job at once. A key goes to the engine's own host and to no
other: redirects are not followed.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp

from core.errors import EngineError
from core.names import Provider
from core.records import Completion, Identity, Message, Sampling, Usage
from core.settings import Secret, redact

TRANSIENT = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 520, 522, 524, 529})
LARGEST_ANSWER_BYTES = 16 * 1024 * 1024
LONGEST_PAUSE_S = 60.0
LONGEST_REASON = 500


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait and how often to ask. Pauses double from `pause_s`, half of each is random."""

    attempts: int = 5
    total_s: float = 300.0
    connect_s: float = 10.0
    pause_s: float = 1.0


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where an engine sends its requests. `headers` never hold a key."""

    base_url: str
    dialect: Provider
    secret: Secret | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


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
        patience: Patience | None = None,
        relocate: Callable[[], Awaitable[str]] | None = None,
    ) -> None:
        self.name = name
        self.model = model
        self.identity = identity
        self._endpoint = endpoint
        self._base_url = "" if relocate else endpoint.base_url.rstrip("/")
        self._patience = patience or Patience()
        self._relocate = relocate
        self._session: aiohttp.ClientSession | None = None
        self.requests = 0

    @property
    def can_prefill(self) -> bool:
        """Whether a trailing assistant message is continued."""
        return self._endpoint.dialect.can_prefill

    async def complete(self, messages: Sequence[Message], sampling: Sampling) -> Completion:
        """The answer, after up to `attempts` tries. Raises EngineError."""
        body = json.dumps(self.payload(messages, sampling)).encode()
        if self._relocate and not self._base_url:
            self._base_url = await self._relocate()
        started = time.monotonic()
        for attempt in range(1, self._patience.attempts + 1):
            try:
                answer = await self._ask(body)
            except Trouble as trouble:
                if trouble.final or attempt >= self._attempts_for(trouble):
                    raise self._error(trouble, attempt) from None
                await self._recover(trouble, attempt)
            else:
                return completion_of(answer, attempt, time.monotonic() - started)
        raise AssertionError("the loop returns or raises")

    def payload(self, messages: Sequence[Message], sampling: Sampling) -> dict[str, Any]:
        """The request body in the endpoint's dialect."""
        dialect = self._endpoint.dialect
        body: dict[str, Any] = {
            "model": self.model,
            "messages": [message.as_dict() for message in messages],
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            dialect.max_tokens_field: sampling.max_tokens,
        }
        if sampling.seed is not None:
            body["seed"] = sampling.seed
        if sampling.stop:
            body["stop"] = list(sampling.stop)
        if sampling.repetition_penalty is not None and dialect.penalty_field:
            body[dialect.penalty_field] = sampling.repetition_penalty
        if messages[-1].role == "assistant" and dialect.name == "vllm":
            body |= {"add_generation_prompt": False, "continue_final_message": True}
        return body

    async def _ask(self, body: bytes) -> dict[str, Any]:
        self.requests += 1
        session = self._session or self._open_session()
        try:
            async with session.post(
                f"{self._base_url}/chat/completions", data=body, allow_redirects=False
            ) as response:
                text = await _read_capped(response)
        except aiohttp.ClientConnectorError as error:
            reason = error.os_error.strerror or error.os_error
            raise Trouble("unreachable", f"no server answers at {self._base_url} ({reason})") from None
        except TimeoutError:
            raise Trouble("timeout", f"no answer within {self._patience.total_s:.0f} s") from None
        except (aiohttp.ClientError, ConnectionError) as error:
            raise Trouble("connection", f"the connection broke ({type(error).__name__})") from None
        return read_answer(response.status, text, response.headers)

    def _open_session(self) -> aiohttp.ClientSession:
        headers = {"Content-Type": "application/json", **self._endpoint.headers}
        if self._endpoint.secret is not None:
            headers["Authorization"] = f"Bearer {self._endpoint.secret.reveal()}"
        patience = self._patience
        self._session = aiohttp.ClientSession(
            headers=headers,
            timeout=aiohttp.ClientTimeout(total=patience.total_s, sock_connect=patience.connect_s),
            connector=aiohttp.TCPConnector(limit=0),
        )
        return self._session

    def _attempts_for(self, trouble: Trouble) -> int:
        # Nobody there is soon certain; a busy server deserves more patience.
        return min(3, self._patience.attempts) if trouble.kind == "unreachable" else self._patience.attempts

    async def _recover(self, trouble: Trouble, attempt: int) -> None:
        if trouble.kind == "unreachable" and self._relocate is not None:
            self._base_url = await self._relocate()
            return
        await asyncio.sleep(pause(attempt, trouble.retry_after_s, first_s=self._patience.pause_s))

    def _error(self, trouble: Trouble, attempts: int) -> EngineError:
        secret = self._endpoint.secret
        # Cleared of the key before it is cut: half a key would not be recognised any more.
        reason = redact(trouble.reason, [secret.reveal()] if secret else [])[:LONGEST_REASON]
        return EngineError(
            f"{self.name}: {reason}{advice(trouble, self._endpoint.dialect)}",
            kind=trouble.kind,
            stops_job=trouble.kind in STOPS_JOB,
            status=trouble.status,
            attempts=attempts,
        )

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None


class Trouble(Exception):
    """One failed attempt: its kind, the reason in words, and how long the server asked to wait."""

    def __init__(
        self,
        kind: str,
        reason: str,
        *,
        status: int | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(reason)
        self.kind = kind
        self.reason = reason
        self.status = status
        self.retry_after_s = retry_after_s

    @property
    def final(self) -> bool:
        """Whether asking again cannot help."""
        return self.kind in STOPS_JOB - {"unreachable"} or self.kind == "refused"


STOPS_JOB = frozenset({"key", "credit", "forbidden", "model", "redirect", "unreachable"})
_KIND_OF_STATUS = {401: "key", 402: "credit", 403: "forbidden", 404: "model"}


def kind_of_status(status: int, *, retry_after: bool) -> str:
    """What an HTTP status means: "transient", "refused" (this row only), or one of `STOPS_JOB`."""
    if status in TRANSIENT or (status == 402 and retry_after):
        return "transient"
    if 300 <= status < 400:
        return "redirect"
    if status in _KIND_OF_STATUS:
        return _KIND_OF_STATUS[status]
    return "transient" if status >= 500 else "refused"


def advice(trouble: Trouble, dialect: Provider) -> str:
    """What to do now, for the failures that a person can mend."""
    key = dialect.key_name or "the key"
    cures = {
        "key": f" Check {key} on the Settings page or in the environment.",
        "credit": f" Add credit at {dialect.label}, then run again: finished rows are kept.",
        "model": " Check the model's name.",
        "forbidden": f" {dialect.label} does not allow this; check the account's permissions.",
        "unreachable": " Start the server or correct its address, then run again.",
        "redirect": " Use the server's final address: a key is never sent on to another host.",
    }
    return "." + cures[trouble.kind] if trouble.kind in cures else "."


async def _read_capped(response: aiohttp.ClientResponse) -> str:
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > LARGEST_ANSWER_BYTES:
            raise Trouble("refused", "the answer is larger than 16 MB")
    return body.decode("utf-8", errors="replace")


def read_answer(status: int, text: str, headers: Mapping[str, str]) -> dict[str, Any]:
    """The parsed body of a usable answer. Raises Trouble for everything else, HTTP 200 or not."""
    wait = retry_after(headers)
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        body = None
    if status != 200:
        kind = kind_of_status(status, retry_after=wait is not None)
        reason = f"HTTP {status}: {_message_in(body) or text.strip() or 'no reason given'}"
        raise Trouble(kind, reason, status=status, retry_after_s=wait)
    if not isinstance(body, dict):
        raise Trouble("unreadable", "the answer is not JSON", status=status)
    if body.get("error"):
        raise Trouble("transient", _message_in(body) or "an error without a reason", status=status)
    _check_choice(body)
    return body


def _check_choice(body: dict[str, Any]) -> None:
    choices = body.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise Trouble("empty", "the answer holds no choices", status=200)
    choice = choices[0]
    if choice.get("error") or choice.get("finish_reason") == "error":
        raise Trouble("transient", _message_in(choice) or "the provider failed midway", status=200)
    if choice.get("finish_reason") == "content_filter":
        raise Trouble("refused", "the provider's content filter blocked it", status=200)
    message = choice.get("message")
    if not isinstance(message, dict):
        raise Trouble("empty", "the answer holds no message", status=200)
    if not isinstance(message.get("content"), str) or not message["content"].strip():
        hint = " (all tokens went into reasoning)" if _reasoning_of(message) else ""
        raise Trouble("empty", f"the answer is empty{hint}", status=200)


def _message_in(body: Any) -> str:
    """The reason a server gave, wherever it put it."""
    if not isinstance(body, dict):
        return ""
    error = body.get("error", body)
    if isinstance(error, str):
        return error
    if isinstance(error, dict):
        message = error.get("message") or error.get("detail") or error.get("code")
        return str(message) if message else ""
    return ""


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that the server asks to wait, from seconds, a date or milliseconds; None for garbage."""
    try:
        if value := headers.get("retry-after-ms"):
            return max(0.0, float(value) / 1000)
        value = headers.get("Retry-After")
        return None if value is None else max(0.0, float(value))
    except ValueError:
        return _seconds_until(headers.get("Retry-After", ""))


def _seconds_until(date: str) -> float | None:
    try:
        return max(0.0, parsedate_to_datetime(date).timestamp() - time.time())
    except (ValueError, TypeError):
        return None


def pause(attempt: int, asked_s: float | None, *, first_s: float) -> float:
    """Seconds before the next attempt: half fixed, half random, at least what was asked, capped."""
    growing = first_s * 2 ** (attempt - 1)
    jittered = growing / 2 + random.uniform(0, growing / 2)
    return min(LONGEST_PAUSE_S, max(asked_s or 0.0, jittered))


def completion_of(body: dict[str, Any], attempts: int, seconds: float) -> Completion:
    """The fields that are kept of a chat-completions body."""
    choice = body["choices"][0]
    usage = _object(body.get("usage"))
    details = _object(usage.get("prompt_tokens_details"))
    cost = usage.get("cost")
    return Completion(
        text=choice["message"]["content"],
        finish_reason=choice.get("finish_reason"),
        reasoning=_reasoning_of(choice["message"]),
        usage=Usage(
            usage.get("prompt_tokens"), usage.get("completion_tokens"), details.get("cached_tokens")
        ),
        cost_usd=float(cost) if isinstance(cost, int | float) else None,
        served_model=body.get("model"),
        attempts=attempts,
        seconds=round(seconds, 3),
    )


def _object(value: Any) -> dict[str, Any]:
    """The value where it is an object, an empty one for whatever else a server may send."""
    return value if isinstance(value, dict) else {}


def _reasoning_of(message: Mapping[str, Any]) -> str | None:
    reasoning = message.get("reasoning_content") or message.get("reasoning")
    return reasoning if isinstance(reasoning, str) and reasoning.strip() else None
