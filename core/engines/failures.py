"""What a failed request means: for this row, for the job, and for the person who must mend it.

| kind | what it was | asked again | stops the job |
|---|---|---|---|
| rate_limited | 429, or 402 with Retry-After: too much at once or a second | until patience ends | no |
| transient | 5xx, 408, 409, an `error` body under HTTP 200, `finish_reason` "error" | yes | no |
| timeout, connection | no answer, or half of one | yes | no |
| unreachable | nobody listens, an unknown name, a bad certificate | yes | when nobody ever answers |
| empty, unreadable | no choices, no text, no JSON | yes | no |
| refused, filtered, too_large | this row is not wanted: 400, a content filter, a huge answer | no | no |
| exhausted | all tokens went into reasoning | no | no |
| key, credit, forbidden, model, redirect | 401, 402, 403, 404, 3xx | no | at once |
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

from core.names import Provider

TRANSIENT_STATUSES = frozenset({408, 409, 425, 500, 502, 503, 504, 520, 522, 524, 529})
STOPS_JOB = frozenset({"key", "credit", "forbidden", "model", "redirect"})
ASK_AGAIN = frozenset(
    {"rate_limited", "transient", "timeout", "connection", "unreachable", "empty", "unreadable"}
)
_KIND_OF_STATUS = {401: "key", 402: "credit", 403: "forbidden", 404: "model", 429: "rate_limited"}
# Beyond this a date or a number of seconds is a mistake or malice, and means no more than "later".
LONGEST_RETRY_AFTER_S = 86_400.0


class Trouble(Exception):
    """One failed attempt: its kind, the reason in words, and how long the server asked to wait."""

    def __init__(
        self,
        kind: str,
        reason: str,
        *,
        status: int | None = None,
        retry_after_s: float | None = None,
        maybe_billed: bool = False,
    ) -> None:
        super().__init__(reason)
        self.kind = kind
        self.reason = reason
        self.status = status
        self.retry_after_s = retry_after_s
        self.maybe_billed = maybe_billed


def kind_of_status(status: int, *, retry_after: bool) -> str:
    """What an HTTP status means, one of the kinds above."""
    if status == 402 and retry_after:
        return "rate_limited"
    if status in _KIND_OF_STATUS:
        return _KIND_OF_STATUS[status]
    if 300 <= status < 400:
        return "redirect"
    return "transient" if status in TRANSIENT_STATUSES or status >= 500 else "refused"


def trouble_of(status: int, body: Any, text: str, headers: Mapping[str, str]) -> Trouble:
    """The trouble of an answer that is not HTTP 200."""
    wait = retry_after(headers)
    kind = kind_of_status(status, retry_after=wait is not None)
    if kind == "forbidden" and _is_moderation(body):
        kind = "filtered"
    said = message_in(body) or text.strip()[:2000] or "no reason given"
    return Trouble(kind, f"HTTP {status}: {said}", status=status, retry_after_s=wait)


def trouble_in_body(error: Any, status: int = 200) -> Trouble:
    """The trouble of an `error` object that came under HTTP 200; its own code says what it is."""
    code = error.get("code") if isinstance(error, dict) else None
    kind = "transient"
    if isinstance(code, int) and not isinstance(code, bool) and 400 <= code < 600:
        kind = kind_of_status(code, retry_after=False)
    said = message_in({"error": error}) or "an error without a reason"
    return Trouble(kind, said, status=status)


def _is_moderation(body: Any) -> bool:
    """Whether a 403 is about this text (OpenRouter's moderation) and not about the account."""
    error = body.get("error") if isinstance(body, dict) else None
    metadata = error.get("metadata") if isinstance(error, dict) else None
    return isinstance(metadata, dict) and ("reasons" in metadata or "flagged_input" in metadata)


def message_in(body: Any) -> str:
    """The reason a server gave, wherever it put it; "" when it gave none."""
    if not isinstance(body, dict):
        return ""
    error = body.get("error", body)
    if isinstance(error, str):
        return error
    if not isinstance(error, dict):
        return ""
    message = error.get("message") or error.get("detail") or error.get("code")
    metadata = error.get("metadata")
    raw = metadata.get("raw") if isinstance(metadata, dict) else None
    # OpenRouter's own message is "Provider returned error"; what the provider said is beside it.
    extra = f" ({raw})" if isinstance(raw, str) and raw.strip() else ""
    return f"{message}{extra}" if message else ""


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that the server asks to wait, from milliseconds, seconds or a date; None for garbage.

    Never negative, at most a day, so that no header can stop a job for ever.
    """
    found = _number(headers.get("retry-after-ms"))
    if found is not None:
        return _bounded(found / 1000)
    value = headers.get("Retry-After")
    if value is None:
        return None
    seconds = _number(value)
    if seconds is None:
        seconds = _seconds_until(value)
    return None if seconds is None else _bounded(seconds)


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return None if number != number else number


def _bounded(seconds: float) -> float:
    return min(LONGEST_RETRY_AFTER_S, max(0.0, seconds))


def _seconds_until(date: str) -> float | None:
    try:
        return parsedate_to_datetime(date).timestamp() - time.time()
    except (ValueError, TypeError, OverflowError):
        return None


def advice(kind: str, dialect: Provider) -> str:
    """What to do now, for the failures that a person can mend; "" for the others."""
    key = dialect.key_name or "the key"
    cures = {
        "key": f"Check {key} under Engines and keys or in the environment.",
        "credit": f"Add credit at {dialect.label}, then run again: finished rows are kept.",
        "model": "Check the model's name.",
        "forbidden": f"{dialect.label} does not allow this; check the account's permissions.",
        "unreachable": "Start the server or correct its address, then run again.",
        "redirect": "Use the server's final address: a key is never sent on to another host.",
        "exhausted": "Raise --max-tokens or choose a model that reasons less.",
        "rate_limited": "Run again later, or with a lower --max-concurrency.",
    }
    return cures.get(kind, "")
