"""Everything that can go wrong with one request, as data: what is answered, and how it goes on the wire.

Each function gives a `Fault` for a plan's script or shares; `parse` reads the spelling of `--fault`:
"503:0.05", "429/7:0.02", "late/3:0.01", "null_content:0.01".
"""

from __future__ import annotations

import functools
import json
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

Wire = Literal[
    "whole", "cut", "reset", "drip", "silent", "drop", "stale", "close_after", "wrong_length", "stream",
    "restart",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault. `body` None keeps the ordinary answer, changed by `change`; `after_s` None its latency.

    `amount` is what the way on the wire needs: bytes sent before a cut or reset, seconds between two
    bytes of a drip, megabytes of a stream, bytes by which the length is wrong, seconds of being down.
    """

    name: str
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    change: Callable[[dict[str, Any]], None] | None = None
    wire: Wire = "whole"
    amount: float = 0.0
    after_s: float | None = None
    factor: float = 1.0
    swapped: bool = False
    echoes_key: bool = False


def status(
    code: int,
    message: str = "",
    *,
    retry_after: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Fault:
    """An error status with an OpenAI-like body; `retry_after` is sent as it stands."""
    sent = dict(headers or {}) | ({"Retry-After": retry_after} if retry_after is not None else {})
    body = json.dumps({"error": {"message": message or f"scripted {code}", "code": code}}).encode()
    return Fault(f"status {code}", code, tuple(sent.items()), body)


def rate_limited(retry_after: str | None = None, *, retry_after_ms: str | None = None) -> Fault:
    """429 at once, with any text as Retry-After."""
    headers = {} if retry_after_ms is None else {"retry-after-ms": retry_after_ms}
    return replace(status(429, "slow down", retry_after=retry_after, headers=headers), after_s=0.0)


def context_length() -> Fault:
    """400 as for a conversation that is too long."""
    return status(400, "This model's maximum context length is 4096 tokens.")


def bad_key() -> Fault:
    """401."""
    return status(401, "Incorrect API key provided.")


def no_credit(retry_after: str | None = None) -> Fault:
    """402; with Retry-After it is OpenRouter's budget for requests in flight, else it is final."""
    headers = {} if retry_after is None else {"limit_source": "openrouter_in_flight_budget"}
    return status(402, "Insufficient credits.", retry_after=retry_after, headers=headers)


def no_model() -> Fault:
    """404."""
    return status(404, "The model does not exist.")


def answers(name: str, change: Callable[[dict[str, Any]], None]) -> Fault:
    """HTTP 200 with the ordinary body after `change` has edited it."""
    return Fault(name, change=change)


def error_body(message: str = "upstream failed") -> Fault:
    """HTTP 200 with an error instead of an answer, as OpenRouter does once it has begun."""
    return Fault("error_body", body=json.dumps({"error": {"message": message, "code": 502}}).encode())


def no_choices() -> Fault:
    """HTTP 200 with an empty list of choices."""
    return answers("no_choices", lambda body: body.update(choices=[]))


def null_content() -> Fault:
    """HTTP 200 with `content: null`."""
    return answers("null_content", lambda body: body["choices"][0]["message"].update(content=None))


def only_reasoning() -> Fault:
    """HTTP 200 with reasoning and no text."""
    message = {"content": None, "reasoning_content": "Let me think about it for ever."}
    return answers("only_reasoning", lambda body: body["choices"][0]["message"].update(message))


def empty_text() -> Fault:
    """HTTP 200 with an empty text."""
    return answers("empty_text", lambda body: body["choices"][0]["message"].update(content=""))


def finish(reason: str) -> Fault:
    """HTTP 200 with another finish reason: error, length or content_filter."""
    return answers(f"finish {reason}", lambda body: body["choices"][0].update(finish_reason=reason))


def choice_error(message: str = "provider failed midway") -> Fault:
    """HTTP 200 with an error inside the choice."""
    return answers("choice_error", lambda body: body["choices"][0].update(error={"message": message}))


def truncated(sent: int = 120) -> Fault:
    """The connection is closed after `sent` bytes of the body, its length announced in full."""
    return Fault("truncated", wire="cut", amount=sent)


def reset(sent: int = 120) -> Fault:
    """The connection is reset (RST) after `sent` bytes of the body."""
    return Fault("reset", wire="reset", amount=sent)


def not_json() -> Fault:
    """HTTP 200 with JSON that ends too early."""
    return Fault("not_json", body=b'{"choices": [{"message": {"content": "Arr')


def captive_portal() -> Fault:
    """HTTP 200 with the web page of a captive portal."""
    page = b"<!doctype html><title>Welcome to the airport</title><p>Please accept the terms."
    return Fault("captive_portal", headers=(("Content-Type", "text/html"),), body=page)


@functools.cache
def gzip_bomb(megabytes: int = 200) -> Fault:
    """A body of some hundred kilobytes that inflates to `megabytes`."""
    packer = zlib.compressobj(9, wbits=31)
    block = b"A" * 1_000_000
    parts = [packer.compress(b'{"choices": [{"message": {"content": "')]
    parts += [packer.compress(block) for _ in range(megabytes)]
    parts += [packer.compress(b'"}, "finish_reason": "stop"}]}'), packer.flush()]
    return Fault("gzip_bomb", headers=(("Content-Encoding", "gzip"),), body=b"".join(parts))


def huge(megabytes: float = 200) -> Fault:
    """A body of `megabytes`, sent as fast as the client reads it."""
    return Fault("huge", wire="stream", amount=megabytes)


def wrong_length(by: int = 100) -> Fault:
    """Content-Length is wrong: too large by `by` bytes (then the connection closes), or too small."""
    return Fault("wrong_length", wire="wrong_length", amount=by)


def silent() -> Fault:
    """Never answers."""
    return Fault("silent", wire="silent")


def drip(every_s: float = 10.0) -> Fault:
    """Answers byte by byte, one every `every_s` seconds."""
    return Fault("drip", wire="drip", amount=every_s)


def late(seconds: float) -> Fault:
    """Answers in full after `seconds`."""
    return Fault("late", after_s=seconds)


def slow(factor: float = 100.0) -> Fault:
    """A straggler: `factor` times the request's latency."""
    return Fault("slow", factor=factor)


def drop() -> Fault:
    """Closes the connection without an answer."""
    return Fault("drop", wire="drop")


def stale() -> Fault:
    """As `drop`, on a connection that answered before; a fresh connection is answered."""
    return Fault("stale", wire="stale")


def close_after() -> Fault:
    """Answers, then closes the kept-alive connection without having said so."""
    return Fault("close_after", wire="close_after")


def swapped() -> Fault:
    """The answer that was sent to the request before, once more."""
    return Fault("swapped", swapped=True)


def redirect(to: str, code: int = 307) -> Fault:
    """A redirect to another address."""
    return Fault(f"redirect {code}", code, (("Location", to),), b"")


def echo_key(code: int = 401) -> Fault:
    """An error whose body and headers repeat the Authorization header's value."""
    return Fault(f"echo_key {code}", code, echoes_key=True)


def restart(down_s: float = 1.0) -> Fault:
    """The server drops every connection, refuses new ones for `down_s` seconds, and is back."""
    return Fault("restart", wire="restart", amount=down_s)


_BY_NAME: dict[str, Callable[..., Fault]] = {
    made.__name__: made
    for made in (
        context_length, bad_key, no_model, error_body, no_choices, null_content, only_reasoning,
        empty_text, choice_error, truncated, reset, not_json, captive_portal, gzip_bomb, huge,
        wrong_length, silent, drip, late, slow, drop, stale, close_after, swapped, echo_key, restart,
    )
}  # fmt: skip


def parse(text: str) -> tuple[float, Fault]:
    """A `--fault`: a status or a name, "/" and its number if it takes one, ":" and the share."""
    spec, _, share = text.rpartition(":")
    name, _, argument = spec.partition("/")
    if name.isdigit():
        made = status(int(name), retry_after=argument or None)
        return float(share), replace(made, after_s=0.0) if name == "429" else made
    if name == "finish":
        return float(share), finish(argument)
    number = float(argument) if argument else None
    whole = int(number) if number is not None and number.is_integer() else number
    return float(share), _BY_NAME[name]() if whole is None else _BY_NAME[name](whole)
